package simulation_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sitefence/sitefence/local/asl"
	"github.com/sitefence/sitefence/local/balancers"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/simulation"
)

// TestWindow: Global Accelerator has no conditional write, and Infinispan knows
// nothing of the accelerator. Between a function's last look and its call lies a
// window in which an operator's edit cannot be excluded. This is what it costs,
// and that it does not end well in silence where an invariant was broken.
//
// What narrows it: the call follows the look at once, with nothing between; the
// look is repeated before each write; another look after it proves the end.
func TestWindow(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	group := func(region string, sites ...string) ga.Group {
		var all []ga.Endpoint
		for _, s := range sites {
			all = append(all, ga.NewEndpoint(lb(s)))
		}
		return ga.NewGroup(region, all...)
	}
	reporterOnly := func(change func(*ga.Endpoint)) func(*simulation.World) {
		return func(w *simulation.World) {
			w.Edit(func(g *ga.Group) {
				for i := range g.Endpoints {
					if w.Owner(g.Endpoints[i].ID) == siteA {
						change(&g.Endpoints[i])
					}
				}
			})
		}
	}
	tests := map[string]struct {
		groups []ga.Group // instead of one with both sites
		before string     // the call before which the operator's edit comes
		edit   func(*simulation.World)
		breaks string // the law that is broken, "" for none
		ends   string // how the fence ends
		reason string
	}{
		"the survivor's new weight is lost": {
			before: "UpdateEndpointGroup", edit: reporterOnly(func(e *ga.Endpoint) { e.Weight = 7 }),
			breaks: "I5", ends: "Fenced split",
		},
		"the survivor is drained, and is put back in service": {
			before: "UpdateEndpointGroup", edit: reporterOnly(func(e *ga.Endpoint) { e.Weight = 0 }),
			breaks: "I5", ends: "Fenced split",
		},
		"a new endpoint is lost": {
			before: "UpdateEndpointGroup",
			edit: func(w *simulation.World) {
				w.Edit(func(g *ga.Group) { g.Endpoints = append(g.Endpoints, ga.NewEndpoint("eipalloc-0123456789abcdef0")) })
			},
			breaks: "I5", ends: "Fenced split",
		},
		"the dial goes to 0: dark, and somebody is paged": {
			before: "UpdateEndpointGroup", edit: func(w *simulation.World) { w.Edit(func(g *ga.Group) { g.Dial = 0 }) },
			breaks: "I1", ends: "Refused", reason: "went-dark",
		},
		"the reporter leaves another group of the listener: dark, and somebody is paged": {
			groups: []ga.Group{group(west, "b"), ga.NewGroup("eu-north-1", ga.NewEndpoint(balancers.ARN("eu-north-1", "a")))},
			before: "UpdateEndpointGroup", edit: func(w *simulation.World) {
				w.Edit(func(g *ga.Group) {
					if g.Region == "eu-north-1" {
						g.Endpoints = nil
					}
				})
			},
			breaks: "I1", ends: "Refused", reason: "went-dark",
		},
		"the site comes back right after the write: it stays": {
			before: takeOffline, edit: func(w *simulation.World) { w.PutBack(siteB) },
			breaks: "I2", ends: "Refused", reason: "site-present",
		},
		"the survivor is drained before replication stops: somebody is paged": {
			before: takeOffline, edit: reporterOnly(func(e *ga.Endpoint) { e.Weight = 0 }),
			breaks: "I2", ends: "Refused", reason: "reporter-not-in-service",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opt := pair(m, d)
				opt.Tags[balancers.ARN("eu-north-1", "a")] = map[string]string{"site": "site-a"}
				if tc.groups != nil {
					opt.Listeners = []ga.Listener{ga.NewListener(443, tc.groups...)}
				}
				w, err := simulation.New(opt)
				if err != nil {
					t.Fatal(err)
				}
				defer w.Close()
				d.CutBetween("site-a", "site-b")
				w.Alert(siteA, siteB)
				var between []string // calls between the look and the edited one
				edited := false
				w.Settle(simulation.Fates{Call: func(c *simulation.Call) simulation.Fault {
					if c.Operation == tc.before && !edited {
						edited = true
						tc.edit(w)
					} else if !edited {
						between = append(between, c.Operation)
					}
					return simulation.None
				}}, 100_000)
				fence := w.Fences()[0]
				if !strings.HasPrefix(fence.Outcome(), tc.ends) || !strings.Contains(fence.Cause, tc.reason) {
					t.Errorf("the fence ended %s: %s; want %s %s", fence.Outcome(), fence.Cause, tc.ends, tc.reason)
				}
				v := w.Violations()
				if broken := slices.ContainsFunc(v, func(s string) bool { return strings.HasPrefix(s, tc.breaks) }); !broken {
					t.Errorf("broken: %v, want %s: the window is closed, say so in docs/safety.md", v, tc.breaks)
				}
				if last := between[len(between)-1]; last != "DescribeTags" {
					t.Errorf("%s comes between the look and the call: %v", last, between)
				}
				if tc.before == takeOffline && (fence.Status == asl.Succeeded || d.Status("site-a", "site-b") != infinispan.Offline) {
					t.Errorf("the fence is %s and replication %s", fence.Status, d.Status("site-a", "site-b"))
				}
			})
		})
	}
}

const takeOffline = "POST take-offline"
