package incident_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/manifests"
	"github.com/sitefence/sitefence/local/incident"
)

// scenarios are the deployments, one for each test, with the Infinispan they run on.
var scenarios = map[string]string{
	"straight-old": older,
	"straight-new": newer,
	"site-killed":  older,
	"cache-killed": newer,
	"half-open":    older,
	"fence-lost":   older,
}

// enter opens a scenario's deployment in a world where all is well. Scenarios on
// different versions of Infinispan, two sites each, run side by side.
func enter(t *testing.T, name string, timing manifests.Timing) (context.Context, *incident.World) {
	t.Helper()
	t.Parallel()
	turn := local.turns[scenarios[name]]
	turn.Lock()
	t.Cleanup(turn.Unlock)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	sites := local.sites[scenarios[name]]
	must(t, sites.HealLink(ctx))
	for _, site := range []string{siteA, siteB} {
		if view, err := sites.View(ctx, site); err != nil || !slices.Equal(view, []string{siteA, siteB}) {
			must(t, sites.RestartSite(ctx, site)) // forgets a fence of the scenario before
		}
	}
	must(t, sites.BringOnline(ctx, siteA, siteB))
	must(t, sites.BringOnline(ctx, siteB, siteA))
	w, err := incident.Open(ctx, incident.Options{Stack: local.stack, Deployment: name, Timing: timing})
	must(t, err)
	t.Cleanup(w.Close)
	return ctx, w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestStraightOld and TestStraightNew are the whole of it: the link breaks, one
// site survives; it heals, nothing changes; the lost site is brought back by the operator's command;
// the link breaks again, and the next generation of the fence does the same.
func TestStraightOld(t *testing.T) { straight(t, "straight-old", manifests.Defaults()) }

func TestStraightNew(t *testing.T) { straight(t, "straight-new", quick) }

func straight(t *testing.T, name string, timing manifests.Timing) {
	ctx, w := enter(t, name, timing)
	must(t, w.Cut(ctx))
	first := fenced(ctx, t, w)
	must(t, w.Sites.Write(ctx, first.Survivor, "kept", "while alone"))
	must(t, w.Heal(ctx))
	must(t, w.Check(ctx, first)) // nothing comes back by itself
	must(t, w.Sites.TakeOffline(ctx, first.Lost, first.Survivor))
	must(t, w.Sites.Write(ctx, first.Lost, "stale", "x")) // a write that only the lost site has
	newOperator(ctx, t, name).restore(ctx, t, w, first)
	if got := w.Serving(); len(got) != 2 {
		t.Fatalf("after the restore the accelerator holds %v", got)
	}
	if got, err := w.Sites.Read(ctx, first.Lost, "kept"); err != nil || got != "while alone" {
		t.Errorf("the site that was brought back has %q, %v", got, err)
	}
	if got, err := w.Sites.Read(ctx, first.Survivor, "kept"); err != nil || got != "while alone" {
		t.Errorf("the survivor has %q, %v: emptying the other site reached it", got, err)
	}
	if got, err := w.Sites.Read(ctx, first.Lost, "stale"); err == nil {
		t.Errorf("the site that was brought back has kept %q, which the survivor never had", got)
	}
	must(t, w.Cut(ctx))
	second := fenced(ctx, t, w)
	if second.Generation <= first.Generation {
		t.Errorf("the second outage's fence is %s, the first one's %s", second.Execution.Name, first.Execution.Name)
	}
}

// fenced waits for the fence of the outage that has begun and looks at all that
// must be true then.
func fenced(ctx context.Context, t *testing.T, w *incident.World) incident.Fence {
	t.Helper()
	fence, err := w.AwaitFence(ctx)
	must(t, err)
	must(t, w.CheckWrites(ctx, fence, w.Began()))
	must(t, w.Check(ctx, fence))
	line, err := w.Timeline(ctx, fence)
	must(t, err)
	t.Logf("%s: %s survives\n%s", fence.Execution.Name, fence.Survivor, incident.Table(line))
	for i, m := range line[1:] {
		// Some notes are of other clocks, some are rounded; none by a second.
		if m.At.Before(line[i].At.Add(-time.Second)) {
			t.Errorf("%s is before %s", m.Name, line[i].Name)
		}
	}
	return fence
}
