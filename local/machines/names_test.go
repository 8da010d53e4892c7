package machines_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/go-cmp/cmp"
)

// finished runs executions of those names to their end, one after the other, so
// that the last name is the newest in the list.
func (s *scene) finished(machine string, names ...string) {
	s.t.Helper()
	for _, name := range names {
		s.end(s.start(machine, name, object{}))
	}
}

// TestNextName: of what stands in the list only the guard's own names count,
// and the highest number, not the newest.
func TestNextName(t *testing.T) {
	t.Parallel()
	hand := []string{"by-hand", "fence-007", "fence-12x", "fence-0", "fence-", "fence-1234567890", "Fence-9", "xfence-8", "fence-1.5"}
	for name, tc := range map[string]struct {
		names []string
		want  string
	}{
		"an empty list":                  {nil, "fence-1"},
		"exactly one":                    {[]string{"fence-1"}, "fence-2"},
		"one by hand":                    {[]string{"by-hand"}, "fence-1"},
		"hand-named in front of fence-3": {append([]string{"fence-3"}, hand...), "fence-4"},
		"nothing but hand-named":         {hand, "fence-1"},
		"9 and 10 by number":             {[]string{"fence-9", "fence-10"}, "fence-11"},
		"an old one is the newest":       {[]string{"fence-10", "fence-9"}, "fence-11"},
		"the last number but one":        {[]string{"fence-999999998"}, "fence-999999999"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, s.split())
			fences := s.machine(passes)
			s.finished(fences, tc.names...)
			e := s.run(s.guard(fences), "", s.event())
			s.wantStarted(e, fences, tc.want)
			s.wantCalls("check")
		})
	}
}

// wantStarted asserts that the guard started a fence of that name, with the
// event and its own id as the input.
func (s *scene) wantStarted(e ended, fences, name string) {
	s.t.Helper()
	s.wantEnd(e, "FenceStarted", "FenceStarted")
	var out struct{ Fence string }
	_ = json.Unmarshal([]byte(e.Output), &out)
	if want := strings.Replace(fences, ":stateMachine:", ":execution:", 1) + ":" + name; out.Fence != want {
		s.t.Errorf("started %q, want %q", out.Fence, want)
		return
	}
	started, err := states.DescribeExecution(s.ctx, &sfn.DescribeExecutionInput{ExecutionArn: &out.Fence})
	s.must(err)
	var in object
	s.must(json.Unmarshal([]byte(*started.Input), &in))
	if in["guard"] != e.ARN || in["deployment"] != s.id || in["receivedAt"] != s.event()["receivedAt"] {
		s.t.Errorf("the fence was given %s", *started.Input)
	}
}

// TestPages: more hand-named executions than a page holds stand before the
// first fence-<n>, or there is none at all.
func TestPages(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		first, want string
		steps       int
	}{
		"fence-3 on the second page": {"fence-3", "fence-4", 2},
		"none on two pages":          {"hand", "fence-1", 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, s.split())
			fences := s.machine(passes)
			s.finished(fences, tc.first)
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() { s.end(s.start(fences, fmt.Sprintf("hand-%d", i), object{})) })
			}
			wg.Wait()
			e := s.run(s.guard(fences), "", s.event())
			s.wantStarted(e, fences, tc.want)
			if got := count(e.Steps, "FindNewestFence"); got != tc.steps {
				t.Errorf("looked at %d pages, want %d", got, tc.steps)
			}
		})
	}
}

// over changes the guard's machines: one that the list sees, one for Describe.
func over(listed, described string) change {
	return func(d definition) {
		text := d.States["FindNewestFence"]["Arguments"].(string)
		at := strings.Index(text, "arn:")
		d.States["FindNewestFence"]["Arguments"] = text[:at] + listed + text[at+strings.Index(text[at:], "'"):]
		d.States["LookAtRefusedName"]["Arguments"] = map[string]any{"ExecutionArn": "{% '" +
			strings.Replace(described, ":stateMachine:", ":execution:", 1) + ":fence-' & $string($turn.next) %}"}
	}
}

// TestRunningInTheList: nothing is named while the list shows an open execution,
// even a hand-named one.
func TestRunningInTheList(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"fence-4", "by-hand"} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, s.split())
			fences := s.machine(stays)
			open := s.start(fences, name, object{})
			guard := s.start(s.guard(fences), "", s.event())
			s.entered(guard, "WaitForTheTurn", 5)
			s.wantOnly(fences, name)
			s.stop(open)
			s.end(open)
			e := s.end(guard)
			s.wantStarted(e, fences, map[string]string{"fence-4": "fence-5", "by-hand": "fence-1"}[name])
		})
	}
}

// TestRunningOnAnEarlierPage: an open hand-named execution on a page without any
// number holds the turn back too, and the look after the wait begins at the first
// page again.
func TestRunningOnAnEarlierPage(t *testing.T) {
	s := newScene(t)
	s.set(check, s.split())
	fences := s.machine(`{"QueryLanguage":"JSONata","StartAt":"Which","States":{"Done":{"Type":"Succeed"},
		"Which":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.open = true %}","Next":"Wait"}],"Default":"Done"},
		"Wait":{"Type":"Wait","Seconds":86400000,"End":true}}}`)
	s.finished(fences, "fence-3")
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() { s.end(s.start(fences, fmt.Sprintf("hand-%d", i), object{})) })
	}
	wg.Wait()
	hand := s.start(fences, "hand-open", object{"open": true})
	guard := s.start(s.guard(fences), "", s.event())
	s.entered(guard, "WaitForTheTurn", 2)
	s.stop(hand)
	s.end(hand)
	e := s.end(guard)
	s.wantStarted(e, fences, "fence-4")
	if checks, pages := count(e.Steps, "CheckHealth"), count(e.Steps, "FindNewestFence"); pages != checks+1 {
		t.Errorf("looked at %d pages after %d checks, want one after each and two after the last", pages, checks)
	}
}

