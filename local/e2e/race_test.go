package e2e_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

// TestBothSitesReport: the link is cut and each site reports the other at the
// same moment, twenty times over. Exactly one survives each time.
func TestBothSitesReport(t *testing.T) {
	for range 20 {
		t.Run("round", func(t *testing.T) {
			s := lease(t)
			s.must(s.world.CutLink(s.ctx))
			s.together(func() { s.post(s.alert(siteA, siteB)) }, func() { s.post(s.alert(siteB, siteA)) })
			guards := s.guardsEnded(2)
			fence := s.winner()
			var out struct{ Survivor, Site string }
			s.must(json.Unmarshal([]byte(fence.Output), &out))
			s.wantFenced(out.Survivor, out.Site)
			if got := s.backup(out.Site, out.Survivor); got != infinispan.Online {
				t.Errorf("mutual: the fenced site's replication is %s, want online", got)
			}
			s.loserSaysWhy(guards, out.Site)
		})
	}
}

// winner is the one fence that ended Fenced. The loser may get a turn of its
// own when the winner's is over; its fence then looks again and ends Ignored.
func (s *scene) winner() stack.Execution {
	s.t.Helper()
	var won []stack.Execution
	for _, f := range s.fencesEnded(1) {
		if f.Outcome() == "Fenced" {
			won = append(won, f)
			continue
		}
		s.want(f, "Ignored", "reporter-absent")
	}
	if len(won) != 1 {
		s.t.Fatalf("%d fences ended Fenced, want 1", len(won))
	}
	return won[0]
}

// loserSaysWhy: the execution for the fenced site's report ended Ignored, as the
// guard or as the fence that it started.
func (s *scene) loserSaysWhy(guards []stack.Execution, fenced string) {
	s.t.Helper()
	for _, e := range append(guards, s.fencesEnded(1)...) {
		var in struct{ Reporter string }
		s.must(json.Unmarshal([]byte(e.Input), &in))
		if in.Reporter == fenced && e.Outcome() == "Ignored" {
			s.want(e, "Ignored", "reporter-absent")
			return
		}
	}
	s.t.Errorf("the loser's execution does not say why it ended: %+v", guards)
}

// together runs functions at the same moment and waits for them.
func (s *scene) together(fs ...func()) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for _, f := range fs {
		wg.Go(func() { <-start; f() })
	}
	close(start)
	wg.Wait()
}

func TestSameAlertTenTimes(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	a := s.alert(siteA, siteB)
	posts := make([]func(), 10)
	for i := range posts {
		posts[i] = func() { s.post(a) }
	}
	s.together(posts...)
	guards := s.guardsEnded(10)
	fenced := 0
	for _, f := range s.fencesEnded(1) {
		if f.Outcome() == "Fenced" {
			fenced++
		}
	}
	if fenced != 1 || len(s.writes()) != 1 {
		t.Errorf("%d fences and %d writes, want one of each", fenced, len(s.writes()))
	}
	for _, g := range guards {
		if o := g.Outcome(); o != "FenceStarted" && o != "Ignored" {
			t.Errorf("a guard ended %s: %s", o, g.Cause)
		}
	}
	s.wantFenced(siteA, siteB)
}

// TestEventTwice: EventBridge delivers at least once.
func TestEventTwice(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	detail, err := json.Marshal(s.event(siteA, siteB))
	s.must(err)
	entry := ebtypes.PutEventsRequestEntry{EventBusName: aws.String(deployed.Outputs["BusName"]), Source: aws.String(contract.Source),
		DetailType: aws.String(contract.DetailTypeSiteOffline), Detail: aws.String(string(detail))}
	out, err := eventbridge.NewFromConfig(deployed.AWS).PutEvents(s.ctx,
		&eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{entry, entry}})
	s.must(err)
	if out.FailedEntryCount != 0 {
		t.Fatalf("%d events were not put", out.FailedEntryCount)
	}
	s.guardsEnded(2)
	if got := len(s.writes()); got != 1 {
		t.Errorf("%d writes, want 1", got)
	}
	s.wantFenced(siteA, siteB)
}

func (s *scene) event(reporter, site string) contract.Event {
	e := s.d.Event(reporter, site)
	e.ReceivedAt = time.Now().UTC()
	e.Alert = contract.Alert{Fingerprint: "0123456789abcdef", StartsAt: time.Now().UTC(), GroupKey: "x"}
	return e
}

// TestReplay: an operator replays a guard execution, after the fence and after
// the site was brought back.
func TestReplay(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	s.post(s.alert(siteA, siteB))
	s.wantEnd("Fenced", "split")
	first := s.guardsEnded(1)[0]
	s.replay(first)
	s.want(s.guardsEnded(2)[0], "Ignored", "already-fenced")

	s.must(s.world.HealLink(s.ctx))
	s.must(s.world.PushState(s.ctx, siteA, siteB))
	s.layoutBoth()
	s.replay(first)
	s.want(s.guardsEnded(3)[0], "Ignored", "site-visible")
	if got := len(s.writes()); got != 1 {
		t.Errorf("%d writes, want the first fence's alone", got)
	}
}

// TestFenceStartedByHand: a name that the guard does not give, or an input that
// names no guard execution, is refused with a cause that says what to do.
func TestFenceStartedByHand(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	unique := fmt.Sprint(balancers.Add(1))
	guard := "arn:aws:states:eu-west-1:000000000000:execution:guard:x"
	for name, input := range map[string]any{
		"":                  s.event(siteA, siteB),
		"by-hand" + unique:  withGuard(s.event(siteA, siteB), guard),
		"fence-0" + unique:  withGuard(s.event(siteA, siteB), guard),
		"fence-1x" + unique: withGuard(s.event(siteA, siteB), guard),
	} {
		arn, err := deployed.StartExecution(s.ctx, s.d.Fence, name, input)
		s.must(err)
		e, err := deployed.Wait(s.ctx, arn)
		s.must(err)
		s.want(e, "NotStartedByGuard", "start an execution there")
	}
	s.wantUntouched()
	// Such names do not stand in the way of the next fence.
	s.post(s.alert(siteA, siteB))
	s.guardsEnded(1)
	s.fencesEnded(5)
	s.wantFenced(siteA, siteB)
}

func withGuard(e contract.Event, guard string) map[string]any {
	data, _ := json.Marshal(e)
	m := map[string]any{}
	_ = json.Unmarshal(data, &m)
	m["guard"] = guard
	return m
}

// TestDeploymentsApart: a fence that hangs does not hold up another deployment's.
func TestDeploymentsApart(t *testing.T) {
	slow, fast := lease(t), enter(t, "trio")
	slow.must(slow.world.CutLink(slow.ctx))
	slow.inject(siteA, infinispan.Fault{On: infinispan.TakeOffline, Do: infinispan.Answer(500)})
	slow.post(slow.alert(siteA, siteB))
	slow.guardsEnded(1)

	fast.must(fast.world.CutLink(fast.ctx))
	fast.post(fast.alert(siteA, siteB))
	fast.wantEnd("Fenced", "split")
	running, err := deployed.Executions(slow.ctx, slow.d.Fence)
	slow.must(err)
	if running[0].Closed() {
		t.Errorf("the slow deployment's fence ended %s before the other's: nothing was shown", running[0].Status)
	}
	slow.world.ClearFaults(siteA)
	slow.want(slow.fencesEnded(1)[0], "Fenced", "split")
	slow.wantFenced(siteA, siteB)
}
