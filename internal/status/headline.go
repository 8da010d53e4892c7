package status

import (
	"fmt"
	"strings"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/history"
)

// headline says in one sentence what is the matter, the worst first, and what to
// do about it.
func headline(s Status, flags string) (Level, string) {
	if s.Accelerator == nil {
		return Bad, "Who serves cannot be read" + because(s.Problems) + fmt.Sprintf(". Find out why with `sitefence doctor%s`.", flags)
	}
	if p := s.Accelerator.Problem; p != nil && !placed(*s.Accelerator) {
		return Bad, fmt.Sprintf("Who serves cannot be read: %s Find out why with `sitefence doctor%s`.", sentence(p.Text), flags)
	}
	p := parts(s)
	for _, look := range []func(picture, Status, string) (Level, string){dark, underWay, absent, split, half, weak, unread} {
		if level, text := look(p, s, flags); text != "" {
			return level, text
		}
	}
	return OK, fmt.Sprintf("%s serve.", everyone(len(s.Sites)))
}

// picture are the sites by where they stand.
type picture struct {
	serving []Site // with traffic, in all listeners or some
	out     []Site
}

func parts(s Status) (p picture) {
	for _, site := range s.Sites {
		switch site.Accelerator {
		case In, Partly:
			p.serving = append(p.serving, site)
		case Out:
			p.out = append(p.out, site)
		case NoTraffic, NotKnown:
		}
	}
	return p
}

func dark(p picture, s Status, _ string) (Level, string) {
	if s.Accelerator.Problem == nil && !s.Accelerator.Enabled {
		return Bad, "DARK: the accelerator is disabled. Enable it in the Global Accelerator console."
	}
	if len(p.serving) > 0 {
		return OK, ""
	}
	return Bad, "DARK: no site is in service in the accelerator. Put an endpoint in service now: weight and traffic dial above 0."
}

// underWay are the operations that change something, while they run.
func underWay(_ picture, s Status, _ string) (Level, string) {
	for _, r := range s.Running {
		if r.DryRun {
			continue
		}
		where := ""
		if r.State != "" {
			where = fmt.Sprintf(" (%s, for %.0f s)", r.State, r.Seconds)
		}
		switch {
		case r.Restore != "":
			return Warning, fmt.Sprintf("%s is being brought back%s.", r.Site, where)
		case r.Fence != "" && r.Operation == contract.OperationRejoin:
			return Warning, fmt.Sprintf("%s is being put back into the accelerator%s.", r.Site, where)
		case r.Fence != "":
			return Bad, fmt.Sprintf("%s is being fenced%s.", r.Site, where)
		}
	}
	return OK, ""
}

// absent is a site that is out: fenced, half fenced, or about to come back.
func absent(p picture, s Status, flags string) (Level, string) {
	for _, gone := range p.out {
		var towards, links []string // who replicates there, and cannot see it
		both := true                // everyone who serves is in sync with it, as far as is read
		asked, known := false, false
		for _, site := range p.serving {
			to, ok := find(site, gone.Name)
			if !ok {
				continue // a site without Infinispan
			}
			known = known || to.Backup != UnknownBackup
			asked = true
			if to.Backup == Online || to.Backup == Mixed {
				towards = append(towards, fmt.Sprintf("%s still replicates to it (%s)", site.Name, to.Backup))
				if to.Sees == NotSeen {
					links = append(links, string(site.Name))
				}
			}
			back, read := find(gone, site.Name)
			both = both && to.Backup == Online && to.Sees == Seen && read && back.Backup == Online && back.Sees == Seen
		}
		switch {
		case known && both:
			return Warning, fmt.Sprintf("%s is in sync but out of the accelerator: start Keycloak there, then `sitefence restore --continue%s`.", gone.Name, flags)
		case len(towards) > 0 && len(links) > 0:
			return Bad, fmt.Sprintf("HALF FENCED: %s is out of the accelerator, but %s and does not see it, so writes fail. %s", gone.Name, strings.Join(towards, ", "), finish(s, flags))
		case len(towards) > 0:
			return Bad, fmt.Sprintf("HALF FENCED: %s is out of the accelerator, but %s. %s", gone.Name, strings.Join(towards, ", "), finish(s, flags))
		case asked && !known:
			return Bad, fmt.Sprintf("%s is out of the accelerator, and whether %s still replicates to it cannot be read.", gone.Name, names(p.serving))
		}
		alone := "alone"
		if len(p.serving) > 1 {
			alone = "on"
		}
		return Warning, fmt.Sprintf("%s is fenced: %s %s %s. Bring it back with `sitefence restore --site %s%s`.",
			gone.Name, names(p.serving), verb(len(p.serving), "serve"), alone, gone.Name, flags)
	}
	return OK, ""
}

