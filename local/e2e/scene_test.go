package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

// scene is one scenario's deployment: both sites serve, the link is up.
type scene struct {
	t       *testing.T
	ctx     context.Context
	d       *stack.Deployment
	world   *infinispan.Double // nil for the stateless deployment
	guards  map[string]bool    // executions from before
	fences  map[string]bool
	history int
	began   time.Time
	balance map[string]string // extra load balancers, site by ARN
}

// lease takes a deployment of the pool for this test, reset to a good world,
// and gives it back when the test has ended and everything it started too.
func lease(t *testing.T) *scene {
	t.Helper()
	t.Parallel()
	name := <-pool
	t.Cleanup(func() { pool <- name })
	return enter(t, name)
}

func enter(t *testing.T, name string) *scene {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	s := &scene{t: t, ctx: ctx, d: deployed.Deployment(name), world: doubles[name], balance: map[string]string{}, began: time.Now()}
	s.reset()
	s.guards, s.fences = s.existing(s.d.Guard), s.existing(s.d.Fence)
	s.history = len(deployed.Accelerator.History())
	t.Cleanup(func() {
		s.settle()
		s.invariants()
	})
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) reset() {
	s.t.Helper()
	s.layoutBoth()
	if s.world == nil {
		return
	}
	s.must(s.world.HealLink(s.ctx))
	s.world.ReleasePushes()
	for _, site := range s.world.Sites() {
		s.world.ClearFaults(site.Name)
		s.must(s.world.RestartSite(s.ctx, site.Name)) // a scenario before may have stopped it
		for _, other := range s.world.Sites() {
			if other.Name != site.Name {
				s.must(s.world.BringOnline(s.ctx, site.Name, other.Name))
			}
		}
	}
	s.world.ForgetCalls()
}

// layoutBoth is one listener with one group that holds every site.
func (s *scene) layoutBoth() {
	var endpoints []ga.Endpoint
	for _, site := range s.d.Sites {
		endpoints = append(endpoints, s.end(site))
	}
	s.layout(ga.NewListener(443, ga.NewGroup(stack.Region, endpoints...)))
}

// layout gives the accelerator other listeners, as an operator would.
func (s *scene) layout(listeners ...ga.Listener) {
	for i := range listeners {
		l := &listeners[i]
		l.ARN = fmt.Sprintf("%s/listener/%08x", s.d.Accelerator.ARN, i+1)
		for j := range l.Groups {
			l.Groups[j].ARN = fmt.Sprintf("%s/endpoint-group/%012x", l.ARN, j+1)
		}
	}
	deployed.Accelerator.Edit("layout of "+s.t.Name(), func(st *ga.State) {
		for i := range st.Accelerators {
			if st.Accelerators[i].ARN == s.d.Accelerator.ARN {
				st.Accelerators[i].Listeners = listeners
			}
		}
	})
}

// balancer makes one more load balancer; an empty site leaves it untagged.
func (s *scene) balancer(region, site string) string {
	s.t.Helper()
	tags := map[string]string{"Name": "x"}
	if site != "" {
		tags["site"] = site
	}
	name := fmt.Sprintf("e%d", balancers.Add(1))
	arn, err := deployed.NewBalancer(s.ctx, region, name, tags)
	s.must(err)
	s.balance[arn] = site
	return arn
}

func (s *scene) end(site string) ga.Endpoint { return ga.NewEndpoint(s.d.Balancers[site]) }

// mine matches this deployment's accelerator in faults.
func (s *scene) mine(arn string) bool { return strings.HasPrefix(arn, s.d.Accelerator.ARN) }

// fault injects a fault into this deployment's accelerator until the test ends.
func (s *scene) fault(f ga.Fault) *ga.Injection {
	f.Match = s.mine
	i := deployed.Accelerator.Inject(f)
	s.t.Cleanup(i.Clear)
	return i
}

func (s *scene) accelerator() ga.Accelerator { return s.of(deployed.Accelerator.Snapshot()) }

func (s *scene) of(state ga.State) ga.Accelerator {
	i := slices.IndexFunc(state.Accelerators, func(a ga.Accelerator) bool { return a.ARN == s.d.Accelerator.ARN })
	return state.Accelerators[i]
}

// siteOf is the site of a load balancer, "" if it has none.
func (s *scene) siteOf(endpoint string) string {
	for site, arn := range s.d.Balancers {
		if arn == endpoint {
			return site
		}
	}
	return s.balance[endpoint]
}

// present lists the sites with an endpoint in the accelerator, sorted.
func (s *scene) present() []string {
	var sites []string
	for _, l := range s.accelerator().Listeners {
		for _, g := range l.Groups {
			for _, e := range g.Endpoints {
				if site := s.siteOf(e.ID); site != "" && !slices.Contains(sites, site) {
					sites = append(sites, site)
				}
			}
		}
	}
	slices.Sort(sites)
	return sites
}

func (s *scene) backup(site, other string) string {
	s.t.Helper()
	status, err := s.world.BackupStatus(s.ctx, site, other)
	s.must(err)
	return status
}

// wantFenced asserts the end of every good fence.
func (s *scene) wantFenced(survivor, fenced string) {
	s.t.Helper()
	if got := s.present(); slices.Contains(got, fenced) || !slices.Contains(got, survivor) {
		s.t.Errorf("the accelerator holds %v, want %s and not %s", got, survivor, fenced)
	}
	if s.world == nil {
		return
	}
	if got := s.backup(survivor, fenced); got != infinispan.Offline {
		s.t.Errorf("replication from %s to %s is %s, want offline", survivor, fenced, got)
	}
	if err := s.world.Write(s.ctx, survivor, "key", "value"); err != nil {
		s.t.Errorf("a write at the survivor: %v", err)
	}
}

// wantUntouched asserts that nothing was changed: no write, no take-offline.
func (s *scene) wantUntouched() {
	s.t.Helper()
	if writes := s.writes(); len(writes) > 0 {
		s.t.Errorf("the accelerator was written %d times, want never: %s of %s", len(writes), writes[0].Operation, writes[0].Target)
	}
	for _, site := range s.d.Sites {
		for _, c := range s.calls(site) {
			if c.Method != "GET" {
				s.t.Errorf("%s %s at %s, want no change", c.Method, c.Target, site)
			}
		}
	}
}

func (s *scene) calls(site string) []infinispan.Call {
	if s.world == nil {
		return nil
	}
	return s.world.Calls(site)
}

// writes are the writes of this deployment's accelerator through its API.
func (s *scene) writes() []ga.Entry {
	var writes []ga.Entry
	for _, e := range deployed.Accelerator.History()[s.history:] {
		if s.mine(e.Target) && e.Operation != ga.Edited && e.Operation != ga.Built {
			writes = append(writes, e)
		}
	}
	return writes
}
