package incident_test

import (
	"context"
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

// TestHalfOpen: what site-b says arrives, what is said to it is lost. Its
// connection to the gossip router ends for want of the router's heartbeats, so
// that neither sees the other; one of them survives, and nothing comes back when
// the link is whole again.
func TestHalfOpen(t *testing.T) {
	ctx, w := enter(t, "half-open", quick)
	must(t, w.Break(ctx, "site-b is deaf", w.Deployment.Sites, func(context.Context) error {
		local.relays.Deafen(siteB)
		return nil
	}))
	t.Cleanup(func() { local.relays.Mend(siteB) })
	fence := fenced(ctx, t, w)
	local.relays.Mend(siteB)
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
	status, err := w.Sites.BackupStatus(ctx, second.Survivor, second.Lost)
	if err != nil || status != infinispan.Offline {
		t.Errorf("replication is %s, %v", status, err)
	}
	t.Logf("the fence was lost for %.1f s after the restart", second.Execution.Started.Sub(restarted).Seconds())
}
