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

// TestSurvivorRestarted: the survivor's Infinispan is restarted while the link is
// down still, and forgets that replication is offline: its writes fail. The alert,
// which goes on, is posted again and restores the fence; the accelerator is not
// written.
func TestSurvivorRestarted(t *testing.T) {
	ctx, w := enter(t, "forgetful", quick)
	must(t, w.Cut(ctx))
	first := fenced(ctx, t, w)
	must(t, w.Break(ctx, "the survivor's Infinispan is restarted", nil, func(ctx context.Context) error {
		return w.Sites.RestartSite(ctx, first.Survivor)
	}))
	restarted := time.Now()
	second, err := w.AwaitFence(ctx)
	must(t, err)
	wantSurvivor(t, second, first.Survivor)
	if second.Generation <= first.Generation || second.Execution.Reason() != "fence-lost" || len(second.Record) != 0 {
		t.Errorf("%s ended with %s", second.Execution.Name, second.Execution.Output)
	}
	must(t, w.CheckWrites(ctx, second, time.Now()))
	must(t, w.Check(ctx, second))
	t.Logf("the fence was lost for %.1f s after the restart", second.Execution.Started.Sub(restarted).Seconds())
}
