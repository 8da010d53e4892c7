package machines_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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

// TestTurnFails: AWS refuses a call of the turn for good.
func TestTurnFails(t *testing.T) {
	s := newScene(t)
	s.set(check, s.split())
	fences, gone := s.machine(passes), "arn:aws:states:us-east-1:000000000000:stateMachine:gone"
	e := s.run(s.guard(gone, over(fences, fences)), "", s.event())
	s.wantEnd(e, "TurnFailed", "StepFunctions.StateMachineDoesNotExistException")
	s.wantOnly(fences)
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
		"fields that the machine sets itself": func(o object) object { return o.with("execution", "x").with("guard", "x").with("begun", true) },
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
			data, err := json.Marshal(in.with("execution", "the-guard").with("begun", false))
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
