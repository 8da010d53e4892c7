package e2e_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

// fencedPair fences site-b over a broken link; then the link heals. Each site has
// data that the other has not.
func fencedPair(t *testing.T) (*scene, stack.Execution) {
	t.Helper()
	s := lease(t)
	s.world.Put(siteB, "sessions", "old", "of before")
	s.world.Put(siteB, "actionTokens", "old", "of before")
	s.must(s.world.CutLink(s.ctx))
	s.post(s.alert(siteA, siteB))
	fence := s.wantEnd("Fenced", "split")
	s.must(s.world.Write(s.ctx, siteA, "kept", "while alone"))
	s.world.Put(siteA, "actionTokens", "kept", "while alone")
	s.must(s.world.HealLink(s.ctx))
	return s, fence
}

// restore starts the machine for site-b.
func (s *scene) restore(phase contract.Phase, fence stack.Execution) string {
	s.t.Helper()
	var out struct{ Record []contract.Endpoint }
	s.must(json.Unmarshal([]byte(fence.Output), &out))
	arn, err := s.d.StartRestore(s.ctx, phase, siteA, siteB, fence.Name, out.Record)
	s.must(err)
	return arn
}

func (s *scene) wait(arn string) stack.Execution {
	s.t.Helper()
	e, err := deployed.Wait(s.ctx, arn)
	s.must(err)
	return e
}

// wantInSync asserts the end of every good sync: equal data, nothing of the
// fenced site's own, replication both ways, and the site still out.
func (s *scene) wantInSync(e stack.Execution) {
	s.t.Helper()
	s.want(e, "InSync", "")
	for _, cache := range []string{"sessions", "actionTokens"} {
		a, b := s.world.Entries(siteA, cache), s.world.Entries(siteB, cache)
		if diff := gocmp.Diff(a, b); diff != "" {
			s.t.Errorf("%s differs (-%s +%s):\n%s", cache, siteA, siteB, diff)
		}
		if a["kept"] != "while alone" || a["old"] != "" {
			s.t.Errorf("%s of the survivor holds %v", cache, a)
		}
	}
	for _, way := range [][2]string{{siteA, siteB}, {siteB, siteA}} {
		if got := s.backup(way[0], way[1]); got != infinispan.Online {
			s.t.Errorf("replication from %s to %s is %s, want online", way[0], way[1], got)
		}
	}
	if got := s.present(); len(got) != 1 || got[0] != siteA {
		s.t.Errorf("the accelerator holds %v, want %s alone", got, siteA)
	}
	var out struct {
		Survivor, Site, Next string
		Caches               []string
		Links                []contract.Link
	}
	s.must(json.Unmarshal([]byte(e.Output), &out))
	if out.Survivor != siteA || out.Site != siteB || len(out.Links) != 2 || !slices.Equal(out.Caches, []string{"actionTokens", "sessions"}) ||
		!strings.Contains(out.Next, "--continue "+e.Name) {
		s.t.Errorf("output %s", e.Output)
	}
}

func TestRestoreSyncs(t *testing.T) {
	s, fence := fencedPair(t)
	writes := len(s.writes())
	s.wantInSync(s.wait(s.restore(contract.PhaseSync, fence)))
	if len(s.writes()) != writes {
		t.Error("a sync wrote the accelerator")
	}
	// The pair can be fenced again.
	s.must(s.world.CutLink(s.ctx))
	s.post(s.alert(siteA, siteB))
	s.fencesEnded(2)
	s.wantFenced(siteA, siteB)
}

// TestRestoreLosesTheLink at every step: the survivor serves alone again, the next
// alert is handled as always, and when the link is well the sync succeeds.
func TestRestoreLosesTheLink(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(s *scene)
		during  func(s *scene, arn string)
	}{
		"before the clear": {func(s *scene) {
			s.inject(siteB, infinispan.Fault{On: infinispan.TakeOffline, Times: 1, Do: infinispan.CutBefore()})
		}, nil},
		"after the clear": {func(s *scene) {
			s.inject(siteB, infinispan.Fault{On: infinispan.CacheSize, Times: 1, Do: infinispan.CutAfter()})
		}, nil},
		"at the start of the push": {func(s *scene) {
			s.inject(siteA, infinispan.Fault{On: infinispan.StartPush, Times: 1, Do: infinispan.CutBefore()})
		}, nil},
		"after the start of the push": {func(s *scene) {
			s.world.HoldPushes()
			s.inject(siteA, infinispan.Fault{On: infinispan.StartPush, Times: 1, Do: infinispan.CutAfter()})
		}, nil},
		"while state is sent": {(*scene).hold, func(s *scene, arn string) {
			s.untilEntered(arn, "WaitForPush", 1)
			s.must(s.world.CutLink(s.ctx))
		}},
		"before the finish": {func(s *scene) {
			s.inject(siteB, infinispan.Fault{On: infinispan.BringOnline, Times: 1, Do: infinispan.CutBefore()})
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, fence := fencedPair(t)
			tc.prepare(s)
			arn := s.restore(contract.PhaseSync, fence)
			if tc.during != nil {
				tc.during(s, arn)
			}
			e := s.wait(arn)
			s.want(e, "Refused", "The restore stopped")
			s.wantFenced(siteA, siteB)
			s.post(s.alert(siteA, siteB))
			s.want(s.guardsEnded(2)[0], "Ignored", "already-fenced")
			s.world.ReleasePushes()
			s.must(s.world.HealLink(s.ctx))
			s.wantInSync(s.wait(s.restore(contract.PhaseSync, fence)))
		})
	}
}

