package report

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/history"
)

// summary is what happened, in two sentences.
func (r *Report) summary() string {
	site, by := shown(r.Site), shown(r.Reporter)
	why := fmt.Sprintf("%s reported that it could not see %s", by, site)
	if r.Order != nil {
		why = fmt.Sprintf("%s asked for it (%s)", r.Order.By, r.Order.Reason)
	}
	took := fmt.Sprintf(" It took %.1f s, from %s.", r.Seconds, clock(r.When))
	switch r.Kind {
	case history.Fenced:
		if r.Reason == contract.FenceLost {
			return fmt.Sprintf("%s: %s was out of the accelerator already, and replication from %s to it, which was on again, was stopped.", why, site, by) + took
		}
		return fmt.Sprintf("%s: %s was taken out of the accelerator, and %s stopped replicating to it.", why, site, by) + took
	case history.Rejoined:
		return fmt.Sprintf("%s: the endpoints of %s went back into the accelerator, both sites in sync.", why, site) + took
	case history.Rehearsed:
		return fmt.Sprintf("%s: this was a rehearsal, and nothing was changed; a real fence would have taken %s out of the accelerator and stopped replication from %s to it.", why, site, by) + took
	case history.Ignored:
		return fmt.Sprintf("%s: nothing was to be done (%s), and nothing was changed.", why, shown(r.Reason)) + took
	case history.Paused:
		return fmt.Sprintf("%s: the deployment was paused, so nothing was begun.", why) + took
	case history.Undecided:
		return fmt.Sprintf("%s: it could not be decided (%s), and nothing was changed.", why, shown(r.Reason)) + took
	case history.KindFailed:
		return fmt.Sprintf("%s: it failed (%s, %s).", why, shown(r.Error), shown(r.Reason)) + took
	case history.InSync:
		return fmt.Sprintf("%s: the data of %s was made equal to that of %s.", why, site, by) + took
	case history.RejoinStarted:
		return fmt.Sprintf("%s: Keycloak at %s was healthy, and its way back into the accelerator was begun.", why, site) + took
	case history.Undone:
		return fmt.Sprintf("%s: replication from %s to %s was stopped again.", why, by, site) + took
	case history.Running, history.Waiting:
		return fmt.Sprintf("%s: it is still running.", why) + took
	case history.Unknown:
	}
	return "The execution is none of Sitefence's, or what it started cannot be read." + took
}

// shown is a text, or a dash for none.
func shown[T ~string](text T) string {
	if text == "" {
		return "-"
	}
	return string(text)
}

var safeARN = regexp.MustCompile(`^arn:[a-zA-Z0-9:_/+=,.@-]+$`)

// siteArg and arnArg are for commands: what somebody may paste into a shell holds
// nothing that a shell could take for more than a word.
func siteArg(s contract.Site) string {
	if contract.NamePattern.MatchString(string(s)) {
		return string(s)
	}
	return "SITE"
}

func arnArg(arn string) string {
	if safeARN.MatchString(arn) {
		return arn
	}
	return "EXECUTION"
}

// next is what is to be done, by how it ended.
func (r *Report) next(e history.Execution) []Advice {
	site, guard := siteArg(r.Site), r.guard()
	restore := Advice{"When the link is well again, bring " + shown(r.Site) + " back:", "sitefence restore --site " + site + r.flags}
	replay := Advice{"Then replay the guard execution. It looks at the world anew, and is safe at any time:", "sitefence replay " + arnArg(guard) + r.flags}
	if r.Forced { // an order skips the question whether the site is lost: it is given anew
		replay = Advice{"Then give the order again, if it is still wanted and " + shown(r.Site) + " still has an endpoint (if it has none, take it offline by hand: docs/runbooks/take-offline-still-trying.md):", "sitefence fence --site " + site + " --reason TEXT" + r.flags}
	}
	look := Advice{"See that all is well:", "sitefence status" + r.flags}
	switch r.Kind {
	case history.Fenced:
		if r.rejoined() {
			return []Advice{{Text: "Nothing: " + shown(r.Site) + " is back in the accelerator (see the timeline)."}, look}
		}
		return []Advice{
			{Text: "Stop Keycloak at " + shown(r.Site) + ". Clients with open connections may still use it, and once the link is back its writes reach the survivor."},
			{Text: "Do not restart the Infinispan of " + shown(r.Reporter) + " as a whole: it would forget that replication is off."},
			{Text: "Find out why the link broke."}, restore}
	case history.Rejoined:
		return []Advice{{Text: "Nothing: redundancy is back."}, look}
	case history.Rehearsed:
		return r.afterRehearsal()
	case history.Ignored:
		return r.afterIgnored(restore, look)
	case history.Paused:
		return []Advice{{Text: "An alert that still fires is handled at its next repeat after the pause. To end the pause now:", Command: "sitefence resume" + r.flags}}
	case history.Undecided:
		return []Advice{{Text: "Mend what the evidence names (docs/reasons.md has the code " + shown(r.Reason) + ")."}, replay,
			{"Or choose yourself which site goes on, and fence the other:", "sitefence fence --site " + site + " --reason TEXT" + r.flags}}
	case history.KindFailed:
		return r.afterFailure(e, replay)
	case history.InSync:
		return []Advice{{"Start Keycloak at " + shown(r.Site) + ", then:", "sitefence restore --continue " + arnArg(e.ARN) + r.flags}}
	case history.RejoinStarted, history.Running, history.Waiting:
		return []Advice{{"Watch it:", "sitefence status --watch" + r.flags}}
	case history.Undone:
		return []Advice{{Text: shown(r.Site) + " is still fenced; leave Keycloak there stopped."}, restore}
	case history.Unknown:
	}
	return []Advice{look}
}

