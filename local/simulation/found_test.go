package simulation_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/asl"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/simulation"
)

// What random worlds have found, each as the story that it was.

// TestTagsLostHalfway: after the check that decided, the site's load balancer
// loses its tag. The writer sees no endpoint of the site and ends well. The site
// still serves, so its replication must stay.
func TestTagsLostHalfway(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	synctest.Test(t, func(t *testing.T) {
		w, err := simulation.New(pair(m, d))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		d.CutBetween("site-a", "site-b")
		w.Alert(siteA, siteB)
		w.Settle(simulation.Fates{Task: func(_ *simulation.Run, call *asl.Call) simulation.Fault {
			if call.State == "UpdateAccelerator" {
				w.Untag(siteB)
			}
			return simulation.None
		}}, 10_000)
		fence := w.Fences()[0]
		if fence.Error != "Refused" || !strings.Contains(fence.Cause, "unattributed-endpoint") || !fence.FailedInTask {
			t.Errorf("the fence ended %s: %s; want Refused in a task", fence.Outcome(), fence.Cause)
		}
		if got := d.Status("site-a", "site-b"); got != infinispan.Online {
			t.Errorf("replication is %s, want online", got)
		}
		// The operator mends the tag and asks again.
		w.RestoreTags()
		w.Replay(fence)
		if !w.Settle(simulation.Fates{}, 10_000) || w.Present(siteB) || d.Status("site-a", "site-b") != infinispan.Offline {
			t.Error("the replay did not fence the site")
		}
		if v := w.Violations(); len(v) > 0 {
			t.Error(v)
		}
	})
}

// TestReplacedUntagged: nothing was written yet, and an operator replaces the
// site's load balancer by one without a tag. It may serve the site.
func TestReplacedUntagged(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	synctest.Test(t, func(t *testing.T) {
		opt := pair(m, d)
		opt.Tags[lb("b2")] = map[string]string{}
		w, err := simulation.New(opt)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		d.CutBetween("site-a", "site-b")
		w.Alert(siteA, siteB)
		replaced := false
		w.Settle(simulation.Fates{Call: func(c *simulation.Call) simulation.Fault {
			if c.Operation != "UpdateEndpointGroup" {
				return simulation.None
			}
			return simulation.Throttled
		}, Task: func(run *simulation.Run, call *asl.Call) simulation.Fault {
			if call.State == "CheckHealth" && len(run.Trace) > 8 && run.Fence && !replaced {
				replaced = true
				w.Edit(func(g *ga.Group) {
					g.Endpoints = slices.DeleteFunc(g.Endpoints, func(e ga.Endpoint) bool { return e.ID == lb("b") })
					g.Endpoints = append(g.Endpoints, ga.NewEndpoint(lb("b2")))
				})
			}
			return simulation.None
		}}, 10_000)
		wantKept(t, w, replaced)
	})
}

// TestRedriveBesideANewBalancer: days after a fence failed half-way the site was
// brought back by hand behind a new load balancer without a tag. A redrive must
// not cut it: restoring by hand takes no generation.
func TestRedriveBesideANewBalancer(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	synctest.Test(t, func(t *testing.T) {
		opt := pair(m, d)
		opt.Tags[lb("b2")] = map[string]string{}
		w, err := simulation.New(opt)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		d.CutBetween("site-a", "site-b")
		w.Alert(siteA, siteB)
		w.Settle(simulation.Fates{Call: func(c *simulation.Call) simulation.Fault {
			if c.Operation == takeOffline {
				return simulation.Refused
			}
			return simulation.None
		}}, 100_000)
		time.Sleep(10 * 24 * time.Hour)
		d.HealBetween("site-a", "site-b")
		w.Edit(func(g *ga.Group) { g.Endpoints = append(g.Endpoints, ga.NewEndpoint(lb("b2"))) })
		w.Redrive(w.Fences()[0])
		w.Settle(simulation.Fates{}, 10_000)
		wantKept(t, w, !w.Present(siteB))
	})
}

// wantKept: replication is on, the fence has paged, and no law was broken.
func wantKept(t *testing.T, w *simulation.World, happened bool) {
	t.Helper()
	fence := w.Fences()[0]
	if !happened || fence.Error != "Refused" || !strings.Contains(fence.Cause, "unattributed-endpoint") {
		t.Errorf("happened: %v; the fence ended %s: %s; want Refused unattributed-endpoint", happened, fence.Outcome(), fence.Cause)
	}
	if got := w.Infinispan.Status("site-a", "site-b"); got != infinispan.Online {
		t.Errorf("replication is %s, want online", got)
	}
	if v := w.Violations(); len(v) > 0 {
		t.Error(v)
	}
}

