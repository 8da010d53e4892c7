package follow_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/follow"
	"github.com/sitefence/sitefence/internal/history"
)

const (
	guards = "arn:aws:states:eu-west-1:000000000000:stateMachine:sitefence-main-guard-1"
	fences = "arn:aws:states:eu-west-1:000000000000:stateMachine:sitefence-main-fence-1"
)

// scene is a guard and a fence that go on while somebody follows.
type scene struct {
	*awsfake.Machines
	client *sfn.Client
	told   []string
}

func (s *scene) tell(e history.Event) {
	s.told = append(s.told, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Kind, e.State, e.Error)))
}

// follows runs the test in a bubble: what is waited for passes at once.
func follows(t *testing.T, test func(t *testing.T, s *scene)) {
	synctest.Test(t, func(t *testing.T) {
		s := &scene{Machines: &awsfake.Machines{}}
		s.client = sfn.NewFromConfig(awsfake.Serve(t, s.Machines))
		test(t, s)
	})
}

func entered(states ...string) (all []awsfake.RunEvent) {
	for _, s := range states {
		all = append(all, awsfake.RunEvent{Type: "TaskStateEntered", State: s, At: time.Now()})
	}
	return all
}

func failedTry(err string) awsfake.RunEvent {
	return awsfake.RunEvent{Type: "TaskFailed", Error: err, At: time.Now()}
}

// later changes an execution again and again, three seconds apart.
func (s *scene) later(runs ...awsfake.Run) {
	go func() {
		for _, r := range runs {
			time.Sleep(3 * time.Second)
			s.Put(r)
		}
	}()
}

var (
	guard = awsfake.Run{Machine: guards, Name: "g", Status: "RUNNING", Started: time.Unix(1, 0), Input: "{}"}
	fence = awsfake.Run{Machine: fences, Name: "fence-1", Status: "RUNNING", Started: time.Unix(2, 0), Input: "{}"}
)

func with(r awsfake.Run, status, output string, events ...awsfake.RunEvent) awsfake.Run {
	r.Status, r.Output, r.Events = status, output, events
	return r
}

// Each state is told once and in order, also when the history has several pages
// and grows between two looks; a try that failed belongs to its state.
func TestIncidentTellsTheStatesOnce(t *testing.T) {
	follows(t, func(t *testing.T, s *scene) {
		s.SetPage(2)
		first := entered("Remember", "CheckHealth")
		second := append(first, failedTry("Transient"))
		third := append(second, entered("Decide", "StartFence", "FenceStarted")...)
		s.Put(with(guard, "RUNNING", "", first...))
		s.later(with(guard, "RUNNING", "", second...),
			with(fence, "RUNNING", "", entered("Named?")...),
			with(guard, "SUCCEEDED", `{"outcome":"FenceStarted","fence":"`+fence.ARN()+`"}`, third...),
			with(fence, "SUCCEEDED", `{"outcome":"Fenced"}`, entered("Named?", "Fenced")...))
		got, err := follow.Incident(t.Context(), s.client, guard.ARN(), s.tell)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"entered Remember", "entered CheckHealth", "failed CheckHealth Transient", "entered Decide", "entered StartFence", "entered FenceStarted",
			"entered Named?", "entered Fenced"}
		if diff := cmp.Diff(want, s.told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if got.Kind() != history.Fenced || got.Guard.Name != "g" || got.Fence.Name != "fence-1" {
			t.Errorf("got %s of %s and %s, want fenced of g and fence-1", got.Kind(), got.Guard.Name, got.Fence.Name)
		}
	})
}

func TestIncidentThatEndsWithTheGuard(t *testing.T) {
	for output, want := range map[string]history.Kind{`{"outcome":"Ignored"}`: history.Ignored, `{"outcome":"Paused"}`: history.Paused, `[]`: history.Unknown} {
		follows(t, func(t *testing.T, s *scene) {
			s.Put(with(guard, "SUCCEEDED", output))
			got, err := follow.Incident(t.Context(), s.client, guard.ARN(), nil)
			if err != nil || got.Kind() != want || got.Fence != nil {
				t.Errorf("%s: %s, %v; want %s without a fence", output, got.Kind(), err, want)
			}
		})
	}
}

func TestGuardThatNamesNoFence(t *testing.T) {
	follows(t, func(t *testing.T, s *scene) {
		s.Put(with(guard, "SUCCEEDED", `{"outcome":"FenceStarted","fence":"nothing"}`))
		if _, err := follow.Incident(t.Context(), s.client, guard.ARN(), nil); !errors.Is(err, follow.ErrNoFence) {
			t.Errorf("%v, want %v", err, follow.ErrNoFence)
		}
	})
}

// One that was just started is not found for a moment; one that is never found is
// given up.
func TestUnreadable(t *testing.T) {
	follows(t, func(t *testing.T, s *scene) {
		s.later(with(guard, "SUCCEEDED", `{"outcome":"Ignored"}`))
		if _, err := follow.Execution(t.Context(), s.client, guard.ARN(), nil); err != nil {
			t.Errorf("found after three seconds: %v", err)
		}
		began := time.Now()
		_, err := follow.Execution(t.Context(), s.client, fence.ARN(), nil)
		if took := time.Since(began); err == nil || took < 30*time.Second || took > 40*time.Second {
			t.Errorf("never found: %v after %s, want an error after 30 s", err, took)
		}
		s.Add(awsfake.Fault{Status: 400, Code: "AccessDeniedException"})
		began = time.Now()
		if _, err := follow.Execution(t.Context(), s.client, guard.ARN(), nil); err == nil || time.Since(began) > time.Second {
			t.Errorf("denied: %v after %s, want an error at once", err, time.Since(began))
		}
	})
}

func TestStopFollowing(t *testing.T) {
	follows(t, func(t *testing.T, s *scene) {
		s.Put(with(guard, "RUNNING", "", entered("CheckHealth")...))
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errors.New("enough"))
		defer cancel()
		got, err := follow.Incident(ctx, s.client, guard.ARN(), s.tell)
		if err == nil || err.Error() != "enough" || got.Guard == nil || got.Kind() != history.Running {
			t.Errorf("%+v, %v; want the running guard and why it ended", got, err)
		}
		if len(s.told) != 1 {
			t.Errorf("told %v, want one event", s.told)
		}
	})
}
