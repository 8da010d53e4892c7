package updateaccelerator

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/contract"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

// rejoinWorld is two listeners out of which site-b was fenced, all being well.
func rejoinWorld(t *testing.T) (*world.World, contract.ActInput) {
	t.Helper()
	w := world.New(t, world.Both(443), world.Both(80))
	w.States.Start("fence-1", "fence-2")
	in := w.Act(2)
	in.Event, in.Decision = w.Rejoin(w.Fenced()), contract.Rejoin
	return w, in
}

func TestRejoins(t *testing.T) {
	w, in := rejoinWorld(t)
	h, log := handler(t, w)
	got, err := h.Handle(t.Context(), in)
	if diff := cmp.Diff(contract.Update{Version: "1", Removed: []contract.Endpoint{}, Added: in.Endpoints}, got); err != nil || diff != "" {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	if len(in.Endpoints) != 2 || !w.Present(world.SiteB) || w.Accelerator.Calls(ga.AddEndpoints) != 2 || w.Writes() != 0 {
		t.Errorf("%d endpoints, %d AddEndpoints, %d other writes", len(in.Endpoints), w.Accelerator.Calls(ga.AddEndpoints), w.Writes())
	}
	for _, key := range []string{`"deployment":"kc"`, `"site":"site-b"`, `"reporter":"site-a"`, `"execution":"fence-2"`, `"added":[{`} {
		if strings.Count(log.String(), key) != 1 {
			t.Errorf("the log line lacks %s: %s", key, log)
		}
	}
	again, err := h.Handle(t.Context(), in)
	if err != nil || len(again.Added) != 0 || w.Accelerator.Calls(ga.AddEndpoints) != 2 {
		t.Errorf("again: %+v, %v", again, err)
	}
	if len(w.Changes(world.SiteA))+len(w.Changes(world.SiteB)) != 0 {
		t.Error("a rejoin changed something at the sites")
	}
}

// TestRejoinRefuses: every condition of a put-back, one at a time. Nothing is
// written, and what may not be written is found without any call where it can be.
func TestRejoinRefuses(t *testing.T) {
	offline := func(from, to string) func(w *world.World) {
		return func(w *world.World) { w.Infinispan.Switch(from, to, infinispan.Offline) }
	}
	tests := map[string]struct {
		prepare func(w *world.World)
		in      func(in *contract.ActInput)
		want    string
	}{
		"check a minute old":               {nil, func(in *contract.ActInput) { in.CheckedAt = time.Now().Add(-61 * time.Second) }, "Transient stale-check"},
		"superseded":                       {func(w *world.World) { w.States.Start("fence-3") }, nil, "Refused superseded"},
		"the link is down":                 {func(w *world.World) { w.Infinispan.CutBetween("site-a", "site-b") }, nil, "Refused not-seen"},
		"the survivor's backup is off":     {offline("site-a", "site-b"), nil, "Refused not-replicating"},
		"the site's own backup is off":     {offline("site-b", "site-a"), nil, "Refused not-replicating"},
		"a cache's backup is off":          {func(w *world.World) { w.Infinispan.Switch("site-b", "site-a", infinispan.Mixed) }, nil, "Refused not-replicating"},
		"the site's Infinispan is down":    {func(w *world.World) { w.Infinispan.StopListening("site-b") }, nil, "Transient reporter-unreachable"},
		"the reporter takes no traffic":    {func(w *world.World) { w.Accelerator.SetWeight(world.LB(world.SiteA), 0) }, nil, "Refused reporter-not-in-service"},
		"the load balancer is gone":        {func(w *world.World) { w.Balancers.Delete(world.LB(world.SiteB)) }, nil, "Misconfigured not-found"},
		"the load balancer is the other's": {nil, func(in *contract.ActInput) { in.Endpoints[1].Endpoint = world.LB(world.SiteA) }, "Misconfigured not-found"},
		"a group of another accelerator": {nil, func(in *contract.ActInput) {
			in.Endpoints[1].Group = "arn:aws:globalaccelerator::1:accelerator/x/listener/y/endpoint-group/z"
		}, "Misconfigured bad-input"},
		"a weight above 255":                  {nil, func(in *contract.ActInput) { in.Endpoints[1].Weight = 256 }, "Misconfigured bad-input"},
		"decided to fence":                    {nil, func(in *contract.ActInput) { in.Decision = contract.Fence }, "Misconfigured bad-input"},
		"nothing decided":                     {nil, func(in *contract.ActInput) { in.Decision = contract.Ignore }, "Misconfigured bad-input"},
		"a fence that decided to rejoin":      {nil, func(in *contract.ActInput) { in.Operation, in.Endpoints = "", nil }, "Misconfigured bad-input"},
		"nobody's order":                      {nil, func(in *contract.ActInput) { in.Order = nil }, "Misconfigured bad-input"},
		"another deployment":                  {nil, func(in *contract.ActInput) { in.Deployment = "shop" }, "Misconfigured bad-input"},
		"named by hand":                       {nil, func(in *contract.ActInput) { in.Execution = "by-hand" }, "Misconfigured bad-input"},
		"only the survivor has an Infinispan": {func(w *world.World) { w.Config.Sites[1].Infinispan = nil }, nil, "Misconfigured not-replicating"},
		"write denied": {func(w *world.World) {
			w.Accelerator.Inject(ga.Fault{Operation: ga.AddEndpoints, Effect: ga.Fail(ga.AccessDeniedException)})
		}, nil, "Misconfigured access-denied"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w, in := rejoinWorld(t)
			if tc.prepare != nil {
				tc.prepare(w)
			}
			if tc.in != nil {
				tc.in(&in)
			}
			h, log := handler(t, w)
			_, err := h.Handle(t.Context(), in)
			if typed(err) != tc.want {
				t.Errorf("got %v (%s), want %s", err, typed(err), tc.want)
			}
			if w.Present(world.SiteB) || w.Writes() != 0 {
				t.Error("something was written")
			}
			if tc.want == "Misconfigured bad-input" && w.Accelerator.Calls(ga.ListListeners)+len(w.Infinispan.Calls("site-a")) != 0 {
				t.Error("somebody was asked before the input was looked at")
			}
			if !strings.Contains(log.String(), `"reason":"`+string(contract.ReasonOf(err))) {
				t.Errorf("the log does not say why: %s", log)
			}
		})
	}
}

