package checkhealth

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/contract"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

// putBack undoes Fenced, with endpoints of that health.
func putBack(w *world.World, record []contract.Endpoint, health ga.Health) {
	w.Accelerator.Edit("put back", func(s *ga.State) {
		for i := range s.Accelerators[0].Listeners {
			groups := s.Accelerators[0].Listeners[i].Groups
			for j := range groups {
				for _, e := range record {
					if e.Group == groups[j].ARN {
						groups[j].Endpoints = append(groups[j].Endpoints, ga.NewEndpoint(e.Endpoint).WithHealth(health))
					}
				}
			}
		}
	})
}

func TestCheckRejoin(t *testing.T) {
	tests := map[string]struct {
		begun   bool
		prepare func(w *world.World, in *contract.CheckInput)
		want    string // decision and reason, or type and reason
	}{
		"in sync":          {false, nil, "rejoin in-sync"},
		"in sync, begun":   {true, nil, "rejoin in-sync"},
		"the link is down": {false, func(w *world.World, _ *contract.CheckInput) { w.Infinispan.CutBetween("site-a", "site-b") }, "ignore not-seen"},
		"the survivor's backup is off": {false, func(w *world.World, _ *contract.CheckInput) {
			w.Infinispan.Switch("site-a", "site-b", infinispan.Offline)
		}, "ignore not-replicating"},
		"the site's own backup is off": {false, func(w *world.World, _ *contract.CheckInput) {
			w.Infinispan.Switch("site-b", "site-a", infinispan.Offline)
		}, "ignore not-replicating"},
		"a cache's backup is off": {true, func(w *world.World, _ *contract.CheckInput) {
			w.Infinispan.Switch("site-a", "site-b", infinispan.Mixed)
		}, "ignore not-replicating"},
		"the reporter takes no traffic":            {false, func(w *world.World, _ *contract.CheckInput) { w.Accelerator.SetDial(0) }, "ignore reporter-not-in-service"},
		"all is back":                              {false, func(w *world.World, in *contract.CheckInput) { putBack(w, in.Endpoints, ga.Initial) }, "ignore already-serving"},
		"all is back, begun, healthy and deployed": {true, func(w *world.World, in *contract.CheckInput) { putBack(w, in.Endpoints, ga.Healthy) }, "ignore already-serving"},
		"all is back, begun, not healthy yet":      {true, func(w *world.World, in *contract.CheckInput) { putBack(w, in.Endpoints, ga.Initial) }, "recheck deploying"},
		"all is back, begun, unhealthy":            {true, func(w *world.World, in *contract.CheckInput) { putBack(w, in.Endpoints, ga.Unhealthy) }, "recheck deploying"},
		"all is back, begun, not deployed": {true, func(w *world.World, in *contract.CheckInput) {
			putBack(w, in.Endpoints, ga.Healthy)
			w.Accelerator.SetStatus(w.ARN, "IN_PROGRESS")
		}, "recheck deploying"},
		"all is back, begun, and cut off": {true, func(w *world.World, in *contract.CheckInput) {
			putBack(w, in.Endpoints, ga.Initial)
			w.Infinispan.CutBetween("site-a", "site-b")
		}, "ignore not-seen"},
		"a part is back, begun": {true, func(w *world.World, in *contract.CheckInput) { putBack(w, in.Endpoints[:1], ga.Initial) }, "rejoin in-sync"},
		"cut off, and the far site answers nobody": {true, func(w *world.World, _ *contract.CheckInput) {
			w.Infinispan.CutBetween("site-a", "site-b")
			w.Infinispan.StopListening("site-b")
		}, "ignore not-seen"},
		"the site's Infinispan answers nobody": {false, func(w *world.World, _ *contract.CheckInput) { w.Infinispan.StopListening("site-b") }, "Transient reporter-unreachable"},
		"the site's Infinispan refuses us": {false, func(w *world.World, _ *contract.CheckInput) {
			w.Infinispan.Inject("site-b", infinispan.Fault{Do: infinispan.Answer(403)})
		}, "Misconfigured forbidden"},
		"the accelerator's status cannot be read": {true, func(w *world.World, _ *contract.CheckInput) {
			w.Accelerator.Inject(ga.Fault{Operation: ga.DescribeAccelerator, Effect: ga.Fail(ga.AccessDeniedException)})
		}, "Misconfigured access-denied"},
		"the load balancer is gone": {false, func(w *world.World, _ *contract.CheckInput) { w.Balancers.Delete(world.LB(world.SiteB)) }, "Misconfigured not-found"},
		"the load balancer is the other's": {false, func(_ *world.World, in *contract.CheckInput) { in.Endpoints[1].Endpoint = world.LB(world.SiteA) },
			"Misconfigured not-found"},
		"the group is gone": {false, func(_ *world.World, in *contract.CheckInput) { in.Endpoints[1].Group += "0" }, "Misconfigured not-found"},
		"the group is another accelerator's": {false, func(_ *world.World, in *contract.CheckInput) {
			in.Endpoints[1].Group = "arn:aws:globalaccelerator::1:accelerator/x/listener/y/endpoint-group/z"
		}, "Misconfigured bad-input"},
		"only the survivor has an Infinispan": {false, func(w *world.World, _ *contract.CheckInput) { w.Config.Sites[1].Infinispan = nil }, "Misconfigured not-replicating"},
		"neither has one": {false, func(w *world.World, _ *contract.CheckInput) {
			w.Config.Sites[0].Infinispan, w.Config.Sites[1].Infinispan = nil, nil
		}, "rejoin in-sync"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := world.New(t, world.Both(443), world.Both(80))
			in := contract.CheckInput{Event: w.Rejoin(w.Fenced()), Execution: "fence-2", Begun: tc.begun}
			if tc.prepare != nil {
				tc.prepare(w, &in)
			}
			h, log := handler(t, w)
			check, err := h.Handle(t.Context(), in)
			got := string(check.Decision) + " " + string(check.Reason)
			if err != nil {
				got = typeName(err) + " " + string(contract.ReasonOf(err))
			}
			if got != tc.want {
				t.Errorf("got %s (%v), want %s", got, err, tc.want)
			}
			if !strings.Contains(log.String(), strings.Fields(tc.want)[1]) {
				t.Errorf("the log does not say why: %s", log)
			}
			if w.Writes()+w.Accelerator.Calls(ga.AddEndpoints) != 0 || len(w.Changes(world.SiteA))+len(w.Changes(world.SiteB)) != 0 {
				t.Error("a check changed something")
			}
		})
	}
}

// TestRejoinEvidence: what the decision rests on is in the answer.
func TestRejoinEvidence(t *testing.T) {
	w := world.New(t)
	in := contract.CheckInput{Event: w.Rejoin(w.Fenced()), Execution: "fence-2"}
	w.Infinispan.Switch("site-b", "site-a", infinispan.Mixed)
	h, _ := handler(t, w)
	got, err := h.Handle(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	want := contract.Evidence{Sites: map[contract.Site]contract.SiteEvidence{"site-a": {Endpoints: 1, Listeners: 1, InService: 1}, "site-b": {}},
		Links: []contract.Link{{From: "site-a", To: "site-b", Sees: true, Backup: "online"}, {From: "site-b", To: "site-a", Sees: true, Backup: "mixed"}}}
	if diff := cmp.Diff(want, got.Evidence); diff != "" || got.Present || got.Record == nil {
		t.Errorf("present %v, record %v, evidence (-want +got):\n%s", got.Present, got.Record, diff)
	}
}
