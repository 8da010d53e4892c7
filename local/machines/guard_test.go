package machines_test

import (
	"encoding/json"
	"fmt"
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

// over changes the guard's machines: one that the first list sees, one for the
// second, one for Describe.
func over(listed, newest, described string) change {
	return func(d definition) {
		d.States["LookForRunningFence"]["Arguments"].(map[string]any)["StateMachineArn"] = listed
		text := d.States["FindNewestFence"]["Arguments"].(string)
		at := strings.Index(text, "arn:")
		d.States["FindNewestFence"]["Arguments"] = text[:at] + newest + text[at+strings.Index(text[at:], "'"):]
		d.States["LookAtRefusedName"]["Arguments"] = map[string]any{"ExecutionArn": "{% '" +
			strings.Replace(described, ":stateMachine:", ":execution:", 1) + ":fence-' & $string($generation) %}"}
	}
}

// TestRunningInTheSecondListOnly: the first list is stale, the second shows a
// RUNNING execution, even a hand-named one: nothing is named while it is open.
func TestRunningInTheSecondListOnly(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"fence-4", "by-hand"} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, s.split())
			fences, none := s.machine(stays), s.machine(passes)
			open := s.start(fences, name, object{})
			guard := s.start(s.guard(fences, over(none, fences, fences)), "", s.event())
			s.entered(guard, "WaitForTheTurn", 5)
			s.wantOnly(fences, name)
			s.stop(open)
			s.end(open)
			e := s.end(guard)
			s.wantStarted(e, fences, map[string]string{"fence-4": "fence-5", "by-hand": "fence-1"}[name])
		})
	}
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
	e := s.run(s.guard(fences, over(none, none, fences)), "", s.event())
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
		e := s.run(s.guard(fences, over(none, none, none), from(400000000, 0)), "", s.event())
		s.wantStarted(e, fences, "fence-500000000")
	})
	t.Run("at the bound", func(t *testing.T) {
		s := newScene(t)
		s.set(check, s.split())
		fences, none := s.machine(passes), s.machine(passes)
		s.finished(fences, "fence-500000000")
		e := s.run(s.guard(fences, over(none, none, none), from(499999999, 3400)), "", s.event())
		s.wantEnd(e, "TurnNeverCame", "TurnNeverCame")
		s.wantOnly(fences, "fence-500000000")
	})
}

// TestSettledWhileWaiting: after every wait the guard looks again, and what it
// waited for may have settled the matter.
func TestSettledWhileWaiting(t *testing.T) {
	s := newScene(t)
	s.set(check, s.split(), answer(s.decided("ignore", "reporter-absent")))
	fences := s.machine(stays)
	open := s.start(fences, "fence-1", object{})
	e := s.run(s.guard(fences), "", s.event())
	s.wantEnd(e, "Ignored", "Ignored")
	s.wantOnly(fences, "fence-1")
	s.stop(open)
}

// TestListFails: AWS refuses the calls of the turn; the guard ends TurnFailed.
func TestListFails(t *testing.T) {
	t.Parallel()
	const gone = "arn:aws:states:us-east-1:000000000000:stateMachine:gone"
	for name, bend := range map[string]func(fences string) change{
		"no such machine in StartExecution": func(fences string) change { return over(fences, fences, fences) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, s.split())
			fences := s.machine(passes)
			e := s.run(s.guard(gone, bend(fences)), "", s.event())
			s.wantEnd(e, "TurnFailed", "StepFunctions.StateMachineDoesNotExistException")
			s.wantOnly(fences)
		})
	}
}

