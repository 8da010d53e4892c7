// Package accelerator reads a Global Accelerator as a whole, says which site
// each endpoint belongs to, and removes a site's endpoints or puts them back
// without ever leaving a listener in which the reporter is not in service
// (invariant I1).
package accelerator

import (
	"slices"

	"github.com/sitefence/sitefence/internal/contract"
)

// State is the accelerator at one moment: every listener, group and endpoint.
type State struct {
	Listeners []Listener
}

// Listener is one listener with all its endpoint groups.
type Listener struct {
	ARN    string
	Groups []Group
}

// Group is one endpoint group. Dial is its traffic dial, 0 to 100 percent.
type Group struct {
	ARN       string
	Dial      float32
	Endpoints []Endpoint
}

// Endpoint is one endpoint and whose it is.
type Endpoint struct {
	ID                   string
	Weight               int32 // 0 to 255; 0 takes no traffic
	ClientIPPreservation bool
	Unhealthy            bool
	Healthy              bool // neither is true while the first health checks run
	Owner                Owner
}

// Owner says whose an endpoint is. The zero value is nobody's: no load
// balancer, or one that is gone; it stays and counts for nothing.
type Owner struct {
	Site contract.Site
	// Unattributed marks a load balancer that exists but carries no `site` tag
	// of this deployment: it might be any site's.
	Unattributed bool
}

// Present reports whether any group holds an endpoint of the site.
func (s State) Present(site contract.Site) bool {
	return slices.ContainsFunc(s.Listeners, func(l Listener) bool { return l.holds(site) })
}

// InService reports whether the site is in service in at least one listener.
func (s State) InService(site contract.Site) bool {
	return slices.ContainsFunc(s.Listeners, func(l Listener) bool { return l.InService(site) })
}

// Unhealthy reports whether in some listener all in-service endpoints of the
// site are UNHEALTHY. A site that is nowhere in service is not unhealthy.
func (s State) Unhealthy(site contract.Site) bool {
	return slices.ContainsFunc(s.Listeners, func(l Listener) bool {
		all, sick := 0, 0
		for e := range l.serving(site) {
			all++
			if e.Unhealthy {
				sick++
			}
		}
		return all > 0 && sick == all
	})
}

// Dark lists the listeners that hold the site but in which the reporter is not
// in service: removing the site would leave them dark.
func (s State) Dark(site, reporter contract.Site) []string {
	var dark []string
	for _, l := range s.Listeners {
		if l.holds(site) && !l.InService(reporter) {
			dark = append(dark, l.ARN)
		}
	}
	return dark
}

// Unattributed lists the load balancers of no configured site.
func (s State) Unattributed() []string {
	var ids []string
	for _, l := range s.Listeners {
		for _, g := range l.Groups {
			for _, e := range g.Endpoints {
				if e.Owner.Unattributed && !slices.Contains(ids, e.ID) {
					ids = append(ids, e.ID)
				}
			}
		}
	}
	return ids
}

// Record lists the site's endpoints as they would have to be put back. It is
// never nil.
func (s State) Record(site contract.Site) []contract.Endpoint {
	record := []contract.Endpoint{}
	for _, l := range s.Listeners {
		for _, g := range l.Groups {
			record = append(record, g.record(l.ARN, site)...)
		}
	}
	return record
}

// Evidence is the site's standing in short.
func (s State) Evidence(site contract.Site) contract.SiteEvidence {
	ev := contract.SiteEvidence{Endpoints: len(s.Record(site)), Unhealthy: s.Unhealthy(site)}
	for _, l := range s.Listeners {
		if l.holds(site) {
			ev.Listeners++
		}
		if l.InService(site) {
			ev.InService++
		}
	}
	return ev
}

// InService reports whether the site takes traffic in this listener: it has an
// endpoint with weight > 0 in a group with a traffic dial > 0.
func (l Listener) InService(site contract.Site) bool {
	for range l.serving(site) {
		return true
	}
	return false
}

func (l Listener) serving(site contract.Site) func(yield func(Endpoint) bool) {
	return func(yield func(Endpoint) bool) {
		for _, g := range l.Groups {
			for _, e := range g.Endpoints {
				if g.Dial > 0 && e.Weight > 0 && e.Owner.Site == site && site != "" && !yield(e) {
					return
				}
			}
		}
	}
}

func (l Listener) holds(site contract.Site) bool {
	return slices.ContainsFunc(l.Groups, func(g Group) bool { return g.holds(site) })
}

func (g Group) holds(site contract.Site) bool {
	return slices.ContainsFunc(g.Endpoints, func(e Endpoint) bool { return e.Owner.Site == site && site != "" })
}

func (g Group) record(listener string, site contract.Site) []contract.Endpoint {
	var record []contract.Endpoint
	for _, e := range g.Endpoints {
		if e.Owner.Site == site && site != "" {
			record = append(record, contract.Endpoint{Listener: listener, Group: g.ARN, Endpoint: e.ID,
				Weight: e.Weight, ClientIPPreservation: e.ClientIPPreservation})
		}
	}
	return record
}

// survivors are the endpoints that stay when the site is removed.
func (g Group) survivors(site contract.Site) []Endpoint {
	return slices.DeleteFunc(slices.Clone(g.Endpoints), func(e Endpoint) bool { return e.Owner.Site == site })
}
