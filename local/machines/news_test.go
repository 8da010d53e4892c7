package machines_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/statemachine"
)

// told waits for an event and reads it as today's contract, which must know all of
// its fields.
func told[News any](s *scene, detailType string) News {
	s.t.Helper()
	var n News
	decoder := json.NewDecoder(strings.NewReader(s.heard(detailType)))
	decoder.DisallowUnknownFields()
	s.must(decoder.Decode(&n))
	return n
}

// TestNewsOfIdleEnds: guard and fence tell that a report needed nothing, and why.
func TestNewsOfIdleEnds(t *testing.T) {
	t.Parallel()
	pause := object{"reason": "maintenance", "by": "alice", "since": "2026-11-23T09:00:00Z", "until": "2026-11-23T11:00:00Z"}
	for name, tc := range map[string]struct {
		reason  string
		machine contract.Machine
		outcome string
		bend    func(o object) object
	}{
		"guard, ignored": {"already-fenced", contract.GuardMachine, "Ignored", nil},
		"guard, paused":  {"paused", contract.GuardMachine, "Paused", nil},
		"guard, a drill": {"paused", contract.GuardMachine, "Paused", func(o object) object { return o.with("dryRun", true) }},
		"fence, ignored": {"reporter-absent", contract.FenceMachine, "Ignored", nil},
		"fence, paused":  {"paused", contract.FenceMachine, "Paused", nil},
		"fence, a rejoin": {"already-serving", contract.FenceMachine, "Ignored", func(o object) object {
			return o.with("operation", "rejoin").with("order", object{"by": "a", "reason": "b"}).with("endpoints", record(1))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, answer(s.decided("ignore", tc.reason).with("evidence", object{"sites": object{}, "pause": pause})))
			in, machine, execution, guard := s.fenceInput(), s.fence, "fence-7", guardARN
			if tc.machine == contract.GuardMachine {
				in, machine, execution = s.event(), func(...change) string { return s.guard(s.machine(passes)) }, ""
			}
			if tc.bend != nil {
				in = tc.bend(in)
			}
			e := s.run(machine(), execution, in)
			s.wantEnd(e, tc.outcome, tc.outcome)
			if tc.machine == contract.GuardMachine {
				guard = e.ARN
			}
			n := told[contract.FenceIgnored](s, contract.DetailTypeFenceIgnored)
			if n.Machine != tc.machine || n.Outcome != tc.outcome || string(n.Reason) != tc.reason || n.Execution != e.ARN || n.Guard != guard ||
				n.Deployment != s.id || n.Reporter != reporter || n.Site != site || n.CheckedAt == nil || n.Evidence == nil || n.Evidence.Pause.By != "alice" {
				t.Errorf("the event says %+v", n)
			}
			if n.DryRun != (in["dryRun"] == true) || (n.Operation == contract.OperationRejoin) != (in["operation"] != nil) {
				t.Errorf("a rehearsal %t, operation %q", n.DryRun, n.Operation)
			}
		})
	}
}

// TestNewsOfBadEnds: the event says what the execution says, with the evidence.
func TestNewsOfBadEnds(t *testing.T) {
	t.Parallel()
	unwell := func(s *scene) { s.set(check, answer(s.decided("recheck", "reporter-unreachable"))) }
	for name, tc := range map[string]struct {
		script   func(s *scene)
		run      func(s *scene) ended
		end      string
		evidence bool
	}{
		"guard, undecided": {unwell, func(s *scene) ended { return s.run(s.guard(s.machine(passes)), "", s.event()) }, "Undecided", true},
		"guard, check failed": {func(s *scene) { s.set(check, fails("Misconfigured")) },
			func(s *scene) ended { return s.run(s.guard(s.machine(passes)), "", s.event()) }, "CheckFailed", false},
		"guard, nonsense given": {func(s *scene) { s.set(check, answer(nil)) },
			func(s *scene) ended {
				return s.run(s.guard(s.machine(passes)), "", object{"deployment": s.id, "site": 7})
			}, "Undecided", false},
		"fence, undecided":     {unwell, func(s *scene) ended { return s.run(s.fence(), "fence-7", s.fenceInput()) }, "Undecided", true},
		"fence, by hand":       {unwell, func(s *scene) ended { return s.run(s.fence(), "by-hand", s.fenceInput()) }, "NotStartedByGuard", false},
		"fence, nothing given": {unwell, func(s *scene) ended { return s.run(s.fence(), "fence-7", nil) }, "NotStartedByGuard", false},
		"fence, a list given":  {unwell, func(s *scene) ended { return s.run(s.fence(), "fence-7", []any{s.fenceInput()}) }, "NotStartedByGuard", false},
		"fence, update failed": {func(s *scene) { s.set(check, s.split()); s.set(update, fails("Refused")) },
			func(s *scene) ended { return s.run(s.fence(), "fence-7", s.fenceInput()) }, "UpdateFailed", true},
		"fence, half": {func(s *scene) {
			s.set(check, s.split(), answer(s.decided("recheck", "site-visible")))
			s.set(update, fails("Transient"))
		},
			func(s *scene) ended { return s.run(s.fence(), "fence-7", s.fenceInput()) }, "HalfFenced", true},
		"fence, rehearsal": {func(s *scene) { s.set(check, s.rehearsal()); s.set(update, fails("Refused")) },
			func(s *scene) ended { return s.run(s.fence(), "fence-7", s.drill()) }, "RehearsalFailed", true},
		"fence, rejoin": {func(s *scene) { s.set(check, s.judged("rejoin", "in-sync")); s.set(update, fails("Refused")) },
			func(s *scene) ended { return s.run(s.fence(), "fence-7", s.rejoinInput(record(1))) }, "RejoinStopped", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			tc.script(s)
			e := tc.run(s)
			s.wantEnd(e, tc.end, e.Error)
			n := told[contract.FenceFailed](s, contract.DetailTypeFenceFailed)
			if n.End != tc.end || n.Error != e.Error || n.Cause != e.Cause || n.Execution != e.ARN || n.Deployment != s.id {
				t.Errorf("it ended %s: %s\nand the event says %+v", e.Error, e.Cause, n)
			}
			if (n.Evidence != nil) != tc.evidence || (n.CheckedAt != nil) != tc.evidence || (n.Reason != "") != tc.evidence {
				t.Errorf("evidence %v, reason %q", n.Evidence, n.Reason)
			}
			if n.DryRun != (tc.end == "RehearsalFailed") || (n.Operation != "") != (tc.end == "RejoinStopped") {
				t.Errorf("a rehearsal %t, operation %q", n.DryRun, n.Operation)
			}
		})
	}
}