// TestRejoinStops: the link is cut after a write. The text says what was put back,
// and what to do; the next group stays empty.
func TestRejoinStops(t *testing.T) {
	for writes, want := range map[int]string{1: "1 endpoints of site-b were put back, and then", 2: "2 endpoints of site-b were put back, and then"} {
		w, in := rejoinWorld(t)
		h, log := handler(t, w)
		seen := 0
		w.Accelerator.SetHook(func(op ga.Operation, when ga.Moment, _ string) {
			if op == ga.AddEndpoints && when == ga.After {
				if seen++; seen == writes {
					w.Infinispan.CutBetween("site-a", "site-b")
				}
			}
		})
		_, err := h.Handle(t.Context(), in)
		if typed(err) != "Refused not-seen" || !strings.Contains(err.Error(), want) || w.Accelerator.Calls(ga.AddEndpoints) != writes {
			t.Errorf("cut after %d writes: %v after %d", writes, err, w.Accelerator.Calls(ga.AddEndpoints))
		}
		if strings.Count(log.String(), `"added":[{`) != 1 || strings.Contains(err.Error(), contract.RemovedSome) {
			t.Errorf("the log does not say what was put back: %s", log)
		}
	}
}

// TestRejoinStateless: without Infinispan at both there is nothing to ask, and no
// age of an alert counts.
func TestRejoinStateless(t *testing.T) {
	w, in := rejoinWorld(t)
	w.Config.Sites[0].Infinispan, w.Config.Sites[1].Infinispan = nil, nil
	in.ReceivedAt = time.Now().Add(-time.Hour)
	h, _ := handler(t, w)
	if got, err := h.Handle(t.Context(), in); err != nil || len(got.Added) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if len(w.Infinispan.Calls("site-a"))+len(w.Infinispan.Calls("site-b")) != 0 {
		t.Error("somebody was asked")
	}
}