// TestGuardRechecks: eight rechecks, then the link counts as healed, unless the
// alert had fired for over ten minutes when it was received.
func TestGuardRechecks(t *testing.T) {
	t.Parallel()
	alert := func(startsAt any) object {
		return object{"fingerprint": "0123456789abcdef"}.with("startsAt", startsAt)
	}
	for name, tc := range map[string]struct {
		reason string
		bend   func(o object) object
		want   string
	}{
		"visible":                     {"site-visible", nil, "Ignored"},
		"visible, ten minutes":        {"site-visible", func(o object) object { return o.with("receivedAt", "2026-11-23T10:09:30.123Z") }, "Ignored"},
		"visible, a millisecond more": {"site-visible", func(o object) object { return o.with("receivedAt", "2026-11-23T10:09:30.124Z") }, "Undecided"},
		"visible, other time zones":   {"site-visible", func(o object) object { return o.with("receivedAt", "2026-11-23T12:09:30+02:00") }, "Ignored"},
		"unreachable":                 {"reporter-unreachable", nil, "Undecided"},
		"visible, no startsAt":        {"site-visible", func(o object) object { return o.with("alert", alert(nil)) }, "Undecided"},
		"visible, startsAt is null":   {"site-visible", func(o object) object { return o.with("alert", json.RawMessage(`{"startsAt":null}`)) }, "Undecided"},
		"visible, startsAt is zero":   {"site-visible", func(o object) object { return o.with("alert", alert("0001-01-01T00:00:00Z")) }, "Undecided"},
		"visible, no alert":           {"site-visible", func(o object) object { return o.with("alert", nil) }, "Undecided"},
		"visible, alert is null":      {"site-visible", func(o object) object { return o.with("alert", json.RawMessage(`null`)) }, "Undecided"},
		"visible, no receivedAt":      {"site-visible", func(o object) object { return o.with("receivedAt", nil) }, "Undecided"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, answer(s.decided("recheck", tc.reason)))
			in, fences := s.event(), s.machine(passes)
			if tc.bend != nil {
				in = tc.bend(in)
			}
			e := s.run(s.guard(fences), "", in)
			s.wantEnd(e, tc.want, tc.want)
			s.wantCalls("check*9")
			s.wantOnly(fences)
		})
	}
}

// TestGuardInputs: optional fields that are absent, and fields of a later
// release, reach CheckHealth and the fence as they are.
func TestGuardInputs(t *testing.T) {
	t.Parallel()
	for name, bend := range map[string]func(o object) object{
		"no groupKey":                         func(o object) object { return o.with("alert", object{"fingerprint": "0123456789abcdef"}) },
		"no alert":                            func(o object) object { return o.with("alert", nil) },
		"no accelerator":                      func(o object) object { return o.with("accelerator", nil) },
		"fields of a later release":           func(o object) object { return o.with("later", object{"x": []int{1}}) },
		"fields that the machine sets itself": func(o object) object { return o.with("execution", "x").with("guard", "x") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, s.split())
			fences := s.machine(passes)
			in := bend(s.event())
			e := s.run(s.guard(fences), "the-guard", in)
			s.wantStarted(e, fences, "fence-1")
			var got, want object
			s.must(json.Unmarshal(s.seen()[0].Payload, &got))
			data, err := json.Marshal(in.with("execution", "the-guard"))
			s.must(err)
			s.must(json.Unmarshal(data, &want))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("CheckHealth was given (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGuardNonsense: an answer that is none ends Undecided, and an answer that
// lacks what is only for people starts the fence all the same.
func TestGuardNonsense(t *testing.T) {
	t.Parallel()
	for name, o := range nonsense {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, o)
			fences := s.machine(passes)
			e := s.run(s.guard(fences), "", s.event())
			s.wantEnd(e, "Undecided", "Undecided")
			s.wantCalls("check")
			s.wantOnly(fences)
		})
	}
	for _, field := range []string{"reason", "evidence", "record", "present", "checkedAt"} {
		t.Run("no "+field, func(t *testing.T) {
			s := newScene(t)
			s.set(check, answer(s.decided("fence", "split").with(field, nil)))
			fences := s.machine(passes)
			s.wantStarted(s.run(s.guard(fences), "", s.event()), fences, "fence-1")
		})
		t.Run("no "+field+", ignored", func(t *testing.T) {
			s := newScene(t)
			s.set(check, answer(s.decided("ignore", "already-fenced").with(field, nil)))
			s.wantEnd(s.run(s.guard(s.machine(passes)), "", s.event()), "Ignored", "Ignored")
		})
		t.Run("no "+field+", undecided", func(t *testing.T) {
			s := newScene(t)
			s.set(check, answer(s.decided("recheck", "reporter-unhealthy").with(field, nil)))
			s.wantEnd(s.run(s.guard(s.machine(passes)), "", s.event()), "Undecided", "Undecided")
		})
	}
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
