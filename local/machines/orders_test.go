package machines_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	planned        = answer(object{"version": "1", "removed": record(0), "dryRun": true, "planned": record(1)})
	offlinePlanned = answer(object{"version": "1", "backup": "online", "caches": []string{}, "dryRun": true, "notes": []string{"as it would be"}})
)

func (s *scene) rehearsal() order {
	return answer(s.decided("rehearse", "split").with("passedOver", []string{"site-visible"}))
}

func (s *scene) drill() object { return s.fenceInput().with("dryRun", true) }

// TestRehearsal: both writing functions are asked for their plans, with the
// event's own mark, and the output holds them.
func TestRehearsal(t *testing.T) {
	s := newScene(t)
	s.set(check, s.rehearsal())
	s.set(update, planned)
	s.set(offline, offlinePlanned)
	e := s.run(s.fence(), "fence-7", s.drill())
	s.wantEnd(e, "Rehearsed", "Rehearsed")
	s.wantCalls("check update offline")
	for _, function := range []string{update, offline} {
		in := s.payloads(function)[0]
		if !in.DryRun || in.Decision != "rehearse" || in.Execution != "fence-7" || len(in.Record) != 1 {
			t.Errorf("%s got %+v", function, in)
		}
	}
	var out struct {
		PassedOver  []string
		Update      struct{ Planned []any }
		Replication struct{ Notes []string }
		Record      []any
	}
	s.must(json.Unmarshal([]byte(e.Output), &out))
	if len(out.PassedOver) != 1 || len(out.Update.Planned) != 1 || len(out.Replication.Notes) != 1 || len(out.Record) != 1 {
		t.Errorf("the output lacks something: %s", e.Output)
	}
	for _, c := range s.seen() {
		if c.Function == news {
			t.Errorf("somebody was told of a fence: %s", c.Payload)
		}
	}
}

// TestRehearsalFails: what the functions refuse ends red, with their reason; an
// answer that is no plan is none.
func TestRehearsalFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		update, offline order
		short           change
		calls, failure  string
	}{
		"update refused":              {fails("Refused"), offlinePlanned, nil, "check update", "Refused"},
		"update misconfigured":        {fails("Misconfigured"), offlinePlanned, nil, "check update", "Misconfigured"},
		"offline misconfigured":       {planned, fails("Misconfigured"), nil, "check update offline", "Misconfigured"},
		"update answers as if it did": {updated, offlinePlanned, fewer("RehearseUpdate"), "", "States.QueryEvaluationError"},
		"offline answers as if":       {planned, taken, fewer("RehearseOffline"), "", "States.QueryEvaluationError"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.unproven = true
			s.set(check, s.rehearsal())
			s.set(update, tc.update)
			s.set(offline, tc.offline)
			var changes []change
			if tc.short != nil {
				changes = append(changes, tc.short)
			}
			e := s.run(s.fence(changes...), "fence-7", s.drill())
			if len(e.Steps) == 0 || e.Steps[len(e.Steps)-1] != "RehearsalFailed" || e.Error != tc.failure && !strings.HasPrefix(e.Error, tc.failure) {
				t.Errorf("ended %s after %v: %s", e.Error, e.Steps, e.Cause)
			}
			if !strings.Contains(e.Cause, "Nothing was changed") || !advice.MatchString(e.Cause) {
				t.Errorf("the cause does not say what to do: %q", e.Cause)
			}
			if tc.calls != "" {
				s.wantCalls(tc.calls)
			}
		})
	}
}

// TestRehearsalUndecided: what keeps a fence from being decided keeps a rehearsal.
func TestRehearsalUndecided(t *testing.T) {
	s := newScene(t)
	s.set(check, answer(s.decided("recheck", "reporter-unreachable")))
	s.wantEnd(s.run(s.fence(), "fence-7", s.drill()), "Undecided", "Undecided")
	s.wantCalls("check*4")
}

// TestPaused: both machines end green and say why, before anything else.
func TestPaused(t *testing.T) {
	t.Parallel()
	pause := object{"reason": "maintenance", "by": "alice", "since": "2026-11-23T09:00:00Z", "until": "2026-11-23T11:00:00Z"}
	for _, machine := range []string{"guard", "fence"} {
		t.Run(machine, func(t *testing.T) {
			s := newScene(t)
			s.set(check, answer(s.decided("ignore", "paused").with("present", true).with("evidence", object{"sites": object{}, "pause": pause})))
			var e ended
			if machine == "guard" {
				e = s.run(s.guard(s.machine(passes)), "", s.event())
			} else {
				e = s.run(s.fence(), "fence-7", s.fenceInput())
			}
			s.wantEnd(e, "Paused", "Paused")
			s.wantCalls("check")
			var out struct {
				Reason   string
				Evidence struct{ Pause map[string]any }
			}
			s.must(json.Unmarshal([]byte(e.Output), &out))
			if out.Reason != "paused" || out.Evidence.Pause["by"] != "alice" {
				t.Errorf("the output does not say who paused: %s", e.Output)
			}
		})
	}
}

// TestYield: the guard waits once, looks again, and then takes its turn.
func TestYield(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		yields []any // of each check; nil: none
		want   []string
	}{
		"no yield":       {[]any{nil}, []string{"CheckHealth", "Decide", "FindNewestFence"}},
		"none to speak":  {[]any{0}, []string{"CheckHealth", "Decide", "FindNewestFence"}},
		"once":           {[]any{1, nil}, []string{"CheckHealth", "Decide", "YieldToPreferred", "CheckHealth", "Decide", "FindNewestFence"}},
		"never twice":    {[]any{1, 1}, []string{"CheckHealth", "Decide", "YieldToPreferred", "CheckHealth", "Decide", "FindNewestFence"}},
		"and gone since": {[]any{1, "ignore"}, []string{"CheckHealth", "Decide", "YieldToPreferred", "CheckHealth", "Decide", "AnnounceIgnored", "Paused?", "Ignored"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			var orders []order
			for _, y := range tc.yields {
				if y == "ignore" {
					orders = append(orders, answer(s.decided("ignore", "reporter-absent")))
					continue
				}
				orders = append(orders, answer(s.decided("fence", "split").with("yield", y)))
			}
			s.set(check, orders...)
			e := s.run(s.guard(s.machine(passes)), "", s.event())
			got := e.Steps[1:min(len(e.Steps), len(tc.want)+1)]
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFenceNeverYields: the turn is taken.
func TestFenceNeverYields(t *testing.T) {
	s := newScene(t)
	s.set(check, answer(s.decided("fence", "split").with("yield", 300)))
	s.set(update, updated)
	s.set(offline, taken)
	s.wantEnd(s.run(s.fence(), "fence-7", s.fenceInput()), "Fenced", "Fenced")
	s.wantCalls("check update offline")
}