func (r *Report) afterRehearsal() []Advice {
	if len(r.Notes) == 0 {
		return []Advice{{Text: "Nothing: nothing was changed."}}
	}
	return []Advice{{Text: "Nothing was changed. See whether what is noted above would stand in the way of a real fence."}}
}

func (r *Report) afterIgnored(restore, look Advice) []Advice {
	switch r.Reason {
	case contract.AlreadyFenced:
		return []Advice{{Text: shown(r.Site) + " was fenced before; the alert goes on until the link is back."}, restore}
	case contract.ReporterAbsent:
		return []Advice{{"The reporter itself was fenced. When the link is well again, bring it back:", "sitefence restore --site " + siteArg(r.Reporter) + r.flags}}
	case contract.SiteVisible:
		return []Advice{{Text: "Nothing, if the link healed. If the alert fires on, its metric is wrong: compare it with Infinispan's sites_view."}, look}
	case contract.NotSeen, contract.NotReplicating:
		return []Advice{{"The site was not put back: the sites are not in sync. Restore it from the start:", "sitefence restore --site " + siteArg(r.Site) + r.flags}}
	}
	return []Advice{look}
}

// afterFailure follows docs/runbooks/fence-failed.md and ADR 6: redrive only what
// failed in KeepTakingOffline, replay the rest.
func (r *Report) afterFailure(e history.Execution, replay Advice) []Advice {
	site, in := shown(r.Site), e.In()
	mend := Advice{Text: "Mend what the cause names."}
	again := Advice{"Then restore again:", "sitefence restore --continue" + r.flags}
	switch state := r.in(e.ARN); {
	case in.Phase != "":
		return []Advice{{Text: "The cause says what state it left."}, mend, {"Then begin again:", "sitefence restore --site " + siteArg(r.Site) + r.flags}}
	case in.Operation == contract.OperationRejoin:
		return []Advice{{Text: "The survivor serves; the cause says whether " + site + " is back."}, mend, again}
	case r.DryRun:
		return []Advice{{Text: "Nothing was changed, but a real fence would fail too."}, mend,
			{"Then rehearse again:", "sitefence drill --reporter " + siteArg(r.Reporter) + " --site " + siteArg(r.Site) + r.flags}}
	case state == "KeepTakingOffline" && r.Reason != contract.Superseded && e.Status == types.ExecutionStatusFailed:
		return []Advice{
			{Text: "ACT NOW: " + site + " is out of the accelerator and " + shown(r.Reporter) + " still replicates to it, so its writes fail."}, mend,
			{"Then redrive this execution (within 14 days). It goes on where it failed:", "aws stepfunctions redrive-execution --execution-arn " + arnArg(e.ARN)},
			{Text: "If a newer fence execution exists, do this instead. " + replay.Text, Command: replay.Command}}
	case e.Error == "NotStartedByGuard":
		return []Advice{{Text: "Nothing was changed: a fence is not started by hand."}, {"To fence a site:", "sitefence fence --site " + siteArg(r.Site) + " --reason TEXT" + r.flags}}
	case e.Error == "HalfFenced":
		return []Advice{{Text: "If the link is well, put back by hand what is missing (the endpoints below). If it is not:"}, replay}
	case r.began():
		return []Advice{{Text: "ACT NOW: " + site + " may still be in the accelerator, or in a part of it, and replication to it may be on."}, mend, replay}
	case strings.Contains(e.Cause, string(contract.AlertTooOld)):
		return []Advice{{Text: "Nothing was changed. Wait for the next alert; a replay would be too old as well."}}
	}
	return []Advice{{Text: "Nothing was changed by this execution."}, mend, replay}
}

func (r *Report) rejoined() bool {
	for _, p := range r.Parts {
		if p.Role == "rejoin" && p.Status == string(types.ExecutionStatusSucceeded) {
			return true
		}
	}
	return false
}

// guard is the ARN of the guard execution, "" if it is unknown.
func (r *Report) guard() string {
	for _, p := range r.Parts {
		if p.Role == "guard" {
			return p.ARN
		}
	}
	return ""
}
