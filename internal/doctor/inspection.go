package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// inspection makes the rows of one inspection.
func inspection(in contract.Inspection, c *config.Config) []Row {
	rows := []Row{pause(in)}
	if c != nil {
		rows = append(rows, configuration(in, *c))
	}
	if p := in.Accelerator.Problem; p != nil {
		rows = append(rows, failed(Accelerator, "compare accelerator.arn with the account, and the Inspect function's role with the stack", "%s", said(p)))
	} else {
		rows = append(rows, accelerator(in.Accelerator), names(in.Accelerator), attributed(in.Accelerator))
	}
	for _, s := range in.Sites {
		var own []Row
		if in.Accelerator.Problem == nil {
			own = append(own, serving(s, in.Accelerator))
			own = append(own, targets(s)...)
			own = append(own, fenceState(s, in))
		}
		if s.Infinispan != nil {
			own = append(own, infinispan(s, in)...)
		}
		for _, row := range own {
			row.Site = s.Name
			rows = append(rows, row)
		}
	}
	return rows
}

// said is a problem as a row tells it.
func said(p *contract.Problem) string { return string(p.Reason) + ": " + awserr.Plain(p.Text) }

func pause(in contract.Inspection) Row {
	switch {
	case in.PauseProblem != "":
		return warning(Pause, "write it anew: sitefence resume", "the pause parameter is broken, so nothing is paused: %s", in.PauseProblem)
	case in.Pause != nil:
		return warning(Pause, "end it when it is no longer needed: sitefence resume", "paused by %s until %s: %s",
			in.Pause.By, in.Pause.Until.UTC().Format("2006-01-02 15:04 MST"), in.Pause.Reason)
	}
	return ok(Pause, "not paused")
}

