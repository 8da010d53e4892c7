package e2e_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/contract"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

// rejoinEvent is an operator's order to put those endpoints of site-b back.
func (s *scene) rejoinEvent(reporter, site string, endpoints []contract.Endpoint) contract.Event {
	e := s.event(reporter, site)
	e.Operation, e.Order, e.Endpoints = contract.OperationRejoin, &contract.Order{By: "operator", Reason: "restored"}, endpoints
	return e
}

// fenced is a deployment of two listeners out of which site-b was fenced, and
// what the fence recorded. Its data is restored: both replicate to each other.
func fenced(t *testing.T) (s *scene, before []ga.Listener, record []contract.Endpoint) {
	t.Helper()
	s = lease(t)
	deployed.Accelerator.SetNewEndpointHealth(ga.Healthy) // for every scenario; no other adds endpoints
	s.layout(ga.NewListener(443, ga.NewGroup(stack.Region, s.end(siteA), s.end(siteB).WithWeight(9).PreservingClientIP())),
		ga.NewListener(80, ga.NewGroup(stack.Region, s.end(siteA).WithWeight(7), s.end(siteB).WithWeight(3))))
	before = s.accelerator().Listeners
	s.must(s.world.CutLink(s.ctx))
	s.post(s.alert(siteA, siteB))
	fence := s.wantEnd("Fenced", "split")
	s.wantFenced(siteA, siteB)
	var out struct{ Record []contract.Endpoint }
	s.must(json.Unmarshal([]byte(fence.Output), &out))
	s.must(s.world.HealLink(s.ctx))
	s.must(s.world.BringOnline(s.ctx, siteA, siteB))
	return s, before, out.Record
}

// startRejoin starts the guard, wants it to start a fence execution, and returns
// that one's ARN.
func (s *scene) startRejoin(record []contract.Endpoint) (fence string) {
	s.t.Helper()
	arn, err := deployed.StartExecution(s.ctx, s.d.Guard, "", s.rejoinEvent(siteA, siteB, record))
	s.must(err)
	guard, err := deployed.Wait(s.ctx, arn)
	s.must(err)
	s.want(guard, "FenceStarted", "in-sync")
	var out struct{ Fence string }
	s.must(json.Unmarshal([]byte(guard.Output), &out))
	return out.Fence
}

func (s *scene) wantRejoinEnd(fence, outcome, reason string) {
	s.t.Helper()
	e, err := deployed.Wait(s.ctx, fence)
	s.must(err)
	s.want(e, outcome, reason)
}

// TestRejoin: what the fence took out is back exactly as it was, with an add for
// each group, no other write, and the next split is fenced as always.
func TestRejoin(t *testing.T) {
	s, before, record := fenced(t)
	writes := len(s.writes())
	s.wantRejoinEnd(s.startRejoin(record), "Rejoined", "already-serving")
	if diff := gocmp.Diff(sorted(before), sorted(s.accelerator().Listeners)); diff != "" {
		t.Errorf("the accelerator (-before the fence +after the rejoin):\n%s", diff)
	}
	added := s.writes()[writes:]
	if len(added) != 2 || slices.ContainsFunc(added, func(e ga.Entry) bool { return e.Operation != ga.AddEndpoints }) {
		t.Errorf("writes %v, want two AddEndpoints", added)
	}
	arn, err := deployed.StartExecution(s.ctx, s.d.Guard, "", s.rejoinEvent(siteA, siteB, record))
	s.must(err)
	again, err := deployed.Wait(s.ctx, arn)
	s.must(err)
	s.want(again, "Ignored", "already-serving")

	s.must(s.world.CutLink(s.ctx))
	s.post(s.alert(siteA, siteB))
	s.guardsEnded(4)
	s.want(s.newestFence(), "Fenced", "split")
	s.wantFenced(siteA, siteB)
}

// newestFence is the last of the scenario's fences, all of which have ended.
func (s *scene) newestFence() stack.Execution {
	s.t.Helper()
	return slices.MaxFunc(s.fencesEnded(1), func(a, b stack.Execution) int {
		x, _ := contract.ParseGeneration(a.Name)
		y, _ := contract.ParseGeneration(b.Name)
		return int(x - y)
	})
}

// TestRejoinCutDuringTheWait: the link breaks while older steps are waited out.
// Nothing is put back.
func TestRejoinCutDuringTheWait(t *testing.T) {
	s, _, record := fenced(t)
	writes := len(s.writes())
	fence := s.startRejoin(record)
	s.must(s.world.CutLink(s.ctx))
	s.wantRejoinEnd(fence, "Ignored", "not-seen")
	if len(s.writes()) != writes || slices.Contains(s.present(), siteB) {
		t.Errorf("%d writes more, the accelerator holds %v", len(s.writes())-writes, s.present())
	}
}

// TestRejoinNotReplicating: seeing each other is not enough, in either direction.
func TestRejoinNotReplicating(t *testing.T) {
	s, _, record := fenced(t)
	s.world.Switch(siteB, siteA, infinispan.Mixed)
	arn, err := deployed.StartExecution(s.ctx, s.d.Guard, "", s.rejoinEvent(siteA, siteB, record))
	s.must(err)
	guard, err := deployed.Wait(s.ctx, arn)
	s.must(err)
	s.want(guard, "Ignored", "not-replicating")
}

// TestRejoinCutBetweenTwoWrites: the link breaks when one group has the site back.
// The other stays without it, the survivor serves, and the alert fences.
func TestRejoinCutBetweenTwoWrites(t *testing.T) {
	s, _, record := fenced(t)
	writes := len(s.writes())
	s.fault(ga.Fault{Operation: ga.AddEndpoints, Times: 1, Effect: ga.DelayApplied(2 * time.Second)})
	fence := s.startRejoin(record)
	for len(s.writes()) == writes {
		select {
		case <-s.ctx.Done():
			t.Fatal("nothing was put back")
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.must(s.world.CutLink(s.ctx))
	s.wantRejoinEnd(fence, "RejoinStopped", "not-seen")
	if got := len(s.writes()) - writes; got != 1 || !slices.Contains(s.present(), siteB) {
		t.Errorf("%d writes, the accelerator holds %v; want site-b in one listener", got, s.present())
	}
	s.post(s.alert(siteA, siteB))
	s.guardsEnded(3)
	s.want(s.newestFence(), "Fenced", "split")
	s.wantFenced(siteA, siteB)
}

// TestRejoinIntoAnotherAccelerator: an order cannot choose what is written (I7).
func TestRejoinIntoAnotherAccelerator(t *testing.T) {
	s, _, record := fenced(t)
	other := deployed.Deployment("stateless").Accelerator
	record[0].Listener = other.ARN + "/listener/00000001"
	record[0].Group = record[0].Listener + "/endpoint-group/000000000001"
	arn, err := deployed.StartExecution(s.ctx, s.d.Guard, "", s.rejoinEvent(siteA, siteB, record))
	s.must(err)
	guard, err := deployed.Wait(s.ctx, arn)
	s.must(err)
	s.want(guard, "Misconfigured", "endpoints[0].listener")
}
