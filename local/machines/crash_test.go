package machines_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/go-cmp/cmp"
)

// death is a way in which a function ends without an answer or an error of the
// contract.
type death struct {
	order order
	// errors are the names under which Step Functions hears of it. (AWS calls a
	// process that ran out of memory Runtime.OutOfMemory or Runtime.ExitError. The
	// machines name none of them.)
	errors []string
	// meet makes a machine in which a state meets this death.
	meet func(state, function string) change
	// whole says that the state is retried as often as in the file; else twice,
	// to save time.
	whole bool
}

var deaths = map[string]death{
	"exit": {fails("exit"), []string{"Runtime.ExitError"}, asItIs, true},
	// The emulator may hand the dying process one more event, which is lost.
	"panic":              {fails("panic"), []string{"string", "Runtime.ExitError"}, calling(panicking), false},
	"out of memory":      {fails("killed"), []string{"Runtime.ExitError"}, asItIs, false},
	"plain error":        {fails("plain error"), []string{"errorString"}, asItIs, false},
	"function times out": {fails("hang"), []string{"Sandbox.Timedout"}, calling(short), false},
	"task times out":     {fails("hang"), []string{"States.Timeout"}, shortTask, false},
}

func asItIs(string, string) change { return func(definition) {} }

// calling calls the function's twin.
func calling(suffix string) func(state, function string) change {
	return func(state, function string) change {
		return func(d definition) {
			d.States[state]["Arguments"].(map[string]any)["FunctionName"] = functionARN(function + suffix)
		}
	}
}

// shortTask ends a state long before what hangs does, and long after what answers
// has, on a busy machine too: the limit is also that of the try that must succeed.
func shortTask(state, _ string) change {
	return func(d definition) { d.States[state]["TimeoutSeconds"] = 4 }
}

// fewer retries a state twice.
func fewer(state string) change {
	return func(d definition) {
		for _, r := range d.States[state]["Retry"].([]any) {
			if r := r.(map[string]any); r["MaxAttempts"].(float64) > 0 {
				r["MaxAttempts"] = 2
			}
		}
	}
}

// meetForGood is meet for a test that waits until the retries are used up.
func (d death) meetForGood(state, function string) change {
	meet := d.meet(state, function)
	return func(def definition) {
		meet(def)
		if !d.whole {
			fewer(state)(def)
		}
	}
}

// tries is how often a state with that many retries in the file is tried.
func (d death) tries(retries int) int {
	if d.whole {
		return retries + 1
	}
	return 3
}

// wantDeath asserts that the execution ended in that state, of that death, after
// so many tries of another state and calls of these functions, however many.
func (s *scene) wantDeath(d death, e ended, last, state string, tries int, functions string) {
	s.t.Helper()
	if !slices.Contains(d.errors, e.Error) {
		s.t.Errorf("the error is %q, want one of %q", e.Error, d.errors)
	}
	s.wantEnd(e, last, e.Error)
	if got := s.tries(e.ARN, state); got != tries {
		s.t.Errorf("%s was tried %d times, want %d", state, got, tries)
	}
	s.wantFunctions(functions)
}

// tries counts the tries of the last entry into a state.
func (s *scene) tries(arn, state string) int {
	s.t.Helper()
	n, in := 0, false
	for _, h := range s.history(arn) {
		if d := h.StateEnteredEventDetails; d != nil {
			if in = *d.Name == state; in {
				n = 0
			}
		}
		if in && h.TaskScheduledEventDetails != nil {
			n++
		}
	}
	return n
}

func eachDeath(t *testing.T, test func(t *testing.T, d death)) {
	for name, d := range deaths {
		t.Run(name, func(t *testing.T) { test(t, d) })
	}
}

func TestGuardSurvivesADeath(t *testing.T) {
	t.Parallel()
	eachDeath(t, func(t *testing.T, d death) {
		t.Run("once", func(t *testing.T) {
			s := newScene(t)
			s.set(check, d.order, s.split())
			fences := s.machine(passes)
			s.wantStarted(s.run(s.guard(fences, d.meet("CheckHealth", check)), "", s.event()), fences, "fence-1")
			s.wantFunctions("check")
		})
		t.Run("for good", func(t *testing.T) {
			s := newScene(t)
			s.set(check, d.order)
			fences := s.machine(passes)
			e := s.run(s.guard(fences, d.meetForGood("CheckHealth", check)), "", s.event())
			s.wantDeath(d, e, "CheckFailed", "CheckHealth", d.tries(14), "check")
			s.wantOnly(fences)
		})
	})
}

func TestFenceSurvivesADeath(t *testing.T) {
	t.Parallel()
	eachDeath(t, func(t *testing.T, d death) {
		s := newScene(t)
		s.set(check, d.order, s.split())
		s.set(update, d.order, updated)
		s.set(offline, d.order, taken)
		e := s.run(s.fence(d.meet("CheckHealth", check), d.meet("UpdateAccelerator", update), d.meet("TakeOffline", offline)), "fence-7", s.fenceInput())
		s.wantEnd(e, "Fenced", "Fenced")
		s.wantFunctions("check update offline")
		// The first call may have written before it died.
		if calls := s.payloads(update); calls[0].Repeated || !calls[len(calls)-1].Repeated {
			t.Errorf("repeated is %v, then %v; want false, true", calls[0].Repeated, calls[len(calls)-1].Repeated)
		}
	})
}

