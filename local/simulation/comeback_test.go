package simulation_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/sitefence/sitefence/local/asl"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/simulation"
)

// comeback is a world in which site-b was fenced out of two listeners and is
// restored: it may rejoin.
func comeback(t *testing.T, m simulation.Machines, d *infinispan.Double) *simulation.World {
	t.Helper()
	opt := pair(m, d)
	opt.Listeners = append(opt.Listeners, ga.NewListener(80, ga.NewGroup(west, ga.NewEndpoint(lb("a")), ga.NewEndpoint(lb("b")))))
	w, err := simulation.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	w.Edit(func(g *ga.Group) {
		g.Endpoints = slices.DeleteFunc(g.Endpoints, func(e ga.Endpoint) bool { return e.ID == lb("b") })
	})
	w.Accelerator.Deploying(1)
	return w
}

// adds counts the writes that put something back.
func adds(w *simulation.World) int { return w.Accelerator.Calls(ga.AddEndpoints) }

// TestCutAtEveryStep: the link of the sites breaks before each outside call of a
// rejoin, and each task of its machines, and stays down. It ends, no law is
// broken, and the next alert leaves the survivor alone, not replicating.
func TestCutAtEveryStep(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	outcomes := map[string]int{}
	for step, last := 1, false; !last; step++ {
		synctest.Test(t, func(t *testing.T) {
			w := comeback(t, m, d)
			defer w.Close()
			n := 0
			cut := func() simulation.Fault {
				if n++; n == step {
					d.CutBetween("site-a", "site-b")
				}
				return simulation.None
			}
			w.Rejoin(siteA, siteB)
			settle(t, w, simulation.Fates{Call: func(*simulation.Call) simulation.Fault { return cut() },
				Task: func(*simulation.Run, *asl.Call) simulation.Fault { return cut() }})
			last = n < step
			end := w.Runs[len(w.Runs)-1]
			outcomes[end.Outcome()]++
			switch end.Outcome() {
			case "Ignored not-seen":
				if w.Present(siteB) {
					t.Errorf("step %d: ignored, but site-b is there", step)
				}
			case "RejoinStopped", "Rejoined already-serving":
			default:
				t.Errorf("step %d: %s ended %s: %s", step, end.Name, end.Outcome(), end.Cause)
			}
			d.CutBetween("site-a", "site-b")
			w.Alert(siteA, siteB)
			settle(t, w, simulation.Fates{})
			if w.Present(siteB) || !w.Serves(siteA) || d.Status("site-a", "site-b") != infinispan.Offline {
				t.Errorf("step %d: after the alert site-b is present: %v, replication to it %s", step, w.Present(siteB), d.Status("site-a", "site-b"))
			}
			if v := w.Violations(); len(v) > 0 {
				t.Errorf("step %d: %v", step, v)
			}
		})
	}
	t.Log(outcomes)
	for _, want := range []string{"Ignored not-seen", "RejoinStopped", "Rejoined already-serving"} {
		if outcomes[want] == 0 {
			t.Errorf("no rejoin ended %s: %v", want, outcomes)
		}
	}
}

// TestOldStepIsWaitedOut: a fence stands right before it stops replication when
// somebody stops its execution; its function lives on. What was done by hand
// meanwhile does not matter: the rejoin puts nothing back while that can act.
func TestOldStepIsWaitedOut(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	synctest.Test(t, func(t *testing.T) {
		w := comeback(t, m, d)
		defer w.Close()
		d.CutBetween("site-a", "site-b")
		w.Alert(siteA, siteB)
		var old *simulation.Call
		for range 1000 {
			synctest.Wait()
			if calls := w.Parked(); len(calls) > 0 {
				if calls[0].Operation == takeOffline {
					old = calls[0]
					break
				}
				w.Release(calls[0], simulation.None)
			} else if ready := w.Ready(); len(ready) > 0 {
				w.GoOn(ready[len(ready)-1], simulation.None)
			}
		}
		if old == nil {
			t.Fatalf("nobody took replication offline: %s", ends(w.Runs, ""))
		}
		w.Abort(w.Fences()[0])
		d.HealBetween("site-a", "site-b")
		w.Rejoin(siteA, siteB)
		for range 1000 {
			synctest.Wait()
			calls := slices.DeleteFunc(w.Parked(), func(c *simulation.Call) bool { return c == old })
			ready := slices.DeleteFunc(w.Ready(), func(r *simulation.Run) bool { return !r.IsRejoin() })
			switch {
			case adds(w) > 0 || len(calls)+len(ready) == 0:
			case len(calls) > 0:
				w.Release(calls[0], simulation.None)
				continue
			default:
				w.GoOn(ready[0], simulation.None)
				continue
			}
			break
		}
		if adds(w) == 0 {
			t.Fatalf("nothing was put back: %s", ends(w.Runs, ""))
		}
		if slices.Contains(w.Parked(), old) {
			t.Error("an old step can still stop replication when the site is put back")
			w.Release(old, simulation.None)
		}
		settle(t, w, simulation.Fates{})
		if got := w.Runs[len(w.Runs)-1]; got.Outcome() != "Rejoined already-serving" {
			t.Errorf("%s ended %s: %s", got.Name, got.Outcome(), got.Cause)
		}
		if v := w.Violations(); len(v) > 0 {
			t.Error(v)
		}
	})
}
