package updateaccelerator

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/contract"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/world"
)

func drill(in *contract.ActInput) { in.DryRun, in.Decision = true, contract.Rehearse }

// TestRehearse: the plan is what an update removes then, and nothing is written.
func TestRehearse(t *testing.T) {
	w := world.New(t, world.Both(443), world.Both(80))
	w.States.Start("fence-1")
	h, log := handler(t, w)
	in := w.Act(1)
	drill(&in)
	plan, err := h.Handle(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if w.Writes() != 0 || !w.Present(world.SiteB) {
		t.Fatalf("a rehearsal wrote %d times", w.Writes())
	}
	if !plan.DryRun || plan.Removed == nil || len(plan.Removed) != 0 || len(plan.Planned) != 2 {
		t.Errorf("got %+v, want site-b of two groups planned", plan)
	}
	if !strings.Contains(log.String(), `"msg":"planned"`) || strings.Contains(log.String(), "accelerator updated") {
		t.Errorf("the log does not tell a plan from a write: %s", log)
	}
	done, err := h.Handle(t.Context(), w.Act(1))
	if diff := cmp.Diff(plan.Planned, done.Removed); err != nil || diff != "" {
		t.Errorf("%v (-planned +removed):\n%s", err, diff)
	}
	// The site is gone: there is nothing to plan.
	again, err := h.Handle(t.Context(), in)
	if diff := cmp.Diff(contract.Update{Version: "1", Removed: []contract.Endpoint{}, Planned: []contract.Endpoint{}, DryRun: true}, again); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// TestRehearseRefuses: what would be refused is refused, and nothing that is not
// wholly a rehearsal, or wholly none, is done at all.
func TestRehearseRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(w *world.World)
		in      func(in *contract.ActInput)
		want    string
	}{
		"as it should be":    {nil, drill, ""},
		"an old check":       {nil, func(in *contract.ActInput) { drill(in); in.CheckedAt = time.Now().Add(-time.Hour) }, ""},
		"superseded":         {func(w *world.World) { w.States.Start("fence-3") }, drill, "Refused superseded"},
		"would go dark":      {func(w *world.World) { w.Accelerator.SetWeight(world.LB(world.SiteA), 0) }, drill, "Refused would-go-dark"},
		"stateless, and old": {func(w *world.World) { w.Config.Sites[0].Infinispan = nil }, func(in *contract.ActInput) { drill(in); in.ReceivedAt = time.Now().Add(-time.Hour) }, "Refused alert-too-old"},
		"named by hand":      {nil, func(in *contract.ActInput) { drill(in); in.Execution = "by-hand" }, "Misconfigured bad-input"},
		"another deployment": {nil, func(in *contract.ActInput) { drill(in); in.Deployment = "shop" }, "Misconfigured bad-input"},
		"unknown site":       {nil, func(in *contract.ActInput) { drill(in); in.Site = "site-x" }, "Misconfigured bad-input"},
		"dry, but a fence":   {nil, func(in *contract.ActInput) { in.DryRun = true }, "Misconfigured bad-input"},
		"dry, and undecided": {nil, func(in *contract.ActInput) { in.DryRun, in.Decision = true, "" }, "Misconfigured bad-input"},
		"a rehearsal, wet":   {nil, func(in *contract.ActInput) { in.Decision = contract.Rehearse }, "Misconfigured bad-input"},
		"dry and forced":     {nil, func(in *contract.ActInput) { drill(in); in.Forced = true }, "Misconfigured bad-input"},
		"accelerator broken": {func(w *world.World) {
			w.Accelerator.Inject(ga.Fault{Operation: ga.ListListeners, Effect: ga.Fail(ga.ThrottlingException), Times: 9})
		}, drill, "Transient unavailable"},
		"executions unlisted": {func(w *world.World) { w.States.Add(denied) }, drill, "Misconfigured access-denied"},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.New(t)
			w.States.Start("fence-1", "fence-2")
			if tc.prepare != nil {
				tc.prepare(w)
			}
			in := w.Act(2)
			tc.in(&in)
			h, _ := handler(t, w)
			got, err := h.Handle(t.Context(), in)
			if typed(err) != tc.want || (err == nil) != got.DryRun {
				t.Errorf("got %+v, %v; want %q", got, err, tc.want)
			}
			if w.Writes() != 0 {
				t.Errorf("%d writes", w.Writes())
			}
		})
	}
}
