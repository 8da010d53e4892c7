package machines_test

import (
	"encoding/json"
	"testing"
)

// answers that are no CheckHealth output of any release: nothing may be decided
// by them.
var nonsense = map[string]order{
	"null":             answer(nil),
	"a text":           answer("fence"),
	"a number":         answer(7),
	"an empty object":  answer(object{}),
	"a list":           answer([]string{"fence"}),
	"decision is null": answer(json.RawMessage(`{"decision":null,"reason":null,"record":[],"evidence":{}}`)),
	"decision of a later release": answer(json.RawMessage(
		`{"decision":"drain","reason":"later","present":true,"record":[],"evidence":{},"checkedAt":"2026-11-23T10:00:01Z"}`)),
}

// TestFenceNonsense: before the first write it ends Undecided, afterwards it
// never counts as a way out. Nothing is written for it.
func TestFenceNonsense(t *testing.T) {
	t.Parallel()
	for name, o := range nonsense {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, o)
			e := s.run(s.fence(), "fence-7", s.fenceInput())
			s.wantEnd(e, "Undecided", "Undecided")
			s.wantCalls("check")
		})
		t.Run(name+", once begun", func(t *testing.T) {
			s := newScene(t)
			s.set(check, s.split(), o)
			s.set(update, fails("Transient"))
			e := s.run(s.fence(), "fence-7", s.fenceInput())
			s.wantEnd(e, "HalfFenced", "HalfFenced")
			s.wantCalls("check update check*9")
		})
	}
}

// TestFenceAbsentFields: what an older release did not send, and what a later
// one adds, does not stop a fence.
func TestFenceAbsentFields(t *testing.T) {
	t.Parallel()
	for name, bend := range map[string]func(o object) object{
		"no record":   func(o object) object { return o.with("record", nil) },
		"no evidence": func(o object) object { return o.with("evidence", nil) },
		"no reason":   func(o object) object { return o.with("reason", nil) },
		"no present":  func(o object) object { return o.with("present", nil) },
		"no version":  func(o object) object { return o.with("version", nil) },
		"fields of a later release": func(o object) object {
			return o.with("later", object{"x": []int{1}}).with("record", []object{endpoint(0).with("later", true)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, answer(bend(s.decided("fence", "split"))))
			s.set(update, updated)
			s.set(offline, taken)
			e := s.run(s.fence(), "fence-7", s.fenceInput())
			s.wantEnd(e, "Fenced", "Fenced")
			s.wantCalls("check update offline")
			s.payloads(update)
			s.payloads(offline)
			s.heard("Site Fenced")
		})
		t.Run(name+", ignored", func(t *testing.T) {
			s := newScene(t)
			s.set(check, answer(bend(s.decided("ignore", "already-fenced"))))
			s.wantEnd(s.run(s.fence(), "fence-7", s.fenceInput()), "Ignored", "Ignored")
			s.wantCalls("check")
		})
		t.Run(name+", undecided", func(t *testing.T) {
			s := newScene(t)
			s.set(check, answer(bend(s.decided("recheck", "reporter-unreachable"))))
			s.wantEnd(s.run(s.fence(), "fence-7", s.fenceInput()), "Undecided", "Undecided")
			s.wantCalls("check*4")
		})
		t.Run(name+", half fenced", func(t *testing.T) {
			s := newScene(t)
			s.set(check, s.split(), answer(bend(s.decided("recheck", "site-visible"))))
			s.set(update, fails("Transient"))
			s.wantEnd(s.run(s.fence(), "fence-7", s.fenceInput()), "HalfFenced", "HalfFenced")
			s.wantCalls("check update check*9")
		})
	}
}

// TestUpdateAnswers: the machine reads nothing of UpdateAccelerator's answer,
// for TakeOffline looks at the accelerator itself.
func TestUpdateAnswers(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]order{"null": answer(nil), "a text": answer("done"), "nothing removed": answer(object{"version": "1", "removed": record(0)})} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, s.split())
			s.set(update, o)
			s.set(offline, taken)
			s.wantEnd(s.run(s.fence(), "fence-7", s.fenceInput()), "Fenced", "Fenced")
			s.wantCalls("check update offline")
		})
	}
}

// TestOfflineNonsense: only a proof ends a fence well.
func TestOfflineNonsense(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]order{
		"null": answer(nil), "a text": answer("offline"), "an empty object": answer(object{}),
		"mixed": answer(object{"version": "1", "backup": "mixed", "caches": []string{}}),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, s.split())
			s.set(update, updated)
			s.unproven = true
			s.set(offline, append(times(5, o), taken)...)
			e := s.run(s.fence(fewer("TakeOffline")), "fence-7", s.fenceInput())
			s.wantEnd(e, "Fenced", "Fenced")
			s.wantCalls("check update offline*6")
			if !has(e.Steps, "StillTrying") {
				t.Errorf("nobody was told: %v", e.Steps)
			}
		})
	}
}