// configuration holds the operator's file against what is deployed.
func configuration(in contract.Inspection, c config.Config) Row {
	const do = "deploy the file, or name the one that was deployed"
	i := slices.IndexFunc(c.Deployments, func(d config.Deployment) bool { return d.Name == in.Deployment })
	if i < 0 {
		return warning(Configuration, do, "the file has no deployment %s", in.Deployment)
	}
	d := c.Deployments[i]
	var differ []string
	note := func(same bool, field string) {
		if !same {
			differ = append(differ, field)
		}
	}
	note(d.Accelerator.ARN == in.Accelerator.ARN, "accelerator.arn")
	note(sameSet(d.Accelerator.DNSNames, in.Accelerator.Configured), "accelerator.dnsNames")
	var inFile, deployed []string
	for _, s := range d.Sites {
		inFile = append(inFile, fmt.Sprintf("%s %t", s.Name, s.Infinispan != nil))
	}
	for _, s := range in.Sites {
		deployed = append(deployed, fmt.Sprintf("%s %t", s.Name, s.Infinispan != nil))
	}
	note(sameSet(inFile, deployed), "sites")
	note(in.WebhookUser == "" || c.Webhook.User == in.WebhookUser, "webhook.user")
	if len(differ) > 0 {
		return warning(Configuration, do, "the file is not what is deployed: %s differ", strings.Join(differ, ", "))
	}
	return ok(Configuration, "the file is what is deployed, as far as it can be compared")
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

func accelerator(a contract.AcceleratorState) Row {
	switch {
	case !a.Enabled:
		return failed(Accelerator, "enable it: a disabled accelerator serves nobody", "the accelerator is disabled")
	case a.Listeners == 0:
		return failed(Accelerator, "give it a listener with an endpoint group", "the accelerator has no listener")
	case a.Status != "DEPLOYED":
		return warning(Accelerator, "wait until it is DEPLOYED, and run this again", "enabled, but its status is %s", a.Status)
	}
	return ok(Accelerator, "found, enabled and deployed, with %s", count(a.Listeners, "listener"))
}

// names compares in both directions: an alert may carry either of the names, and
// one that is not configured is refused.
func names(a contract.AcceleratorState) Row {
	var foreign, missing []string
	for _, n := range a.Configured {
		if !slices.Contains(a.DNSNames, n) {
			foreign = append(foreign, n)
		}
	}
	for _, n := range a.DNSNames {
		if !slices.Contains(a.Configured, n) {
			missing = append(missing, n)
		}
	}
	switch {
	case len(missing) == len(a.DNSNames):
		return failed(Names, "put its names into accelerator.dnsNames and deploy", "the accelerator is called %s, configured is %s: its alerts are refused",
			strings.Join(a.DNSNames, ", "), strings.Join(foreign, ", "))
	case len(foreign) > 0:
		return failed(Names, "correct accelerator.dnsNames and deploy", "the accelerator is not called %s", strings.Join(foreign, ", "))
	case len(missing) > 0:
		return warning(Names, "add it to accelerator.dnsNames and deploy, unless no alert is labelled with it", "an alert that says %s is refused", strings.Join(missing, ", "))
	}
	return ok(Names, "%s", strings.Join(a.Configured, ", "))
}

func attributed(a contract.AcceleratorState) Row {
	if len(a.Unattributed) > 0 {
		return failed(Attributed, "tag it site=<name>, list it in loadBalancerArns, or remove it from the accelerator",
			"of no configured site, so that no fence can end: %s", some(a.Unattributed))
	}
	return ok(Attributed, "the site of every load balancer is known")
}

func serving(s contract.SiteState, a contract.AcceleratorState) Row {
	switch st := s.Standing; {
	case st.Endpoints == 0:
		return failed(Serving, "bring it back (sitefence restore), or tag its load balancers site="+string(s.Name), "not in the accelerator")
	case st.InService == 0:
		return failed(Serving, "give an endpoint of it a weight, and its group a traffic dial, above 0", "in the accelerator, but in service in no listener")
	case st.Unhealthy:
		return failed(Serving, "look at its load balancers' targets", "in some listener all its endpoints are UNHEALTHY")
	case st.InService < a.Listeners:
		return warning(Serving, "let every site serve every listener: one that a site does not serve cannot lose the other", "in service in %d of %s", st.InService, count(a.Listeners, "listener"))
	}
	return ok(Serving, "in service in %s", count(a.Listeners, "listener"))
}

func targets(s contract.SiteState) []Row {
	switch t := s.Targets; {
	case s.TargetsProblem != nil:
		return []Row{warning(Targets, "look at the load balancers in the EC2 console", "could not be looked at: %s", said(s.TargetsProblem))}
	case t == nil:
		return nil
	case t.Total == 0:
		return []Row{warning(Targets, "register its nodes with its load balancers", "no target is registered behind its load balancers")}
	case t.Healthy == 0:
		return []Row{failed(Targets, "look at its nodes, and at the target groups' health checks", "none of %s is healthy", count(t.Total, "target"))}
	case t.Healthy < t.Total:
		return []Row{warning(Targets, "look at its nodes", "%d of %s are healthy", t.Healthy, count(t.Total, "target"))}
	default:
		return []Row{ok(Targets, "%s, healthy", count(t.Total, "target"))}
	}
}

// fenceState looks at the two halves of a fence: out of the accelerator, and no
// longer replicated to.
func fenceState(s contract.SiteState, in contract.Inspection) Row {
	var on, off []string // where replication towards the site is on, and where off
	most := 0
	for _, other := range in.Sites {
		most = max(most, other.Standing.Listeners)
		if other.Name == s.Name || other.Infinispan == nil {
			continue
		}
		switch other.Infinispan.Backups[s.Name] {
		case "":
		case "online":
			on = append(on, string(other.Name))
		case "mixed":
			on, off = append(on, string(other.Name)), append(off, string(other.Name))
		default:
			off = append(off, string(other.Name))
		}
	}
	restore := "bring it back when it is well: sitefence restore --site " + string(s.Name)
	switch st := s.Standing; {
	case st.Endpoints == 0 && len(on) > 0:
		return failed(FenceState, "replay the guard execution that fenced it, or bring it back: docs/runbooks/fence-failed.md",
			"half-fenced: out of the accelerator, but %s still replicates to it; without the link writes there fail", strings.Join(on, ", "))
	case st.Endpoints == 0:
		return failed(FenceState, restore, "fenced: there is no redundancy")
	case len(off) > 0:
		return failed(FenceState, restore, "in the accelerator, but %s does not replicate to it: what is written there is missing here", strings.Join(off, ", "))
	case st.Listeners < most:
		return failed(FenceState, "look at the last fence or restore, and put the missing endpoints back or replay it", "half-fenced: in %d of %s", st.Listeners, count(most, "listener"))
	}
	return ok(FenceState, "neither fenced nor half-fenced")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
