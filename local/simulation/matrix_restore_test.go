package simulation_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/asl"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/simulation"
)

// restores are the scenarios of a restore, after fence-1: site-b is out, the link
// is well again, and the data differs.
func restores() []scenario {
	two := []string{"site-a", "site-b"}
	listeners := []ga.Listener{ga.NewListener(443, group("a", "b"))}
	after := func(change func(*simulation.World)) func(*simulation.World) {
		return func(w *simulation.World) { fencedBefore(w); change(w) }
	}
	return []scenario{
		{name: "restore", about: "site-b was fenced, and its data is made equal to the survivor's; an earlier transfer to it had ended", sites: two, as: "restore",
			listeners: listeners, prepare: after(func(w *simulation.World) { w.Infinispan.SetPush("site-a", "site-b", "sessions", "OK") }),
			options: func(opt *simulation.Options) { opt.Restores = true },
			every:   func(p place) bool { return p.State != "Check" || p.N <= 1 }}, // all its calls are alike
		{name: "restore undone", about: "a restore was stopped while state was sent, and an operator undoes it", sites: two, as: "undo",
			listeners: listeners, prepare: after(func(w *simulation.World) {
				w.Infinispan.Switch("site-b", "site-a", infinispan.Offline)
				w.Infinispan.Switch("site-a", "site-b", infinispan.Online)
				for _, cache := range simulation.Caches {
					w.Infinispan.SetPush("site-a", "site-b", cache, "SENDING")
				}
			}),
			options: func(opt *simulation.Options) { opt.Restores = true },
			every:   func(place) bool { return true }},
		{name: "restore continued", about: "both sites are in sync, Keycloak runs at site-b, and the restore asks the guard for the rejoin's turn", sites: two, as: "continue",
			reason: "already-serving", listeners: listeners, prepare: after(func(w *simulation.World) {
				w.Infinispan.Switch("site-a", "site-b", infinispan.Online)
				w.Healthy(lb("b"))
			}),
			options: func(opt *simulation.Options) { opt.Restores = true },
			every:   func(p place) bool { return p.Machine == "restore" }},
	}
}

// fencedBefore is a world after fence-1 whose link is well again.
func fencedBefore(w *simulation.World) {
	w.Past = []string{"fence-1"}
	w.Infinispan.HealBetween("site-a", "site-b")
	w.Edit(func(g *ga.Group) {
		g.Endpoints = slices.DeleteFunc(g.Endpoints, func(e ga.Endpoint) bool { return e.ID == lb("b") })
	})
	w.Infinispan.Switch("site-a", "site-b", infinispan.Offline)
	for _, cache := range simulation.Caches {
		w.Infinispan.Put("site-a", cache, "new", "of the survivor")
		w.Infinispan.Put("site-a", cache, "both", "the survivor's is newer")
		w.Infinispan.Put("site-b", cache, "both", "of before")
		w.Infinispan.Put("site-b", cache, "old", "of before")
	}
	w.Keep(siteA)
}

// syncs reports whether the scenario is about data, and not about the accelerator.
func (s scenario) syncs() bool { return s.as == "restore" || s.as == "undo" }

// unsynced says what keeps a world from being as a sync, or an undo, must leave it.
func (s scenario) unsynced(w *simulation.World) []string {
	var wrong []string
	if w.Present(siteB) || !w.Serves(siteA) {
		wrong = append(wrong, fmt.Sprintf("site-b present %t, site-a serves %t", w.Present(siteB), w.Serves(siteA)))
	}
	there, back := w.Infinispan.Status("site-a", "site-b"), w.Infinispan.Status("site-b", "site-a")
	if s.as == "undo" {
		if there != infinispan.Offline {
			wrong = append(wrong, "replication from site-a to site-b is "+there)
		}
		return wrong
	}
	if there != infinispan.Online || back != infinispan.Online {
		wrong = append(wrong, fmt.Sprintf("replication from site-a to site-b is %s, and back it is %s", there, back))
	}
	if diff := cmp.Diff(w.Data(siteA), w.Data(siteB)); diff != "" {
		wrong = append(wrong, "the data differs (-site-a +site-b):\n"+diff)
	}
	return wrong
}

// leftWell wants of a restore that ended by itself, however, that the survivor
// serves alone and free of the link, unless both are in sync or Undo failed in place.
func (s scenario) leftWell(t *testing.T, w *simulation.World, when string) {
	t.Helper()
	if w.Present(siteB) || !w.Serves(siteA) {
		t.Errorf("%s: site-b present %t, site-a serves %t", when, w.Present(siteB), w.Serves(siteA))
	}
	last := w.Restores()[len(w.Restores())-1]
	status := w.Infinispan.Status("site-a", "site-b")
	switch {
	case last.Status == asl.Aborted, last.FailedInTask && last.State == "Undo", last.State == "InSync":
	case last.State == "NotBegun", last.State == "Stopped", last.State == "Undone":
		if status != infinispan.Offline {
			t.Errorf("%s: it ended %s (%s), but replication from site-a to site-b is %s", when, last.State, last.Cause, status)
		}
	default:
		t.Errorf("%s: it ended in %s: %s", when, last.State, last.Cause)
	}
	// In a task that fails in place, the words are those of what was called.
	if last.Status == asl.Failed && (last.Error == "" || last.Cause == "" && !last.FailedInTask) {
		t.Errorf("%s: it failed in %s without saying why", when, last.State)
	}
}

// syncOn goes on without the fault as an operator would, and wants both sites in
// sync in the end, and a repeat then to change nothing.
func (s scenario) syncOn(t *testing.T, w *simulation.World, then way, r *result) {
	t.Helper()
	s.leftWell(t, w, "under the fault")
	last := w.Restores()[len(w.Restores())-1]
	r.redrivable = last.FailedInTask
	if then == byRedrive {
		w.Redrive(last)
		settle(t, w, simulation.Fates{})
		if want := map[bool]string{true: "Undone", false: "Stopped"}[s.as == "undo"]; last.State != want {
			t.Errorf("after %s and a redrive it ended %s: %s", r.ended, last.State, last.Cause)
		}
		s.leftWell(t, w, "after a redrive")
	}
	run := func(phase contract.Phase, want string) {
		t.Helper()
		got := w.Restore(siteA, siteB, phase)
		settle(t, w, simulation.Fates{})
		if got.State != want {
			t.Errorf("after %s: %s for %s ended %s (%s), want %s", r.ended, got.Name, phase, got.State, got.Cause, want)
		}
		s.leftWell(t, w, "after "+got.Name)
	}
	if last.Status == asl.Aborted || last.FailedInTask {
		run(contract.PhaseUndo, "Undone")
	}
	s.as = "restore"
	if last.State != "InSync" {
		run(contract.PhaseSync, "InSync")
	}
	// What is in sync is not restored again: it is refused, and stays in sync.
	refused := w.Restore(siteA, siteB, contract.PhaseSync)
	settle(t, w, simulation.Fates{})
	if refused.State != "NotBegun" || refused.Error != "Refused" {
		t.Errorf("one more restore, all being well, ended %s: %s", refused.Outcome(), refused.Cause)
	}
	if wrong := s.unsynced(w); len(wrong) > 0 {
		t.Errorf("after %s and a restore: %v", r.ended, wrong)
	}
}