// TestWaitsCheaply: while a fence is open the guard looks at that only, and at
// health after every fourth wait; once it is closed, at health before all else.
func TestWaitsCheaply(t *testing.T) {
	s := newScene(t)
	s.set(check, s.split())
	fences := s.machine(stays)
	open := s.start(fences, "fence-4", object{})
	guard := s.start(s.guard(fences), "", s.event())
	s.entered(guard, "WaitForTheTurn", 6)
	s.stop(open)
	s.end(open)
	e := s.end(guard)
	s.wantStarted(e, fences, "fence-5")
	cheap := []string{"PlanTheWait", "WaitedTooLong?", "WaitForTheTurn", "FenceToWaitFor?", "LookAtOpenFence", "FenceStillOpen?"}
	look := []string{"CheckHealth", "Decide", "FindNewestFence", "OurTurn?"}
	want := slices.Concat([]string{"Remember"}, look, cheap, cheap, cheap, cheap[:4], look, cheap)
	if diff := cmp.Diff(want, e.Steps[:min(len(want), len(e.Steps))]); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if last := e.Steps[len(e.Steps)-6:]; !slices.Equal(last, slices.Concat(look, []string{"StartFence", "FenceStarted"})) {
		t.Errorf("the last steps are %v", last)
	}
}

// TestOpenFenceThatCannotBeLookedAt: then the guard looks at all, as ever.
func TestOpenFenceThatCannotBeLookedAt(t *testing.T) {
	s := newScene(t)
	s.set(check, s.split(), s.split(), answer(s.decided("ignore", "reporter-absent")))
	fences := s.machine(stays)
	open := s.start(fences, "fence-4", object{})
	e := s.run(s.guard(fences, func(d definition) {
		text := d.States["LookAtOpenFence"]["Arguments"].(map[string]any)["ExecutionArn"].(string)
		d.States["LookAtOpenFence"]["Arguments"] = map[string]any{"ExecutionArn": strings.Replace(text, "$open", "$open & '0'", 1)}
		d.States["LookAtOpenFence"]["Retry"] = []any{}
	}), "", s.event())
	s.wantEnd(e, "Ignored", "Ignored")
	s.wantCalls("check*3")
	s.stop(open)
	s.end(open)
}

func (s *scene) stop(arn string) {
	s.t.Helper()
	_, err := states.StopExecution(s.ctx, &sfn.StopExecutionInput{ExecutionArn: &arn})
	s.must(err)
}

func (s *scene) wantOnly(machine string, names ...string) {
	s.t.Helper()
	out, err := states.ListExecutions(s.ctx, &sfn.ListExecutionsInput{StateMachineArn: &machine})
	s.must(err)
	var got []string
	for _, e := range out.Executions {
		got = append(got, *e.Name)
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		s.t.Errorf("executions %v, want %v", got, names)
	}
}

// TestRefusedNameThatDescribeKnows: the lists do not show fence-1 to fence-3,
// but they are closed: the next number is tried after each, without a minute.
func TestRefusedNameThatDescribeKnows(t *testing.T) {
	s := newScene(t)
	s.set(check, s.split())
	fences, none := s.machine(passes), s.machine(passes)
	s.finished(fences, "fence-1", "fence-2", "fence-3")
	e := s.run(s.guard(fences, over(none, fences)), "", s.event())
	s.wantStarted(e, fences, "fence-4")
	if got := count(e.Steps, "LookAtRefusedName"); got != 3 {
		t.Errorf("looked %d times at a refused name, want 3", got)
	}
	s.wantCalls("check*4")
}

// TestRefusedNamesUpTo: numbers that nobody can see are jumped over, up to a
// number that leaves room; there the guard waits out its hour and says so.
func TestRefusedNamesUpTo(t *testing.T) {
	t.Parallel()
	from := func(floor, waited int) change {
		return func(d definition) {
			assign := d.States["Remember"]["Assign"].(map[string]any)
			assign["floor"], assign["waited"] = floor, waited
		}
	}
	t.Run("jumped over", func(t *testing.T) {
		s := newScene(t)
		s.set(check, s.split())
		fences, none := s.machine(passes), s.machine(passes)
		s.finished(fences, "fence-400000001")
		e := s.run(s.guard(fences, over(none, none), from(400000000, 0)), "", s.event())
		s.wantStarted(e, fences, "fence-500000000")
	})
	t.Run("at the bound", func(t *testing.T) {
		s := newScene(t)
		s.set(check, s.split())
		fences, none := s.machine(passes), s.machine(passes)
		s.finished(fences, "fence-500000000")
		e := s.run(s.guard(fences, over(none, none), from(499999999, 3400)), "", s.event())
		s.wantEnd(e, "TurnNeverCame", "TurnNeverCame")
		s.wantOnly(fences, "fence-500000000")
	})
}

// TestNumbersUsedUp: there is no number after the last. The guard says so
// itself; a fence of ten digits would only be refused by its machine.
func TestNumbersUsedUp(t *testing.T) {
	s := newScene(t)
	s.set(check, s.split())
	fences := s.machine(passes)
	s.finished(fences, "fence-999999999")
	e := s.run(s.guard(fences), "", s.event())
	s.wantEnd(e, "NumbersUsedUp", "NumbersUsedUp")
	s.wantOnly(fences, "fence-999999999")
}
