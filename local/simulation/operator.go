package simulation

import (
	"maps"
	"slices"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/balancers"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
)

// Edit changes every endpoint group, as an operator would. The change must not
// call the accelerator.
func (w *World) Edit(change func(*ga.Group)) {
	w.Accelerator.Edit("by hand", func(s *ga.State) {
		for i := range s.Accelerators[0].Listeners {
			groups := s.Accelerators[0].Listeners[i].Groups
			for j := range groups {
				change(&groups[j])
			}
		}
	})
}

// PutBack puts a site's endpoints back as they were at first.
func (w *World) PutBack(site contract.Site) {
	first := map[string][]ga.Endpoint{}
	for _, l := range w.Accelerator.History()[0].State.Accelerators[0].Listeners {
		for _, g := range l.Groups {
			first[g.ARN] = g.Endpoints
		}
	}
	w.Edit(func(g *ga.Group) {
		for _, e := range first[g.ARN] {
			there := slices.ContainsFunc(g.Endpoints, func(o ga.Endpoint) bool { return o.ID == e.ID })
			if !there && w.Owner(e.ID) == site {
				g.Endpoints = append(g.Endpoints, e)
			}
		}
	})
}

// Smuggle adds a load balancer without tags to every group of a site's Regions.
func (w *World) Smuggle(name string) {
	w.Edit(func(g *ga.Group) {
		arn := balancers.ARN(g.Region, name)
		there := slices.ContainsFunc(g.Endpoints, func(e ga.Endpoint) bool { return e.ID == arn })
		if !there && len(g.Endpoints) < 10 {
			g.Endpoints = append(g.Endpoints, ga.NewEndpoint(arn))
		}
	})
	for _, l := range w.Listeners() {
		for _, g := range l.Groups {
			w.Tag(balancers.ARN(g.Region, name), map[string]string{})
		}
	}
}

// Owner is the site that an endpoint belongs to, "" for none.
func (w *World) Owner(endpoint string) contract.Site {
	site, _ := w.owner(endpoint)
	return site
}

// IsUnattributed reports whether it is a load balancer of no site.
func (w *World) IsUnattributed(endpoint string) bool {
	_, unattributed := w.owner(endpoint)
	return unattributed
}

// Untag takes the tags from a site's load balancers.
func (w *World) Untag(site contract.Site) {
	for arn, tags := range maps.Clone(w.tags) {
		if tags["site"] == string(site) {
			w.Tag(arn, map[string]string{})
		}
	}
}

// RestoreTags gives every load balancer its first tags again.
func (w *World) RestoreTags() {
	for arn, tags := range w.first {
		if w.tags[arn] != nil {
			w.Tag(arn, tags)
		}
	}
}

// Changed is when the run started or ended last.
func (r *Run) Changed() time.Time { return r.changed }
