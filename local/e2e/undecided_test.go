package e2e_test

import (
	"testing"
	"time"

	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
)

// TestUndecided: whoever is not fit to survive, or cannot be asked, fences
// nobody; after a bounded recheck a human is paged, and nothing was changed.
func TestUndecided(t *testing.T) {
	tests := map[string]struct {
		prepare         func(s *scene)
		outcome, reason string
	}{
		"reporter unhealthy": {func(s *scene) {
			s.must(s.world.CutLink(s.ctx))
			deployed.Accelerator.SetHealth(s.d.Balancers[siteA], ga.Unhealthy)
		}, "Undecided", "reporter-unhealthy"},
		"reporter's Infinispan refuses connections": {func(s *scene) {
			s.must(s.world.CutLink(s.ctx))
			s.world.StopListening(siteA)
		}, "Undecided", "reporter-unreachable"},
		"reporter's Infinispan answers 500": {func(s *scene) {
			s.must(s.world.CutLink(s.ctx))
			s.inject(siteA, infinispan.Fault{Do: infinispan.Answer(500)})
		}, "Undecided", "reporter-unreachable"},
		"site visible": {func(*scene) {}, "Ignored", "site-visible"},
		"wrong Infinispan password": {func(s *scene) {
			s.must(s.world.CutLink(s.ctx))
			s.inject(siteA, infinispan.Fault{Do: infinispan.Answer(401)})
		}, "Misconfigured", "bad-credentials"},
		"Infinispan user without ADMIN": {func(s *scene) {
			s.must(s.world.CutLink(s.ctx))
			s.inject(siteA, infinispan.Fault{On: infinispan.BackupStatus, Do: infinispan.Answer(403)})
		}, "Misconfigured", "forbidden"},
		"backup unknown": {func(s *scene) {
			s.must(s.world.CutLink(s.ctx))
			s.inject(siteA, infinispan.Fault{On: infinispan.BackupStatus, Do: infinispan.Answer(404)})
		}, "Misconfigured", "backup-unknown"},
		"reporter drained": {func(s *scene) {
			s.must(s.world.CutLink(s.ctx))
			deployed.Accelerator.SetWeight(s.d.Balancers[siteA], 0)
		}, "Refused", "would-go-dark"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := lease(t)
			tc.prepare(s)
			s.post(s.alert(siteA, siteB))
			s.wantEnd(tc.outcome, tc.reason)
			s.wantUntouched()
		})
	}
}

// TestVisibleForLong: metrics and REST disagree for over ten minutes.
func TestVisibleForLong(t *testing.T) {
	s := lease(t)
	a := s.alert(siteA, siteB)
	a.StartsAt = time.Now().Add(-11 * time.Minute)
	s.post(a)
	s.wantEnd("Undecided", "site-visible")
	s.wantUntouched()
}

// TestBadGuardInput: an execution started by hand with something else than an
// event names each field that is wrong, and changes nothing.
func TestBadGuardInput(t *testing.T) {
	s := lease(t)
	for _, input := range []any{
		map[string]any{},
		map[string]any{"version": "1", "deployment": s.d.Name, "reporter": siteA, "site": "site-x", "receivedAt": time.Now()},
		map[string]any{"version": "1", "deployment": "another", "reporter": siteA, "site": siteB, "receivedAt": "today"},
		map[string]any{"reporter": 7},
	} {
		arn, err := deployed.StartExecution(s.ctx, s.d.Guard, "", input)
		s.must(err)
		e, err := deployed.Wait(s.ctx, arn)
		s.must(err)
		s.want(e, "Misconfigured", "bad-input: step input: ")
	}
	s.wantUntouched()
}

// TestRecovers: what passes during the recheck ends in a fence.
func TestRecovers(t *testing.T) {
	t.Run("reporter's health", func(t *testing.T) {
		s := lease(t)
		s.must(s.world.CutLink(s.ctx))
		deployed.Accelerator.SetHealth(s.d.Balancers[siteA], ga.Unhealthy)
		s.post(s.alert(siteA, siteB))
		s.untilState(s.d.Guard, "WaitToRecheck")
		deployed.Accelerator.SetHealth(s.d.Balancers[siteA], ga.Healthy)
		s.wantEnd("Fenced", "split")
		s.wantFenced(siteA, siteB)
	})
	t.Run("reporter's Infinispan", func(t *testing.T) {
		s := lease(t)
		s.must(s.world.CutLink(s.ctx))
		s.inject(siteA, infinispan.Fault{On: infinispan.ContainerView, Times: 2, Do: infinispan.Answer(503)})
		s.post(s.alert(siteA, siteB))
		s.wantEnd("Fenced", "split")
		s.wantFenced(siteA, siteB)
	})
	t.Run("a hanging Infinispan", func(t *testing.T) {
		s := lease(t)
		s.must(s.world.CutLink(s.ctx))
		s.inject(siteA, infinispan.Fault{On: infinispan.ContainerView, Times: 1, Do: infinispan.Hang()})
		s.post(s.alert(siteA, siteB))
		s.wantEnd("Fenced", "split")
		s.wantFenced(siteA, siteB)
	})
}

// untilState waits until an execution of this scenario has entered the state.
func (s *scene) untilState(machine, state string) {
	s.t.Helper()
	old := s.guards
	if machine == s.d.Fence {
		old = s.fences
	}
	for {
		all, err := deployed.Executions(s.ctx, machine)
		s.must(err)
		for _, e := range all {
			if old[e.ARN] {
				continue
			}
			steps, err := deployed.Trace(s.ctx, e.ARN)
			s.must(err)
			for _, step := range steps {
				if step.State == state {
					return
				}
			}
		}
		select {
		case <-s.ctx.Done():
			s.t.Fatalf("no execution of %s entered %s", machine, state)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
