package accelerator_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/contract"
	fake "github.com/sitefence/sitefence/local/globalaccelerator"
)

func end(name string) fake.Endpoint      { return fake.NewEndpoint(lb(west, name)) }
func endNorth(name string) fake.Endpoint { return fake.NewEndpoint(lb(north, name)) }
func reasonOf(err error) contract.Reason { return contract.ReasonOf(err) }

// isA: what the machine would see is of this type.
func isA[E error](err error) bool {
	_, ok := errors.AsType[E](contract.Edge(err))
	return ok
}

func tcp(gs ...fake.Group) fake.Listener    { return fake.NewListener(443, gs...) }
func tcp80(gs ...fake.Group) fake.Listener  { return fake.NewListener(80, gs...) }
func inWest(es ...fake.Endpoint) fake.Group { return fake.NewGroup(west, es...) }
func inNorth(es ...fake.Endpoint) fake.Group {
	return fake.NewGroup(north, es...)
}

// left renders what the accelerator holds after all, one line a group.
func (w *world) left() string {
	var lines []string
	for _, a := range w.ga.Snapshot().Accelerators {
		for i, l := range a.Listeners {
			for _, g := range l.Groups {
				var es []string
				for _, e := range g.Endpoints {
					id := e.ID
					if part := strings.Split(id, "/"); len(part) > 2 {
						id = part[2]
					}
					if e.PreserveClientIP {
						id += "+ip"
					}
					es = append(es, fmt.Sprintf("%s:%d", id, e.Weight))
				}
				slices.Sort(es)
				lines = append(lines, fmt.Sprintf("%d %s %s", i, g.Region, strings.Join(es, " ")))
			}
		}
	}
	return strings.Join(lines, "\n")
}

func TestRemove(t *testing.T) {
	tests := map[string]struct {
		listeners []fake.Listener
		want      string
		writes    map[fake.Operation]int
	}{
		"one group": {[]fake.Listener{tcp(inWest(end("a1"), end("b1")))},
			"0 eu-west-1 a1:128", map[fake.Operation]int{fake.UpdateEndpointGroup: 1}},
		"weights and client IP preservation of survivors are kept": {
			[]fake.Listener{tcp(inWest(end("a1").WithWeight(7).PreservingClientIP(), end("a2").WithWeight(0), end("b1").WithWeight(9)))},
			"0 eu-west-1 a1+ip:7 a2:0", map[fake.Operation]int{fake.UpdateEndpointGroup: 1}},
		"two listeners, a group per Region": {
			[]fake.Listener{tcp(inWest(end("a1")), inNorth(endNorth("b1"))), tcp80(inWest(end("a1"), end("b2")), inNorth(endNorth("b1")))},
			"0 eu-west-1 a1:128\n0 eu-north-1 \n1 eu-west-1 a1:128\n1 eu-north-1 ", map[fake.Operation]int{fake.UpdateEndpointGroup: 3}},
		"untagged, foreign and Elastic IP stay": {
			[]fake.Listener{tcp(inWest(end("a1"), end("b1"), end("x1"), fake.NewEndpoint("eipalloc-0123456789abcdef0")))},
			"0 eu-west-1 a1:128 eipalloc-0123456789abcdef0:128 x1:128", map[fake.Operation]int{fake.UpdateEndpointGroup: 1}},
		"a deleted load balancer stays, and RemoveEndpoints is used": {
			[]fake.Listener{tcp(inWest(end("a1"), end("b1"), end("b2").PreservingClientIP(), end("gone1")))},
			"0 eu-west-1 a1:128 gone1:128", map[fake.Operation]int{fake.UpdateEndpointGroup: 1, fake.RemoveEndpoints: 1}},
		"drained endpoints go too": {[]fake.Listener{tcp(inWest(end("a1"), end("b1").WithWeight(0)))},
			"0 eu-west-1 a1:128", map[fake.Operation]int{fake.UpdateEndpointGroup: 1}},
		"nothing of the site": {[]fake.Listener{tcp(inWest(end("a1")))}, "0 eu-west-1 a1:128", map[fake.Operation]int{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.listeners...)
			before, err := w.look(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			removed, err := w.remove()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, w.left()); diff != "" {
				t.Errorf("left in the accelerator (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before.Record(siteB), removed); diff != "" {
				t.Errorf("removed, against the record before (-want +got):\n%s", diff)
			}
			for _, op := range []fake.Operation{fake.UpdateEndpointGroup, fake.RemoveEndpoints} {
				if got := w.ga.Calls(op); got != tc.writes[op] {
					t.Errorf("%d calls of %s, want %d", got, op, tc.writes[op])
				}
			}
			w.neverDark()
		})
	}
}

