package machines_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// largest is how many endpoints a site can have: 42 endpoint groups of 10 in an
// accelerator (Global Accelerator's quotas, the number of groups a hard one),
// less one of the reporter in each of ten listeners.
const largest = 410

// TestLargestRecord: the largest accelerator's record passes through every
// state, also when the next check sees the other half of it.
func TestLargestRecord(t *testing.T) {
	t.Parallel()
	long := func(from, to int) []object {
		var all []object
		for i := from; i < to; i++ {
			e := endpoint(i)
			e["endpoint"] = fmt.Sprintf("arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:loadbalancer/net/%s/%016d", strings.Repeat("n", 32), i)
			all = append(all, e)
		}
		return all
	}
	t.Run("at once", func(t *testing.T) {
		s := newScene(t)
		s.set(check, answer(s.decided("fence", "split").with("record", long(0, largest))))
		s.set(update, updated)
		s.set(offline, taken)
		e := s.run(s.fence(), "fence-7", s.fenceInput())
		s.wantEnd(e, "Fenced", "Fenced")
		for _, in := range s.payloads(offline) {
			if len(in.Record) != largest {
				t.Errorf("a record of %d, want %d", len(in.Record), largest)
			}
		}
		s.heard("Site Fenced")
	})
	t.Run("removed step by step", func(t *testing.T) {
		s := newScene(t)
		s.set(check, answer(s.decided("fence", "split").with("record", long(0, largest))),
			answer(s.decided("fence", "split").with("record", long(0, largest))),
			answer(s.decided("fence", "split").with("record", long(largest/2, largest))))
		s.set(update, fails("Transient"), fails("Transient"), updated)
		s.set(offline, taken)
		e := s.run(s.fence(), "fence-7", s.fenceInput())
		s.wantEnd(e, "Fenced", "Fenced")
		var out struct{ Record []json.RawMessage }
		_ = json.Unmarshal([]byte(e.Output), &out)
		if len(out.Record) != largest {
			t.Errorf("a record of %d, want %d", len(out.Record), largest)
		}
	})
	t.Run("half fenced", func(t *testing.T) {
		s := newScene(t)
		s.set(check, answer(s.decided("fence", "split").with("record", long(0, largest))), answer(s.decided("recheck", "site-visible").with("record", long(0, 3))))
		s.set(update, fails("Transient"))
		s.wantEnd(s.run(s.fence(), "fence-7", s.fenceInput()), "HalfFenced", "HalfFenced")
	})
	t.Run("update failed", func(t *testing.T) {
		s := newScene(t)
		s.set(check, answer(s.decided("fence", "split").with("record", long(0, largest))))
		s.set(update, fails("Refused"))
		s.wantEnd(s.run(s.fence(), "fence-7", s.fenceInput()), "UpdateFailed", "Refused")
	})
}

// TestLargestEvidence: 200 KB of evidence, in every text that quotes it.
func TestLargestEvidence(t *testing.T) {
	t.Parallel()
	evidence := object{"trouble": strings.Repeat("€", 65_000)}
	for name, run := range map[string]func(s *scene) (ended, string, string){
		"guard, undecided": func(s *scene) (ended, string, string) {
			s.set(check, answer(s.decided("recheck", "reporter-unreachable").with("evidence", evidence)))
			return s.run(s.guard(s.machine(passes)), "", s.event()), "Undecided", "Undecided"
		},
		"guard, ignored": func(s *scene) (ended, string, string) {
			s.set(check, answer(s.decided("ignore", "reporter-absent").with("evidence", evidence)))
			return s.run(s.guard(s.machine(passes)), "", s.event()), "Ignored", "Ignored"
		},
		"guard, started": func(s *scene) (ended, string, string) {
			s.set(check, answer(s.decided("fence", "split").with("evidence", evidence)))
			return s.run(s.guard(s.machine(passes)), "", s.event()), "FenceStarted", "FenceStarted"
		},
		"fence, undecided": func(s *scene) (ended, string, string) {
			s.set(check, answer(s.decided("recheck", "reporter-unreachable").with("evidence", evidence)))
			return s.run(s.fence(), "fence-7", s.fenceInput()), "Undecided", "Undecided"
		},
		"fence, fenced": func(s *scene) (ended, string, string) {
			s.set(check, answer(s.decided("fence", "split").with("evidence", evidence)))
			s.set(update, updated)
			s.set(offline, taken)
			return s.run(s.fence(), "fence-7", s.fenceInput()), "Fenced", "Fenced"
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			e, last, outcome := run(s)
			s.wantEnd(e, last, outcome)
		})
	}
}

// TestTooLarge: an answer that AWS does not take ends the execution where it
// stands, in red; nothing more is called.
func TestTooLarge(t *testing.T) {
	s := newScene(t)
	s.set(check, answer(s.decided("fence", "split").with("evidence", object{"trouble": strings.Repeat("x", 300_000)})))
	e := s.run(s.fence(), "fence-7", s.fenceInput())
	if e.Status != "FAILED" || e.Error != "States.DataLimitExceeded" {
		t.Errorf("ended %s %s", e.Status, e.Error)
	}
	s.wantCalls("check")
}