// TestNewsChangesNoEnd: what cannot be put on the bus.
func TestNewsChangesNoEnd(t *testing.T) {
	t.Parallel()
	forbidden := func(d definition) {
		for _, state := range []string{"AnnounceIgnored", "AnnounceFailure"} {
			entries := d.States[state]["Arguments"].(map[string]any)["Entries"].([]any)
			entries[0].(map[string]any)["Source"] = "aws.forbidden"
		}
	}
	for decision, end := range map[string]string{"ignore": "Ignored", "recheck": "Undecided"} {
		for _, machine := range []string{"guard", "fence"} {
			t.Run(machine+", "+end, func(t *testing.T) {
				s := newScene(t)
				s.set(check, answer(s.decided(decision, "reporter-unreachable")))
				var e ended
				if machine == "guard" {
					e = s.run(s.guard(s.machine(passes), forbidden), "", s.event())
				} else {
					e = s.run(s.fence(forbidden), "fence-7", s.fenceInput())
				}
				s.wantEnd(e, end, end)
				for _, h := range s.history(e.ARN) {
					if h.TaskFailedEventDetails != nil {
						return
					}
				}
				t.Error("the bus took what it must refuse: the test shows nothing")
			})
		}
	}
}

// TestLimits: the machines keep to the configuration's limits.
func TestLimits(t *testing.T) {
	t.Parallel()
	unwell := func(s *scene) { s.set(check, answer(s.decided("recheck", "reporter-unreachable"))) }
	guard := func(s *scene, l config.GuardLimits, fence string) string {
		return s.filled(statemachine.Guard, nil, statemachine.GuardNames(s.id, l), "${FenceMachineArn}", fence)
	}
	fence := func(s *scene, l config.FenceLimits) string {
		return s.filled(statemachine.Fence, nil, statemachine.FenceNames(s.id, l))
	}
	for name, tc := range map[string]struct {
		script func(s *scene)
		run    func(s *scene) ended
		end    string
		calls  string
	}{
		"guard, rechecks": {unwell, func(s *scene) ended {
			return s.run(guard(s, config.GuardLimits{Rechecks: 2}, s.machine(passes)), "", s.event())
		}, "Undecided", "check*3"},
		"guard, alert's age": {func(s *scene) { s.set(check, answer(s.decided("recheck", "site-visible"))) }, func(s *scene) ended {
			in := s.event().with("receivedAt", "2026-11-23T10:59:30.123Z")
			return s.run(guard(s, config.GuardLimits{Rechecks: 2, AlertAge: 3600e9}, s.machine(passes)), "", in)
		}, "Ignored", "check*3"},
		"fence, rechecks": {unwell, func(s *scene) ended {
			return s.run(fence(s, config.FenceLimits{Rechecks: 1}), "fence-7", s.fenceInput())
		}, "Undecided", "check*2"},
		"fence, half-way": {func(s *scene) {
			s.set(check, s.split(), answer(s.decided("recheck", "site-visible")))
			s.set(update, fails("Transient"))
		},
			func(s *scene) ended {
				return s.run(fence(s, config.FenceLimits{HalfwayRechecks: 4}), "fence-7", s.fenceInput())
			}, "HalfFenced", "check update check*5"},
		"fence, tries": {func(s *scene) { s.set(check, s.split()); s.set(update, fails("Transient")) }, func(s *scene) ended {
			return s.run(fence(s, config.FenceLimits{UpdateTries: 2}), "fence-7", s.fenceInput())
		}, "UpdateFailed", "check update check update check update"},
		"rejoin, deploying": {func(s *scene) {
			s.set(check, s.judged("rejoin", "in-sync"), s.judged("recheck", "deploying"))
			s.set(update, answer(object{"version": "1", "removed": record(0), "added": record(1)}))
		}, func(s *scene) ended {
			return s.run(fence(s, config.FenceLimits{DeployWait: 31e9}), "fence-7", s.rejoinInput(record(1)))
		}, "RejoinStopped", "check update check*4"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			tc.script(s)
			e := tc.run(s)
			s.wantEnd(e, tc.end, map[bool]string{true: "Ignored", false: e.Error}[e.Error == ""])
			s.wantCalls(tc.calls)
		})
	}
	t.Run("guard, turn", func(t *testing.T) {
		s := newScene(t)
		s.set(check, s.split())
		fences := s.machine(stays)
		open := s.start(fences, "fence-1", object{})
		e := s.run(guard(s, config.GuardLimits{GiveUpAfter: 100e9}, fences), "", s.event())
		s.wantEnd(e, "TurnNeverCame", "TurnNeverCame")
		if n := count(e.Steps, "WaitForTheTurn"); n < 4 || n > 12 || !strings.Contains(e.Cause, "for 2 minutes it was never its turn") {
			t.Errorf("waited %d times: %s", n, e.Cause)
		}
		s.stop(open)
	})
}
