package machines_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// rejoinInput is what the guard gives to the fence for a rejoin.
func (s *scene) rejoinInput(endpoints []object) object {
	return s.fenceInput().with("operation", "rejoin").with("order", object{"by": "operator", "reason": "restored"}).with("endpoints", endpoints)
}

// judged is CheckHealth's output in a rejoin.
func (s *scene) judged(decision, reason string) order {
	return answer(s.decided(decision, reason).with("record", record(0)))
}

// TestRejoinEnds: every way through the states of a rejoin, and that each is
// bounded.
func TestRejoinEnds(t *testing.T) {
	t.Parallel()
	added := answer(object{"version": "1", "removed": record(0), "added": record(1)})
	tests := map[string]struct {
		checks  func(s *scene) []order
		update  []order
		last    string
		outcome string
		calls   string
	}{
		"put back, deployed": {func(s *scene) []order {
			return []order{s.judged("rejoin", "in-sync"), s.judged("recheck", "deploying"), s.judged("ignore", "already-serving")}
		}, []order{added}, "Rejoined", "Rejoined", "check update check*2"},
		"nothing to do":     {func(s *scene) []order { return []order{s.judged("ignore", "already-serving")} }, nil, "Ignored", "Ignored", "check"},
		"not seen any more": {func(s *scene) []order { return []order{s.judged("ignore", "not-seen")} }, nil, "Ignored", "Ignored", "check"},
		"cut off after the write": {func(s *scene) []order { return []order{s.judged("rejoin", "in-sync"), s.judged("ignore", "not-seen")} },
			[]order{added}, "RejoinStopped", "RejoinStopped", "check update check"},
		"refused between two writes": {func(s *scene) []order { return []order{s.judged("rejoin", "in-sync")} }, []order{fails("Refused")},
			"RejoinStopped", "RejoinStopped", "check update"},
		"misconfigured": {func(s *scene) []order { return []order{s.judged("rejoin", "in-sync")} }, []order{fails("Misconfigured")},
			"RejoinFailed", "Misconfigured", "check update"},
		"each try follows a look": {func(s *scene) []order {
			return []order{s.judged("rejoin", "in-sync"), s.judged("rejoin", "in-sync"), s.judged("ignore", "already-serving")}
		}, []order{fails("Transient"), added}, "Rejoined", "Rejoined", "check update check update check"},
		"a lost answer": {func(s *scene) []order {
			return []order{s.judged("rejoin", "in-sync"), s.judged("ignore", "already-serving")}
		},
			[]order{fails("Transient")}, "Rejoined", "Rejoined", "check update check"},
		"never well": {func(s *scene) []order {
			return []order{s.judged("rejoin", "in-sync"), s.judged("recheck", "deploying")}
		}, []order{added},
			"RejoinStopped", "RejoinStopped", "check update check*41"},
		"the check fails before": {func(*scene) []order { return []order{fails("Misconfigured")} }, nil, "CheckFailed", "Misconfigured", "check"},
		"the check fails after": {func(s *scene) []order { return []order{s.judged("rejoin", "in-sync"), fails("Misconfigured")} }, []order{added},
			"RejoinFailed", "Misconfigured", "check update check"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, tc.checks(s)...)
			if tc.update != nil {
				s.set(update, tc.update...)
			}
			e := s.run(s.fence(), "fence-7", s.rejoinInput(record(1)))
			s.wantEnd(e, tc.last, tc.outcome)
			s.wantCalls(tc.calls)
			if count(e.Steps, "WaitOutOlderSteps") != 1 || e.Steps[2] != "WaitOutOlderSteps" {
				t.Errorf("older steps are not waited out before all else: %v", e.Steps)
			}
			if tc.last == "Rejoined" {
				var out struct{ Endpoints []any }
				text := s.heard("Site Rejoined")
				if err := json.Unmarshal([]byte(text), &out); err != nil || len(out.Endpoints) != 1 {
					t.Errorf("the event: %v: %s", err, text)
				}
			}
		})
	}
}

// TestRejoinIsBounded: what is put back is taken out again for ever, or cannot be
// written for ever. It ends and says so.
func TestRejoinIsBounded(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		update              order
		last, outcome, text string
		puts                int
	}{
		"taken out again": {answer(object{"version": "1", "removed": record(0), "added": record(1)}), "RejoinStopped", "RejoinStopped", "find what owns the endpoints", 20},
		"in transition":   {fails("Transient"), "RejoinFailed", "Transient", "Mend what is named here", 13},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, s.judged("rejoin", "in-sync"))
			s.set(update, tc.update)
			e := s.run(s.fence(), "fence-7", s.rejoinInput(record(1)))
			s.wantEnd(e, tc.last, tc.outcome)
			if got := count(e.Steps, "PutBack"); got != tc.puts || !strings.Contains(e.Cause, tc.text) {
				t.Errorf("%d times PutBack, want %d; cause %s", got, tc.puts, e.Cause)
			}
		})
	}
}

// TestLargestRejoin: the largest site's endpoints pass through every state, also
// once all of them are back and so in the record as well.
func TestLargestRejoin(t *testing.T) {
	s := newScene(t)
	all := record(largest)
	s.set(check, s.judged("rejoin", "in-sync"), answer(s.decided("rejoin", "in-sync").with("record", all)), answer(s.decided("ignore", "already-serving").with("record", all)))
	s.set(update, fails("Transient"), answer(object{"version": "1", "removed": record(0), "added": all}))
	s.wantEnd(s.run(s.fence(), "fence-7", s.rejoinInput(all)), "Rejoined", "Rejoined")
	for _, in := range s.payloads(update) {
		if len(in.Endpoints) != largest || len(in.Record) != 0 || in.Decision != "rejoin" {
			t.Errorf("%d endpoints, a record of %d, decision %s", len(in.Endpoints), len(in.Record), in.Decision)
		}
	}
}
