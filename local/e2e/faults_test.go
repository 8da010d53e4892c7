package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"

	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

// TestTakeOfflineFaults: the endpoints are gone and Infinispan does not obey.
// The fence is pursued until replication is proven offline.
func TestTakeOfflineFaults(t *testing.T) {
	tests := map[string]infinispan.Fault{
		"500":                    {On: infinispan.TakeOffline, Times: 3, Do: infinispan.Answer(500)},
		"hangs":                  {On: infinispan.TakeOffline, Times: 1, Do: infinispan.Hang()},
		"200 but nothing":        {On: infinispan.TakeOffline, Times: 3, Do: infinispan.AnswerEmpty()},
		"one cache fails":        {On: infinispan.TakeOffline, Times: 3, Do: infinispan.OneCacheFails()},
		"mixed afterwards":       {On: infinispan.TakeOffline, Times: 2, Do: infinispan.AnswerMixed()},
		"404":                    {On: infinispan.TakeOffline, Times: 2, Do: infinispan.Answer(404)},
		"no JSON":                {On: infinispan.TakeOffline, Times: 2, Do: infinispan.AnswerMalformed()},
		"applied, answer lost":   {On: infinispan.TakeOffline, Times: 1, Do: infinispan.FailedButApplied()},
		"long enough for a page": {On: infinispan.TakeOffline, Times: 25, Do: infinispan.Answer(500)},
	}
	for name, fault := range tests {
		t.Run(name, func(t *testing.T) {
			s := lease(t)
			s.must(s.world.CutLink(s.ctx))
			s.inject(siteA, fault)
			s.post(s.alert(siteA, siteB))
			fence := s.wantEnd("Fenced", "split")
			s.wantFenced(siteA, siteB)
			if fault.Times > 21 && !s.entered(fence.ARN, "StillTrying") {
				t.Error("nobody was told while it lasted")
			}
		})
	}
}

func (s *scene) entered(arn, state string) bool {
	s.t.Helper()
	steps, err := deployed.Trace(s.ctx, arn)
	s.must(err)
	for _, step := range steps {
		if step.State == state {
			return true
		}
	}
	return false
}

// TestRedriveAtTakeOffline: a fence that failed at take-offline is redriven
// there, with its input and variables, and completes.
func TestRedriveAtTakeOffline(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	s.inject(siteA, infinispan.Fault{On: infinispan.TakeOffline, Do: infinispan.Answer(403)})
	s.post(s.alert(siteA, siteB))
	fence := s.wantEnd("Misconfigured", "forbidden")
	if got := s.present(); len(got) != 1 || got[0] != siteA {
		t.Fatalf("the accelerator holds %v, want site-a alone", got)
	}
	if got := s.backup(siteA, siteB); got != infinispan.Online {
		t.Fatalf("replication is %s, want online: the fence is half done and has failed loudly", got)
	}
	s.world.ClearFaults(siteA)
	_, err := deployed.States().RedriveExecution(s.ctx, &sfn.RedriveExecutionInput{ExecutionArn: &fence.ARN})
	s.must(err)
	s.wantEnd("Fenced", "split")
	s.wantFenced(siteA, siteB)
}

// TestReplayAfterFailedTakeOffline: the fence failed at take-offline; replaying
// the guard execution completes it as the next generation.
func TestReplayAfterFailedTakeOffline(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	s.inject(siteA, infinispan.Fault{On: infinispan.TakeOffline, Do: infinispan.Answer(401)})
	s.post(s.alert(siteA, siteB))
	s.wantEnd("Misconfigured", "bad-credentials")
	guard := s.guardsEnded(1)[0]
	s.world.ClearFaults(siteA)
	s.replay(guard)
	s.guardsEnded(2)
	s.want(s.fencesEnded(2)[0], "Fenced", "fence-lost")
	s.wantFenced(siteA, siteB)
}

