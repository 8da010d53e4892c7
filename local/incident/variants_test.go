package incident_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/sitefence/sitefence/local/incident"
	"github.com/sitefence/sitefence/local/infinispan"
)

func wantSurvivor(t *testing.T, fence incident.Fence, want string) {
	t.Helper()
	if fence.Survivor != want {
		t.Errorf("%s survives, want %s", fence.Survivor, want)
	}
}

// TestSiteKilled: a site dies with all that watched it; the other one serves on.
func TestSiteKilled(t *testing.T) {
	ctx, w := enter(t, "site-killed", quick)
	must(t, w.Lose(ctx, siteB))
	wantSurvivor(t, fenced(ctx, t, w), siteA)
}

// TestInfinispanKilled: a site's Infinispan dies, its Keycloak does not, so the
// accelerator finds it healthy and would send users to it for good. Its own
// Prometheus has no metric any more, and is silent.
func TestInfinispanKilled(t *testing.T) {
	ctx, w := enter(t, "cache-killed", quick)
	must(t, w.Break(ctx, "Infinispan of site-b is killed", []string{siteA}, func(ctx context.Context) error {
		return w.Sites.KillSite(ctx, siteB)
	}))
	wantSurvivor(t, fenced(ctx, t, w), siteA)
	if alerted, err := w.Alerted(ctx, siteB); err != nil || alerted {
		t.Errorf("site-b reported site-a: %t, %v", alerted, err)
	}
}

// TestHalfOpen: site-b hears nothing of site-a, which hears it still. Only site-b
// knows, and reports; at site-a writes time out although it sees both. Nothing
// comes back when the link is whole again.
func TestHalfOpen(t *testing.T) {
	ctx, w := enter(t, "half-open", quick)
	deafen := func(deaf bool) func(context.Context) error {
		return func(ctx context.Context) error { return w.Sites.(infinispan.Deafener).Deafen(ctx, siteB, deaf) }
	}
	must(t, w.Break(ctx, "site-b is deaf", []string{siteB}, deafen(true)))
	fence := fenced(ctx, t, w)
	wantSurvivor(t, fence, siteB)
	if view, err := w.Sites.View(ctx, siteA); err != nil || !slices.Contains(view, siteB) {
		t.Errorf("site-a sees %v, %v: the cut was not half open", view, err)
	}
	if alerted, err := w.Alerted(ctx, siteA); err != nil || alerted {
		t.Errorf("site-a reported site-b: %t, %v", alerted, err)
	}
	must(t, deafen(false)(ctx))
	must(t, w.Heal(ctx))
	must(t, w.Check(ctx, fence))
}

// TestFenceLost: the survivor replicates to the lost site again while the link is
// down still, so its writes fail. The alert restores the fence, and the accelerator
// is not written. After a restart, which forgets, the metric was gone for a moment
// and the alert is a new one. When somebody brought the lost site online too soon,
// the alert goes on, and it is its repeat that does it.
func TestFenceLost(t *testing.T) {
	ctx, w := enter(t, "fence-lost", quick)
	must(t, w.Cut(ctx))
	last := fenced(ctx, t, w)
	for what, lose := range map[string]func(context.Context) error{
		"the survivor's Infinispan is restarted": func(ctx context.Context) error { return w.Sites.RestartSite(ctx, last.Survivor) },
		"the lost site is brought online":        func(ctx context.Context) error { return w.Sites.BringOnline(ctx, last.Survivor, last.Lost) },
	} {
		must(t, w.Break(ctx, what, nil, lose))
		lost := time.Now()
		again, err := w.AwaitFence(ctx)
		must(t, err)
		wantSurvivor(t, again, last.Survivor)
		if again.Generation <= last.Generation || again.Execution.Reason() != "fence-lost" || len(again.Record) != 0 {
			t.Errorf("after %s: %s ended with %s", what, again.Execution.Name, again.Execution.Output)
		}
		must(t, w.CheckWrites(ctx, again, time.Now()))
		must(t, w.Check(ctx, again))
		t.Logf("%s: for %.1f s", what, again.Execution.Started.Sub(lost).Seconds())
		last = again
	}
}