func (s *scene) hold() { s.world.HoldPushes() }

// TestAlertDuringARestore: the link breaks while state is sent, and the alert is
// first: a fence of the next generation takes replication offline, and the restore
// gives way to it. The next restore is since that fence.
func TestAlertDuringARestore(t *testing.T) {
	s, fence := fencedPair(t)
	s.world.HoldPushes()
	arn := s.restore(contract.PhaseSync, fence)
	s.untilEntered(arn, "WaitForPush", 1)
	s.must(s.world.CutLink(s.ctx))
	s.post(s.alert(siteA, siteB))
	e := s.wait(arn)
	s.guardsEnded(2)
	fences := s.fencesEnded(1)
	if e.Outcome() != "Refused" {
		t.Errorf("%s: %s", e.Outcome(), e.Cause)
	}
	s.wantFenced(siteA, siteB)
	s.world.ReleasePushes()
	s.must(s.world.HealLink(s.ctx))
	newest := fences[0]
	newest.Output = fence.Output
	s.wantInSync(s.wait(s.restore(contract.PhaseSync, newest)))
}

// TestTwoRestores: one of them goes on.
func TestTwoRestores(t *testing.T) {
	s, fence := fencedPair(t)
	s.world.HoldPushes()
	first := s.restore(contract.PhaseSync, fence)
	s.untilEntered(first, "Check", 1)
	second := s.restore(contract.PhaseSync, fence)
	s.want(s.wait(second), "Refused", "being-handled")
	s.world.ReleasePushes()
	s.wantInSync(s.wait(first))
}

// TestRestoreIsUndone: somebody stops a restore in the middle; the undo that the
// command starts then leaves the survivor alone, and a new one succeeds.
func TestRestoreIsUndone(t *testing.T) {
	s, fence := fencedPair(t)
	s.world.HoldPushes()
	first := s.restore(contract.PhaseSync, fence)
	s.untilEntered(first, "WaitForPush", 1)
	_, err := deployed.States().StopExecution(s.ctx, &sfn.StopExecutionInput{ExecutionArn: &first})
	s.must(err)
	s.want(s.wait(s.restore(contract.PhaseUndo, fence)), "Undone", "")
	s.wantFenced(siteA, siteB)
	s.world.ReleasePushes()
	s.wantInSync(s.wait(s.restore(contract.PhaseSync, fence)))
}

// TestRestoreIsNotBegun: every condition that does not hold is named, and nothing
// was changed.
func TestRestoreIsNotBegun(t *testing.T) {
	s, fence := fencedPair(t)
	s.must(s.world.CutLink(s.ctx))
	s.must(s.world.BringOnline(s.ctx, siteA, siteB))
	s.world.ForgetCalls()
	e := s.wait(s.restore(contract.PhaseSync, fence))
	s.want(e, "Refused", "the sites see each other? No: not-seen")
	s.want(e, "Refused", "site is fenced? No: not-fenced")
	for _, site := range s.d.Sites {
		for _, c := range s.calls(site) {
			if c.Method != "GET" {
				t.Errorf("%s %s at %s, want no change", c.Method, c.Target, site)
			}
		}
	}
}

// TestRestoreAsksForTheTurn: when the sites are in sync and the targets healthy
// the guard is asked to put the site back.
func TestRestoreAsksForTheTurn(t *testing.T) {
	s, fence := fencedPair(t)
	s.wantInSync(s.wait(s.restore(contract.PhaseSync, fence)))
	e := s.wait(s.restore(contract.PhaseRejoin, fence))
	s.want(e, "RejoinStarted", "")
	var out struct{ Guard string }
	s.must(json.Unmarshal([]byte(e.Output), &out))
	guard, err := deployed.Describe(s.ctx, out.Guard)
	s.must(err)
	if want := strings.Replace(e.Name, "restore-", "rejoin-", 1); guard.Name != want {
		t.Errorf("the guard's execution is %s, want %s", guard.Name, want)
	}
	var in contract.Event
	s.must(json.Unmarshal([]byte(guard.Input), &in))
	if err := in.Validate(); err != nil || in.Operation != contract.OperationRejoin || len(in.Endpoints) != 1 {
		t.Errorf("%v: %s", err, guard.Input)
	}
}