// finish is how a fence that did not end is ended.
func finish(s Status, flags string) string {
	if f := s.LastFence; f != nil && f.Kind == history.KindFailed {
		return fmt.Sprintf("See what to do with `sitefence report %s%s`.", f.Name(), flags)
	}
	return fmt.Sprintf("The next alert ends it; or see `sitefence history%s` and replay.", flags)
}

// split is when sites that serve do not see each other.
func split(p picture, _ Status, flags string) (Level, string) {
	for _, site := range p.serving {
		for _, other := range p.serving {
			to, ok := find(site, other.Name)
			if ok && to.Sees == NotSeen {
				return Bad, fmt.Sprintf("SPLIT: %s does not see %s, and both serve: writes fail until one is fenced. If no alert does it within a minute or two: `sitefence fence --site %s%s`.",
					site.Name, other.Name, other.Name, flags)
			}
		}
	}
	return OK, ""
}

// half is when a site that serves is cut off, or serves in a part only.
func half(p picture, s Status, flags string) (Level, string) {
	for _, site := range p.serving {
		for _, other := range p.serving {
			if to, ok := find(site, other.Name); ok && to.Backup != Online && to.Backup != UnknownBackup {
				return Bad, fmt.Sprintf("HALF FENCED: %s serves, but replication from %s to it is %s, so it misses data. Fence it with `sitefence fence --site %s%s`, then restore it.",
					other.Name, site.Name, to.Backup, other.Name, flags)
			}
		}
		if site.Accelerator == Partly {
			return Bad, fmt.Sprintf("HALF FENCED: %s serves in some of the %d listeners only. %s", site.Name, s.Accelerator.Listeners, finish(s, flags))
		}
	}
	return OK, ""
}

// weak is when redundancy is not what it seems.
func weak(p picture, s Status, _ string) (Level, string) {
	for _, site := range p.serving {
		if site.Health == Unhealthy {
			return Bad, fmt.Sprintf("%s is in the accelerator, but unhealthy: look at its Keycloak and its load balancer.", site.Name)
		}
	}
	for _, site := range s.Sites {
		if site.Accelerator == NoTraffic {
			return Warning, fmt.Sprintf("%s is in the accelerator, but gets no traffic: its weight or its traffic dial is 0.", site.Name)
		}
	}
	if n := len(s.Accelerator.Unattributed); n > 0 {
		return Warning, fmt.Sprintf("%s serve, but %s of no configured site, which keeps a fence from ending: tag it or list it in loadBalancerArns.",
			everyone(len(s.Sites)), count(n, "load balancer is", "load balancers are"))
	}
	return OK, ""
}

// unread is when what was not read may hide something.
func unread(_ picture, s Status, flags string) (Level, string) {
	for _, site := range s.Sites {
		if site.Problem != "" {
			return Warning, fmt.Sprintf("%s serve, but not all of %s can be read: %s Find out why with `sitefence doctor%s`.", everyone(len(s.Sites)), site.Name, sentence(site.Problem), flags)
		}
	}
	if p := s.Accelerator.Problem; p != nil {
		return Warning, fmt.Sprintf("%s serve, but not all of the accelerator can be read: %s Find out why with `sitefence doctor%s`.", everyone(len(s.Sites)), sentence(p.Text), flags)
	}
	if len(s.Problems) > 0 {
		return Warning, fmt.Sprintf("%s serve, but not everything can be read%s.", everyone(len(s.Sites)), because(s.Problems))
	}
	if s.PauseProblem != "" {
		return Warning, fmt.Sprintf("%s serve, but the pause switch is broken, so nothing is paused: mend it with `sitefence resume%s`.", everyone(len(s.Sites)), flags)
	}
	return OK, ""
}
