package e2e_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

const north = "eu-north-1"

func TestOneAlertFences(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	s.post(s.alert(siteA, siteB))
	s.wantEnd("Fenced", "split")
	s.wantFenced(siteA, siteB)
	if got := len(s.writes()); got != 1 {
		t.Errorf("%d writes of the accelerator, want 1", got)
	}
}

func TestDualStackNameFences(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	a := s.alert(siteA, siteB)
	a.Labels["accelerator"] = s.d.Accelerator.DualStackDNSName
	s.post(a)
	s.wantEnd("Fenced", "split")
	s.wantFenced(siteA, siteB)
}

// TestLayouts: whatever the accelerator looks like, exactly the site's endpoints go.
func TestLayouts(t *testing.T) {
	tests := map[string]func(s *scene) []ga.Listener{
		"three endpoints, weights and preservation": func(s *scene) []ga.Listener {
			return []ga.Listener{ga.NewListener(443, ga.NewGroup(stack.Region,
				s.end(siteA).WithWeight(7).PreservingClientIP(), ga.NewEndpoint(s.balancer(stack.Region, siteA)).WithWeight(0), s.end(siteB).WithWeight(9)))}
		},
		"two listeners": func(s *scene) []ga.Listener {
			return []ga.Listener{
				ga.NewListener(443, ga.NewGroup(stack.Region, s.end(siteA), s.end(siteB))),
				ga.NewListener(80, ga.NewGroup(stack.Region, s.end(siteA), s.end(siteB))),
			}
		},
		"a group per Region": func(s *scene) []ga.Listener {
			return []ga.Listener{ga.NewListener(443,
				ga.NewGroup(stack.Region, s.end(siteA)), ga.NewGroup(north, ga.NewEndpoint(s.balancer(north, siteB)).WithWeight(3)))}
		},
		"an untagged load balancer stays": func(s *scene) []ga.Listener {
			return []ga.Listener{ga.NewListener(443, ga.NewGroup(stack.Region, s.end(siteA), s.end(siteB), ga.NewEndpoint(s.balancer(stack.Region, ""))))}
		},
		"a deleted load balancer stays": func(s *scene) []ga.Listener {
			gone := s.balancer(stack.Region, "")
			s.must(deployed.DeleteBalancer(s.ctx, gone))
			return []ga.Listener{ga.NewListener(443, ga.NewGroup(stack.Region, s.end(siteA), s.end(siteB), ga.NewEndpoint(gone)))}
		},
		"an Elastic IP stays": func(s *scene) []ga.Listener {
			return []ga.Listener{ga.NewListener(443, ga.NewGroup(stack.Region, s.end(siteA), s.end(siteB), ga.NewEndpoint("eipalloc-0123456789abcdef0")))}
		},
		"a drained site goes too": func(s *scene) []ga.Listener {
			return []ga.Listener{ga.NewListener(443, ga.NewGroup(stack.Region, s.end(siteA), s.end(siteB).WithWeight(0)))}
		},
	}
	for name, layout := range tests {
		t.Run(name, func(t *testing.T) {
			s := lease(t)
			s.layout(layout(s)...)
			before := s.accelerator().Listeners
			s.must(s.world.CutLink(s.ctx))
			s.post(s.alert(siteA, siteB))
			fence := s.wantEnd("Fenced", "split")
			s.wantFenced(siteA, siteB)
			want := without(s, before, siteB)
			if diff := gocmp.Diff(sorted(want), sorted(s.accelerator().Listeners)); diff != "" {
				t.Errorf("the accelerator (-want +got):\n%s", diff)
			}
			for _, arn := range held(s, before, siteB) {
				if !strings.Contains(fence.Output, arn) {
					t.Errorf("the record does not name %s: %s", arn, fence.Output)
				}
			}
		})
	}
}

func without(s *scene, ls []ga.Listener, site string) []ga.Listener {
	for i := range ls {
		for j := range ls[i].Groups {
			g := &ls[i].Groups[j]
			g.Endpoints = slices.DeleteFunc(slices.Clone(g.Endpoints), func(e ga.Endpoint) bool { return s.siteOf(e.ID) == site })
		}
	}
	return ls
}

func held(s *scene, ls []ga.Listener, site string) []string {
	var arns []string
	for _, l := range ls {
		for _, g := range l.Groups {
			for _, e := range g.Endpoints {
				if s.siteOf(e.ID) == site {
					arns = append(arns, e.ID)
				}
			}
		}
	}
	return arns
}

// sorted renders what must survive a fence: ids, weights, preservation.
func sorted(ls []ga.Listener) []string {
	var lines []string
	for _, l := range ls {
		for _, g := range l.Groups {
			lines = append(lines, fmt.Sprintf("%s %s dial %v", g.ARN, g.Region, g.Dial))
			for _, e := range g.Endpoints {
				lines = append(lines, fmt.Sprintf("%s %s %d %v", g.ARN, e.ID, e.Weight, e.PreserveClientIP))
			}
		}
	}
	slices.SortFunc(lines, cmp.Compare[string])
	return lines
}

// TestUntaggedBesideAbsentSite: the load balancer might be the site's, so its
// replication must stay; but somebody is told.
func TestUntaggedBesideAbsentSite(t *testing.T) {
	s := lease(t)
	s.layout(ga.NewListener(443, ga.NewGroup(stack.Region, s.end(siteA), ga.NewEndpoint(s.balancer(stack.Region, "")))))
	s.must(s.world.CutLink(s.ctx))
	s.post(s.alert(siteA, siteB))
	s.wantEnd("Undecided", "unattributed-endpoint")
	s.wantUntouched()
	if got := s.backup(siteA, siteB); got != infinispan.Online {
		t.Errorf("replication is %s, want online", got)
	}
}

// TestStateless: without Infinispan a fence ends with the accelerator, and an
// old alert fences nothing.
func TestStateless(t *testing.T) {
	s := enter(t, "stateless")
	s.post(s.alert(siteA, siteB))
	first := s.wantEnd("Fenced", "split")
	s.wantFenced(siteA, siteB)

	s = enter(t, "stateless") // both sites are back
	event := s.d.Event(siteA, siteB)
	event.ReceivedAt = first.Started.Add(-3 * 60 * 1e9)
	_, err := deployed.StartExecution(s.ctx, s.d.Guard, "", event)
	s.must(err)
	s.wantEnd("Refused", "alert-too-old")
	s.wantUntouched()
}

// TestThreeSites: a third site that still sees the reported one vetoes.
func TestThreeSites(t *testing.T) {
	s := enter(t, "trio")
	s.world.CutBetween(siteA, siteB)
	s.post(s.alert(siteA, siteB))
	s.wantEnd("Ignored", "site-visible")
	s.wantUntouched()

	s = enter(t, "trio")
	s.must(s.world.CutLink(s.ctx))
	s.post(s.alert(siteA, siteB))
	s.wantEnd("Fenced", "split")
	if got := s.present(); !slices.Equal(got, []string{siteA, siteC}) {
		t.Errorf("the accelerator holds %v, want site-a and site-c", got)
	}
}
