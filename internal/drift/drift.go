// Package drift judges what was seen of a deployment: is the world still as the
// last fence or restore left it? It is a plain function of an inspection. It
// changes nothing, asks nobody and remembers nothing: how long a state has
// lasted is counted by the alarms, over the checks.
//
// Sites and accelerator are read side by side, not at one moment, and every
// fence passes through states that would be wrong for good. So one check's
// findings prove nothing yet: the alarm wants them in two of three checks.
package drift

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/contract"
)

// Judge lists what is not as it should be, in the order of the inspection.
//
// A pause hides nothing: it says that no fence is begun, not that a site may be
// half in. Whoever paused for maintenance by hand and is told of drift has
// proof that the watch works.
func Judge(in contract.Inspection) []contract.DriftFinding {
	w := world{in: in}
	w.accelerator()
	for _, site := range in.Sites {
		w.look(site)
	}
	if w.placed() {
		for _, from := range in.Sites {
			for _, to := range in.Sites {
				if from.Name != to.Name {
					w.link(from, to)
				}
			}
		}
		w.count()
	}
	w.rules()
	if in.PauseProblem != "" {
		w.blind("", "the pause parameter", in.PauseProblem)
	}
	if p := in.RunningProblem; p != nil {
		w.blind("", "what runs", awserr.Plain(p.Text))
	}
	return w.found
}

// Split parts the findings by the metric that counts them. That one site is left
// is what every fence leaves behind, on purpose: it becomes news when it lasts,
// and has an alarm of its own for that.
func Split(found []contract.DriftFinding) (drift, oneLeft []contract.DriftFinding) {
	for _, f := range found {
		if f.Reason == contract.OneSiteLeft {
			oneLeft = append(oneLeft, f)
		} else {
			drift = append(drift, f)
		}
	}
	return drift, oneLeft
}

type world struct {
	in    contract.Inspection
	found []contract.DriftFinding
}

func (w *world) add(reason contract.DriftReason, site contract.Site, format string, args ...any) {
	w.found = append(w.found, contract.DriftFinding{Reason: reason, Site: site, Evidence: fmt.Sprintf(format, args...)})
}

func (w *world) blind(site contract.Site, what, why string) {
	w.add(contract.CannotLook, site, "%s cannot be read: %s", what, why)
}

// placed reports whether what the accelerator holds was read. Its description
// alone may be missing: then the listeners are known nevertheless.
func (w *world) placed() bool {
	return w.in.Accelerator.Problem == nil || w.in.Accelerator.Listeners > 0
}

func (w *world) accelerator() {
	a := w.in.Accelerator
	switch p := a.Problem; {
	case p == nil:
	case p.Reason == contract.NotFound:
		w.add(contract.AcceleratorNotFound, "", "%s: %s", a.ARN, awserr.Plain(p.Text))
	default:
		w.blind("", "the accelerator", awserr.Plain(p.Text))
	}
	for _, balancer := range a.Unattributed {
		w.add(contract.UntaggedEndpoint, "", "%s has no tag `site` with a site of this deployment: nothing that concerns it can be fenced", balancer)
	}
}

// look tells of an Infinispan that cannot be asked. A site that is out of the
// accelerator may be unreachable for days: it was fenced because it was. What a
// human must mend there (a password, a certificate) is told all the same, for a
// restore would stop at it.
func (w *world) look(site contract.SiteState) {
	p := unread(site)
	if p == nil || w.placed() && !present(site) && p.Type == mayPass {
		return
	}
	w.blind(site.Name, "Infinispan of "+string(site.Name), awserr.Plain(p.Text))
}

// link judges one direction of replication. Only a site that is in the group
// counts as its source: what a fenced one sends to nobody's harm is the
// restore's business, which also switches it off on purpose for a while.
func (w *world) link(from, to contract.SiteState) {
	// Two without Infinispan have nothing to replicate. A backup that is not there
	// at all is no drift but a cluster that was never set up, or has no caches yet;
	// `sitefence doctor` tells of it.
	if !present(from) || from.Infinispan == nil || unread(from) != nil {
		return
	}
	status := from.Infinispan.Backups[to.Name]
	switch {
	case status == "":
	case present(to):
		// Mixed too: some caches of the two drift apart. Neither a fence nor a
		// restore passes here: the first removes the endpoints before it takes
		// replication offline, the second puts them back when it is proven online.
		if status != online {
			w.add(contract.FencedSiteBack, to.Name, "%s is in the accelerator (in service in %d of %d listeners) while %s's replication towards it is %s",
				to.Name, to.Standing.InService, w.in.Accelerator.Listeners, from.Name, status)
		}
	// An unattributed load balancer may be the absent site's (invariant I2 holds
	// back for the same reason): that is what has to be mended first.
	case len(w.in.Accelerator.Unattributed) > 0:
	// A fence that has removed the endpoints is on its way to take replication
	// offline, and a restore brings replication back long before the endpoints,
	// while a human is asked to start Keycloak. Both have an alarm for their
	// failure and an end in any case (the machines' TimeoutSeconds).
	case len(w.in.Running) > 0:
	case status != offline:
		w.add(contract.ReplicatesToAbsentSite, to.Name, "%s's replication towards %s is %s, but %s is not in the accelerator: writes at %s fail when the link does",
			from.Name, to.Name, status, to.Name, from.Name)
	}
}

// count counts who takes traffic. A site with weight 0 everywhere is no
// redundancy. With an unattributed load balancer nobody knows whose it is.
func (w *world) count() {
	var serving []string
	for _, site := range w.in.Sites {
		if site.Standing.InService > 0 {
			serving = append(serving, string(site.Name))
		}
	}
	switch {
	case len(w.in.Accelerator.Unattributed) > 0:
	case len(serving) == 0:
		w.add(contract.NoSiteLeft, "", "no site is in service in the accelerator")
	case len(serving) == 1:
		w.add(contract.OneSiteLeft, contract.Site(serving[0]), "%s serves alone", serving[0])
	}
}

// rules tells of a rule whose events are lost: EventBridge drops what only a
// disabled rule matches, and the queue of dead letters gets nothing of it.
func (w *world) rules() {
	for _, r := range w.in.Rules {
		switch p := r.Problem; {
		case p != nil && p.Reason == contract.NotFound:
			w.add(contract.RuleDisabled, "", "the rule %s is gone", r.Name)
		case p != nil:
			w.blind("", "the rule "+r.Name, awserr.Plain(p.Text))
		// ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS is one as well.
		case !strings.HasPrefix(r.State, "ENABLED"):
			w.add(contract.RuleDisabled, "", "the rule %s is %s: the events that it matches are lost", r.Name, r.State)
		}
	}
}

// The statuses of a backup, as Infinispan says them, and the type of a problem
// that needs no hand.
const (
	mayPass = "Transient"

	online  = "online"
	offline = "offline"
)

func present(site contract.SiteState) bool { return site.Standing.Endpoints > 0 }

// unread is why what a site's Infinispan says of its backups cannot be used. The
// view comes first: without it nobody knows that the URL answers as this site.
func unread(site contract.SiteState) *contract.Problem {
	i := site.Infinispan
	if i == nil {
		return nil
	}
	problems := []*contract.Problem{i.Problem, i.BackupsProblem}
	if at := slices.IndexFunc(problems, func(p *contract.Problem) bool { return p != nil }); at >= 0 {
		return problems[at]
	}
	return nil
}