// TestRedriveAfterNewer: an old fence that is redriven beside a newer one is
// superseded and changes nothing.
func TestRedriveAfterNewer(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	s.inject(siteA, infinispan.Fault{On: infinispan.TakeOffline, Do: infinispan.Answer(403)})
	s.post(s.alert(siteA, siteB))
	old := s.wantEnd("Misconfigured", "forbidden")
	s.world.ClearFaults(siteA)
	s.post(s.alert(siteA, siteB)) // ensure, by the next generation
	s.guardsEnded(2)
	newer := s.fencesEnded(2)
	s.wantFenced(siteA, siteB)
	if newer[0].Outcome() != "Fenced" || newer[0].Reason() != "fence-lost" {
		t.Errorf("the alert after the fault ended %s %s, want Fenced fence-lost", newer[0].Outcome(), newer[0].Reason())
	}
	// The operator brings the site back; then somebody redrives the old fence.
	s.must(s.world.HealLink(s.ctx))
	s.must(s.world.PushState(s.ctx, siteA, siteB))
	_, err := deployed.States().RedriveExecution(s.ctx, &sfn.RedriveExecutionInput{ExecutionArn: &old.ARN})
	s.must(err)
	e, err := deployed.Wait(s.ctx, old.ARN)
	s.must(err)
	s.want(e, "Refused", "superseded by "+newer[0].Name)
	if got := s.backup(siteA, siteB); got != infinispan.Online {
		t.Errorf("replication is %s, want online: the old fence cut the restored site", got)
	}
}

// TestFenceLost: the survivor's Infinispan was restarted and forgot; the next
// alert restores the fence.
func TestFenceLost(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	s.post(s.alert(siteA, siteB))
	s.wantEnd("Fenced", "split")
	s.must(s.world.RestartSite(s.ctx, siteA))
	if got := s.backup(siteA, siteB); got != infinispan.Online {
		t.Fatalf("replication is %s after the restart, want online", got)
	}
	s.post(s.alert(siteA, siteB))
	s.guardsEnded(2)
	s.want(s.fencesEnded(2)[0], "Fenced", "fence-lost")
	s.wantFenced(siteA, siteB)
	if got := len(s.writes()); got != 1 {
		t.Errorf("%d writes of the accelerator, want 1", got)
	}
}

// TestLateDuplicate: the link is up again; an old alert comes once more.
func TestLateDuplicate(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	a := s.alert(siteA, siteB)
	s.post(a)
	s.wantEnd("Fenced", "split")
	s.must(s.world.HealLink(s.ctx))
	s.post(a)
	s.want(s.guardsEnded(2)[0], "Ignored", "already-fenced")
	s.must(s.world.PushState(s.ctx, siteA, siteB))
	s.post(a)
	s.want(s.guardsEnded(3)[0], "Ignored", "site-visible")
	if got := s.backup(siteA, siteB); got != infinispan.Online {
		t.Errorf("replication is %s, want online: the late alert cut a site that is coming back", got)
	}
}

// TestAcceleratorFaults: whatever the accelerator's write does, once it passes
// the site is fenced.
func TestAcceleratorFaults(t *testing.T) {
	tests := map[string]ga.Fault{
		"throttled":            {Times: 3, Effect: ga.Fail(ga.ThrottlingException)},
		"in transition":        {Times: 5, Effect: ga.Fail(ga.TransactionInProgressException)},
		"write failed":         {Times: 1, Effect: ga.Fail(ga.InternalServiceErrorException)},
		"connection cut":       {Times: 1, Effect: ga.Drop()},
		"applied, answer lost": {Times: 1, Effect: ga.DropApplied()},
		"applied, error told":  {Times: 1, Effect: ga.FailApplied(ga.InternalServiceErrorException)},
		"answer is no JSON":    {Times: 1, Effect: ga.Answer("<html>")},
	}
	for name, fault := range tests {
		t.Run(name, func(t *testing.T) {
			s := lease(t)
			s.must(s.world.CutLink(s.ctx))
			fault.Operation = ga.UpdateEndpointGroup
			s.fault(fault)
			s.post(s.alert(siteA, siteB))
			s.wantEnd("Fenced", s.fenceReason(name))
			s.wantFenced(siteA, siteB)
		})
	}
	t.Run("reads throttled", func(t *testing.T) {
		s := lease(t)
		s.must(s.world.CutLink(s.ctx))
		s.fault(ga.Fault{Operation: ga.ListListeners, Times: 4, Effect: ga.Fail(ga.ThrottlingException)})
		s.post(s.alert(siteA, siteB))
		s.wantEnd("Fenced", "split")
		s.wantFenced(siteA, siteB)
	})
}