// TestRemoveRefused: I1. Nothing is written, not even the listeners that could be.
func TestRemoveRefused(t *testing.T) {
	tests := map[string][]fake.Listener{
		"reporter in one listener only": {tcp(inWest(end("a1"), end("b1"))), tcp80(inWest(end("b1")))},
		"reporter drained":              {tcp(inWest(end("a1").WithWeight(0), end("b1")))},
		"reporter's group dialled off":  {tcp(inWest(end("a1")).WithDial(0), inNorth(endNorth("b1")))},
		"reporter absent":               {tcp(inWest(end("b1"), end("x1")))},
	}
	for name, listeners := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, listeners...)
			before := w.left()
			removed, err := w.remove()
			if reasonOf(err) != contract.WouldGoDark || len(removed) > 0 {
				t.Errorf("got %v, removed %v; want would-go-dark and nothing removed", err, removed)
			}
			if diff := cmp.Diff(before, w.left()); diff != "" {
				t.Errorf("changed all the same:\n%s", diff)
			}
		})
	}
}

// TestRemoveFaults is the table of {failed, failed but applied} at each write.
// After the fault a second call finishes, and it was never dark.
func TestRemoveFaults(t *testing.T) {
	applied := map[string]struct {
		effect  fake.Effect
		written bool
	}{
		"throttled":              {fake.Fail(fake.ThrottlingException), false},
		"in transition":          {fake.Fail(fake.TransactionInProgressException), false},
		"internal error":         {fake.Fail(fake.InternalServiceErrorException), false},
		"connection cut":         {fake.Drop(), false},
		"answer lost":            {fake.DropApplied(), true},
		"error though applied":   {fake.FailApplied(fake.InternalServiceErrorException), true},
		"answer is no JSON":      {fake.Answer("<html>"), true},
		"answer of wrong types":  {fake.Mistype(), true},
		"throttled but applied":  {fake.FailApplied(fake.ThrottlingException), true},
		"transition but applied": {fake.FailApplied(fake.TransactionInProgressException), true},
	}
	for name, tc := range applied {
		for skip := range 2 {
			t.Run(fmt.Sprintf("%s at write %d", name, skip+1), func(t *testing.T) {
				w := newWorld(t, tcp(inWest(end("a1"), end("b1"))), tcp80(inWest(end("a1"), end("b1"))))
				w.ga.Inject(fake.Fault{Operation: fake.UpdateEndpointGroup, Skip: skip, Times: 1, Effect: tc.effect})
				removed, err := w.remove()
				if !isA[*contract.Transient](err) {
					t.Fatalf("got %v, want a Transient", err)
				}
				if len(removed) != skip {
					t.Errorf("reports %d groups removed, want the %d that were proven", len(removed), skip)
				}
				if got := w.ga.Calls(fake.UpdateEndpointGroup); got != skip+1 {
					t.Errorf("%d writes, want %d: a write is never sent twice", got, skip+1)
				}
				if _, err := w.remove(); err != nil {
					t.Fatalf("the second call: %v", err)
				}
				if diff := cmp.Diff("0 eu-west-1 a1:128\n1 eu-west-1 a1:128", w.left()); diff != "" {
					t.Errorf("after the second call (-want +got):\n%s", diff)
				}
				w.neverDark()
			})
		}
	}
}

func TestRemoveDenied(t *testing.T) {
	w := newWorld(t, tcp(inWest(end("a1"), end("b1"))))
	w.ga.Inject(fake.Fault{Operation: fake.UpdateEndpointGroup, Effect: fake.Fail(fake.AccessDeniedException)})
	_, err := w.remove()
	if !isA[*contract.Misconfigured](err) || reasonOf(err) != contract.AccessDenied {
		t.Errorf("got %v, want Misconfigured access-denied", err)
	}
}

// TestRemoveChangedMeanwhile: an operator's edit between two writes is seen,
// since each write follows a look of its own.
func TestRemoveChangedMeanwhile(t *testing.T) {
	w := newWorld(t, tcp(inWest(end("a1"), end("b1"))), tcp80(inWest(end("a2"), end("b1"))))
	edit := func(op fake.Operation, when fake.Moment, _ string) {
		if op == fake.UpdateEndpointGroup && when == fake.After && w.ga.Calls(op) == 1 {
			w.ga.SetWeight(lb(west, "a2"), 0)
		}
	}
	w.ga.SetHook(edit)
	removed, err := w.remove()
	if reasonOf(err) != contract.WouldGoDark || len(removed) != 1 {
		t.Errorf("got %v after removing %d, want would-go-dark after 1", err, len(removed))
	}
	if got := w.ga.Calls(fake.UpdateEndpointGroup); got != 1 {
		t.Errorf("%d writes, want 1", got)
	}
}