// TestStatelessLate: nobody can be asked whether the alert still holds, so the
// first write comes within two minutes of it, whatever others removed meanwhile.
func TestStatelessLate(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	synctest.Test(t, func(t *testing.T) {
		opt := pair(m, d)
		opt.Stateless = []contract.Site{siteA, siteB}
		opt.Tags[lb("b3")] = map[string]string{"site": "site-b"}
		opt.Listeners = []ga.Listener{ga.NewListener(443, ga.NewGroup(west, ga.NewEndpoint(lb("a")), ga.NewEndpoint(lb("b")), ga.NewEndpoint(lb("b3"))))}
		w, err := simulation.New(opt)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		w.Alert(siteA, siteB)
		start, edited := time.Now(), false
		w.Settle(simulation.Fates{Call: func(c *simulation.Call) simulation.Fault {
			if c.Operation == "UpdateEndpointGroup" && time.Since(start) < 125*time.Second {
				return simulation.Throttled
			}
			return simulation.None
		}, Task: func(_ *simulation.Run, call *asl.Call) simulation.Fault {
			if call.State == "UpdateAccelerator" && time.Since(start) > 30*time.Second && !edited {
				edited = true
				w.Edit(func(g *ga.Group) {
					g.Endpoints = slices.DeleteFunc(g.Endpoints, func(e ga.Endpoint) bool { return e.ID == lb("b3") })
				})
			}
			return simulation.None
		}}, 10_000)
		fence := w.Fences()[0]
		if !edited || fence.Error != "Refused" || !strings.Contains(fence.Cause, "alert-too-old") || !w.Present(siteB) {
			t.Errorf("edited: %v; the fence ended %s: %s; want alert-too-old and the site in place", edited, fence.Outcome(), fence.Cause)
		}
	})
}

// TestRotatedWithoutALook: after a 401 the secret is read, which takes time. The
// call that cuts replication is sent again after another look only.
func TestRotatedWithoutALook(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	synctest.Test(t, func(t *testing.T) {
		w, err := simulation.New(pair(m, d))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		d.CutBetween("site-a", "site-b")
		w.Alert(siteA, siteB)
		var calls []string
		w.Settle(simulation.Fates{Call: func(c *simulation.Call) simulation.Fault {
			if c.Operation == takeOffline && len(calls) == 0 {
				d.SetCredentials("site-a", "rotated-password")
				w.Secrets.Set("secret-of-site-a", "rotated-password")
			}
			if c.Operation == takeOffline || len(calls) > 0 {
				calls = append(calls, c.Operation)
			}
			return simulation.None
		}}, 10_000)
		again := slices.Index(calls[1:], takeOffline) + 1
		if again < 1 || !slices.Contains(calls[:again], "ListListeners") || w.Fences()[0].Outcome() != "Fenced split" {
			t.Errorf("the fence ended %s after %v", w.Fences()[0].Outcome(), calls)
		}
	})
}

// TestEveryRefusedNameWaits: the minute that a name must be unknown before it is
// given up counts for each name anew (I3 rests on it).
func TestEveryRefusedNameWaits(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	synctest.Test(t, func(t *testing.T) {
		w, err := simulation.New(pair(m, d))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		w.Taken["fence-1"], w.Taken["fence-3"] = true, true
		d.CutBetween("site-a", "site-b")
		w.Alert(siteA, siteB)
		start := time.Now()
		w.Settle(simulation.Fates{}, 10_000)
		if took := time.Since(start); len(w.Fences()) != 1 || w.Fences()[0].Name != "fence-7" || took < 2*time.Minute {
			t.Errorf("%d fences after %s, want fence-7 after two minutes at least", len(w.Fences()), took)
		}
	})
}

// TestRemovedThoughTheCallFailed: the write was carried out, and the look after
// it failed. The error says that something was removed, so a load balancer that
// was there from the start is excused.
func TestRemovedThoughTheCallFailed(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	synctest.Test(t, func(t *testing.T) {
		opt := pair(m, d)
		opt.Tags[lb("other")] = map[string]string{}
		opt.Listeners = []ga.Listener{ga.NewListener(443, ga.NewGroup(west, ga.NewEndpoint(lb("a")), ga.NewEndpoint(lb("b")), ga.NewEndpoint(lb("other"))))}
		w, err := simulation.New(opt)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		d.CutBetween("site-a", "site-b")
		w.Alert(siteA, siteB)
		written := false
		w.Settle(simulation.Fates{Call: func(c *simulation.Call) simulation.Fault {
			written = written || c.Operation == "UpdateEndpointGroup"
			if written && c.By.Function == simulation.UpdateAccelerator && c.Operation == "ListListeners" {
				return simulation.Refused
			}
			return simulation.None
		}}, 10_000)
		if fence := w.Fences()[0]; !strings.HasPrefix(fence.Outcome(), "Fenced") || d.Status("site-a", "site-b") != infinispan.Offline {
			t.Errorf("the fence ended %s: %s", fence.Outcome(), fence.Cause)
		}
		if v := w.Violations(); len(v) > 0 {
			t.Error(v)
		}
	})
}

// TestStrangerBetweenTwoWrites: what comes after the first write is not excused,
// although another check and another write follow.
func TestStrangerBetweenTwoWrites(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	synctest.Test(t, func(t *testing.T) {
		opt := pair(m, d)
		both := ga.NewGroup(west, ga.NewEndpoint(lb("a")), ga.NewEndpoint(lb("b")))
		opt.Listeners = []ga.Listener{ga.NewListener(443, both), ga.NewListener(80, both)}
		w, err := simulation.New(opt)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		d.CutBetween("site-a", "site-b")
		w.Alert(siteA, siteB)
		writes, smuggled := 0, false
		w.Settle(simulation.Fates{Call: func(c *simulation.Call) simulation.Fault {
			if c.Operation != "UpdateEndpointGroup" {
				return simulation.None
			}
			if writes++; writes == 2 {
				return simulation.Throttled
			}
			return simulation.None
		}, Task: func(run *simulation.Run, call *asl.Call) simulation.Fault {
			if run.Fence && call.State == "CheckHealth" && writes == 2 && !smuggled {
				smuggled = true
				w.Smuggle("b2")
			}
			return simulation.None
		}}, 10_000)
		if writes < 3 {
			t.Errorf("%d writes, want a third one", writes)
		}
		wantKept(t, w, smuggled)
	})
}