// fenceReason: where the write was applied, the next look finds the site gone.
func (s *scene) fenceReason(fault string) string {
	switch fault {
	case "applied, answer lost", "applied, error told", "answer is no JSON":
		return "fence-lost"
	default:
		return "split"
	}
}

// TestHealsHalfway: the link heals between the writes of two listeners, and the
// second write fails. What has begun is finished or fails loudly; it is never
// Ignored.
func TestHealsHalfway(t *testing.T) {
	s := lease(t)
	s.layout(
		ga.NewListener(443, ga.NewGroup(stack.Region, s.end(siteA), s.end(siteB))),
		ga.NewListener(80, ga.NewGroup(stack.Region, s.end(siteA), s.end(siteB))),
	)
	s.must(s.world.CutLink(s.ctx))
	s.fault(ga.Fault{Operation: ga.UpdateEndpointGroup, Skip: 1, Times: 1, Effect: ga.Fail(ga.InternalServiceErrorException)})
	deployed.Accelerator.SetHook(func(op ga.Operation, when ga.Moment, arn string) {
		if op == ga.UpdateEndpointGroup && when == ga.After && s.mine(arn) {
			if err := s.world.HealLink(s.ctx); err != nil {
				t.Error(err)
			}
		}
	})
	t.Cleanup(func() { deployed.Accelerator.SetHook(nil) })
	s.post(s.alert(siteA, siteB))
	e := s.wantEnd("HalfFenced", "site-visible")
	// The operator puts back what is missing, so the record must name both
	// listeners: also the one that the last check did not see any more.
	for _, l := range s.accelerator().Listeners {
		if !strings.Contains(e.Cause, l.ARN) {
			t.Errorf("the cause does not name %s: %s", l.ARN, e.Cause)
		}
	}
}

// TestSecondWriteFails: the fence goes on after a look, and its record still
// holds what was removed before.
func TestSecondWriteFails(t *testing.T) {
	s := lease(t)
	s.layout(
		ga.NewListener(443, ga.NewGroup(stack.Region, s.end(siteA), s.end(siteB))),
		ga.NewListener(80, ga.NewGroup(stack.Region, s.end(siteA), s.end(siteB))),
	)
	s.must(s.world.CutLink(s.ctx))
	s.fault(ga.Fault{Operation: ga.UpdateEndpointGroup, Skip: 1, Times: 1, Effect: ga.Fail(ga.TransactionInProgressException)})
	s.post(s.alert(siteA, siteB))
	e := s.wantEnd("Fenced", "split")
	s.wantFenced(siteA, siteB)
	var out struct{ Record []struct{ Listener string } }
	s.must(json.Unmarshal([]byte(e.Output), &out))
	if len(out.Record) != 2 || out.Record[0].Listener == out.Record[1].Listener {
		t.Errorf("the record is %+v, want one endpoint of each listener", out.Record)
	}
}

// TestHealsAfterBegun: the link heals right after the only write; the fence is
// finished all the same.
func TestHealsAfterBegun(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	s.inject(siteA, infinispan.Fault{On: infinispan.TakeOffline, Times: 2, Do: infinispan.Answer(500)})
	s.post(s.alert(siteA, siteB))
	s.untilState(s.d.Fence, "TakeOffline")
	s.must(s.world.HealLink(s.ctx))
	s.wantEnd("Fenced", "split")
	s.wantFenced(siteA, siteB)
}

// TestRotatedInfinispanPassword: a password that was rotated is read again.
func TestRotatedInfinispanPassword(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	s.post(s.alert(siteA, siteB)) // the functions have the old one now
	s.wantEnd("Fenced", "split")
	old := s.world.Site(siteA).Password
	s.world.SetCredentials(siteA, rotatedInfinispan)
	s.must(s.d.RotateSitePassword(s.ctx, siteA, rotatedInfinispan))
	t.Cleanup(func() {
		s.world.SetCredentials(siteA, old)
		s.must(s.d.RotateSitePassword(s.ctx, siteA, old))
	})
	s.post(s.alert(siteA, siteB))
	s.want(s.guardsEnded(2)[0], "Ignored", "already-fenced")
}