// TestRemoveProof: the look after the write shows that the reporter went out of
// service at the same moment. That must page.
func TestRemoveProof(t *testing.T) {
	w := newWorld(t, tcp(inWest(end("a1"), end("b1"))))
	w.ga.SetHook(func(op fake.Operation, when fake.Moment, _ string) {
		if op == fake.UpdateEndpointGroup && when == fake.After {
			w.ga.SetWeight(lb(west, "a1"), 0)
		}
	})
	_, err := w.remove()
	if !isA[*contract.Refused](err) || reasonOf(err) != contract.WentDark {
		t.Errorf("got %v, want Refused went-dark", err)
	}
}

// TestRemoveProofByListener: in service in another listener is no proof.
func TestRemoveProofByListener(t *testing.T) {
	w := newWorld(t, tcp(inWest(end("a1"), end("b1"))), tcp80(inWest(end("a2"))))
	w.ga.SetHook(func(op fake.Operation, when fake.Moment, _ string) {
		if op == fake.UpdateEndpointGroup && when == fake.After {
			w.ga.SetWeight(lb(west, "a1"), 0)
		}
	})
	if _, err := w.remove(); reasonOf(err) != contract.WentDark {
		t.Errorf("got %v, want went-dark for the first listener", err)
	}
}

// TestRemoveLooksBeforeTheFallback: RemoveEndpoints follows a look of its own,
// to which all rules apply again.
func TestRemoveLooksBeforeTheFallback(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(w *world)
		want   contract.Reason
	}{
		"the reporter is drained": {func(w *world) { w.ga.SetWeight(lb(west, "a1"), 0) }, contract.WouldGoDark},
		"the group has changed": {func(w *world) {
			w.ga.Edit("taken out", func(s *fake.State) {
				g := &s.Accelerators[0].Listeners[0].Groups[0]
				g.Endpoints = slices.DeleteFunc(g.Endpoints, func(e fake.Endpoint) bool { return e.ID == lb(west, "b1") })
			})
		}, contract.NotProven},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tcp(inWest(end("a1"), end("b1"), end("gone1"))), tcp80(inWest(end("a2"), end("b2"))))
			w.ga.SetHook(func(op fake.Operation, when fake.Moment, _ string) {
				if op == fake.UpdateEndpointGroup && when == fake.After {
					w.ga.SetHook(nil)
					tc.change(w)
				}
			})
			_, err := w.remove()
			if reasonOf(err) != tc.want || w.ga.Calls(fake.RemoveEndpoints) != 0 {
				t.Errorf("got %v after %d removals, want %s and none", err, w.ga.Calls(fake.RemoveEndpoints), tc.want)
			}
		})
	}
}

// TestRemoveStaleRead: a read that does not show our own write yet is no reason
// to write again, and no proof either.
func TestRemoveStaleRead(t *testing.T) {
	w := newWorld(t, tcp(inWest(end("a1"), end("b1"))))
	w.ga.SetStaleReads(1)
	_, err := w.remove()
	if reasonOf(err) != contract.NotProven {
		t.Errorf("got %v, want not-proven", err)
	}
	if _, err := w.remove(); err != nil {
		t.Errorf("the second call: %v", err)
	}
	if got := w.ga.Calls(fake.UpdateEndpointGroup); got != 1 {
		t.Errorf("%d writes, want 1", got)
	}
}

// TestLookRefuses: what the look refuses is not written.
func TestLookRefuses(t *testing.T) {
	w := newWorld(t, tcp(inWest(end("a1"), end("b1"))))
	look := func(ctx context.Context) (accelerator.State, error) {
		s, _ := w.look(ctx)
		return s, contract.RefusedF(contract.Superseded, "x")
	}
	_, err := accelerator.Remove(t.Context(), look, w.client(), siteB, siteA)
	if reasonOf(err) != contract.Superseded || w.ga.Calls(fake.UpdateEndpointGroup) != 0 {
		t.Errorf("got %v and %d writes", err, w.ga.Calls(fake.UpdateEndpointGroup))
	}
}