func TestCheckDiesForGood(t *testing.T) {
	t.Parallel()
	eachDeath(t, func(t *testing.T, d death) {
		t.Run("before the first write", func(t *testing.T) {
			s := newScene(t)
			s.set(check, d.order)
			e := s.run(s.fence(d.meetForGood("CheckHealth", check)), "fence-7", s.fenceInput())
			s.wantDeath(d, e, "CheckFailed", "CheckHealth", d.tries(14), "check")
		})
		t.Run("afterwards", func(t *testing.T) {
			s := newScene(t)
			s.set(check, s.split(), d.order)
			s.set(update, fails("Transient"))
			e := s.run(s.fence(d.meetForGood("CheckHealth", check)), "fence-7", s.fenceInput())
			s.wantDeath(d, e, "UpdateFailed", "CheckHealth", d.tries(14), "check update check")
		})
	})
}

func TestUpdateDiesForGood(t *testing.T) {
	t.Parallel()
	eachDeath(t, func(t *testing.T, d death) {
		s := newScene(t)
		s.set(check, s.split())
		s.set(update, d.order)
		e := s.run(s.fence(d.meetForGood("UpdateAccelerator", update)), "fence-7", s.fenceInput())
		s.wantDeath(d, e, "UpdateFailed", "UpdateAccelerator", d.tries(18), "check update")
	})
}

// TestOfflineDies: a page after the first retries; then it goes on, and when it
// gives up it does so in place, where a redrive resumes it.
func TestOfflineDies(t *testing.T) {
	t.Parallel()
	eachDeath(t, func(t *testing.T, d death) {
		s := newScene(t)
		s.set(check, s.split())
		s.set(update, updated)
		s.set(offline, d.order)
		e := s.run(s.fence(d.meetForGood("TakeOffline", offline), d.meetForGood("KeepTakingOffline", offline)), "fence-7", s.fenceInput())
		s.wantDeath(d, e, "KeepTakingOffline", "TakeOffline", d.tries(20), "check update offline")
		s.wantDeath(d, e, "KeepTakingOffline", "KeepTakingOffline", d.tries(60), "check update offline")
		var told struct{ Error, Cause, Execution string }
		s.must(json.Unmarshal([]byte(s.heard("Take Offline Still Trying")), &told))
		if !slices.Contains(d.errors, told.Error) || told.Cause == "" || told.Execution != e.ARN {
			t.Errorf("the page says %+v", told)
		}
		before := s.payloads(offline)

		s.set(offline, taken)
		_, err := states.RedriveExecution(s.ctx, &sfn.RedriveExecutionInput{ExecutionArn: &e.ARN})
		s.must(err)
		s.wantEnd(s.end(e.ARN), "Fenced", "Fenced")
		after := s.payloads(offline)
		if len(after) == len(before) {
			t.Fatal("the redrive did not call the function")
		}
		for _, in := range after {
			if diff := cmp.Diff(before[0], in); diff != "" {
				t.Errorf("called differently (-before +after):\n%s", diff)
			}
		}
		s.wantFunctions("check update offline")
		s.heard("Site Fenced")
	})
}

// TestContractErrors: what a function says on purpose is not tried again where
// that is of no use.
func TestContractErrors(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"Refused", "Misconfigured"} {
		for name, tc := range map[string]struct {
			script func(s *scene)
			last   string
			calls  string
		}{
			"check":             {func(s *scene) { s.set(check, fails(typ)) }, "CheckFailed", "check"},
			"check, once begun": {func(s *scene) { s.set(check, s.split(), fails(typ)); s.set(update, fails("Transient")) }, "UpdateFailed", "check update check"},
			"update":            {func(s *scene) { s.set(check, s.split()); s.set(update, fails(typ)) }, "UpdateFailed", "check update"},
			"offline":           {func(s *scene) { s.set(check, s.split()); s.set(update, updated); s.set(offline, fails(typ)) }, "KeepTakingOffline", "check update offline*2"},
		} {
			t.Run(typ+", "+name, func(t *testing.T) {
				s := newScene(t)
				tc.script(s)
				e := s.run(s.fence(), "fence-7", s.fenceInput())
				s.wantEnd(e, tc.last, typ)
				s.wantCalls(tc.calls)
				if !strings.Contains(e.Cause, "the test says so") {
					t.Errorf("the cause does not hold the function's words: %s", e.Cause)
				}
			})
		}
	}
	t.Run("Transient, update", func(t *testing.T) {
		s := newScene(t)
		s.set(check, s.split())
		s.set(update, fails("Transient"))
		e := s.run(s.fence(), "fence-7", s.fenceInput())
		s.wantEnd(e, "UpdateFailed", "Transient")
		s.wantCalls(strings.TrimSpace(strings.Repeat("check update ", 13)))
		for i, in := range s.payloads(update) {
			if in.Repeated != (i > 0) {
				t.Errorf("call %d: repeated is %v", i+1, in.Repeated)
			}
		}
	})
}
