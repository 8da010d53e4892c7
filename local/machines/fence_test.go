package machines_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/contract"
)

// TestFenceRecords: the record reaches both acting functions, the event and the
// output as a list, whatever its length.
func TestFenceRecords(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"none": 0, "one": 1, "two": 2} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, answer(s.decided("fence", "split").with("record", record(n))))
			s.set(update, updated)
			s.set(offline, taken)
			e := s.run(s.fence(), "fence-7", s.fenceInput())
			s.wantEnd(e, "Fenced", "Fenced")
			s.wantCalls("check update offline")
			first, second := s.payloads(update)[0], s.payloads(offline)[0]
			if len(first.Record) != n || len(second.Record) != n || first.Execution != "fence-7" || first.Repeated || !second.Repeated {
				t.Errorf("update got %+v\noffline got %+v", first, second)
			}
			if first.Decision != "fence" || first.CheckedAt.IsZero() {
				t.Errorf("update got decision %q, checked at %v", first.Decision, first.CheckedAt)
			}
			for where, text := range map[string]string{"output": e.Output, "event": s.heard("Site Fenced")} {
				var out struct{ Record []any }
				if err := json.Unmarshal([]byte(text), &out); err != nil || len(out.Record) != n {
					t.Errorf("%s: %v, %d endpoints, want %d: %s", where, err, len(out.Record), n, text)
				}
			}
		})
	}
}

// TestRecordGrows: what an earlier check saw stays in the record, once.
func TestRecordGrows(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ first, second, want []object }{
		"the same one":       {record(1), record(1), record(1)},
		"one of two is gone": {record(2), record(2)[1:], record(2)},
		"both are gone":      {record(2), record(0), record(2)},
		"one has come":       {record(1), record(2), record(2)},
		"none before":        {record(0), record(1), record(1)},
		"another weight":     {record(1), []object{endpoint(0).with("weight", 7)}, []object{endpoint(0).with("weight", 7)}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.set(check, answer(s.decided("fence", "split").with("record", tc.first)), answer(s.decided("fence", "split").with("record", tc.second)))
			s.set(update, fails("Transient"), updated)
			s.set(offline, taken)
			s.wantEnd(s.run(s.fence(), "fence-7", s.fenceInput()), "Fenced", "Fenced")
			want, err := json.Marshal(tc.want)
			s.must(err)
			got, err := json.Marshal(s.payloads(offline)[0].Record)
			s.must(err)
			var a, b []contract.Endpoint
			s.must(json.Unmarshal(want, &a))
			s.must(json.Unmarshal(got, &b))
			if diff := cmp.Diff(a, b); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWhoMayStart: the name and the guard's id are asked for; whatever else the
// input is, it is refused and not tripped over.
func TestWhoMayStart(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		execution string
		guard     any
	}{
		"no guard":              {"fence-7", nil},
		"guard is no execution": {"fence-7", "arn:aws:states:us-east-1:000000000000:stateMachine:guard"},
		"guard is empty":        {"fence-7", ""},
		"guard is null":         {"fence-7", json.RawMessage("null")},
		"guard is a number":     {"fence-7", 7},
		"guard is a list":       {"fence-7", []string{}},
		"named by hand":         {"by-hand", guardARN},
		"a leading zero":        {"fence-07", guardARN},
		"ten digits":            {"fence-1000000000", guardARN},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			e := s.run(s.fence(), tc.execution, s.event().with("guard", tc.guard))
			s.wantEnd(e, "NotStartedByGuard", "NotStartedByGuard")
			s.wantCalls("")
		})
	}
	for name, input := range map[string]any{"null": nil, "a text": "x", "a list": []int{1}, "an empty object": object{}} {
		t.Run("input is "+name, func(t *testing.T) {
			s := newScene(t)
			s.wantEnd(s.run(s.fence(), "fence-7", input), "NotStartedByGuard", "NotStartedByGuard")
		})
	}
}

// TestGlances: before the first write a fence rechecks three times; afterwards
// eight times, and then what is gone is gone: the site absent ends in TakeOffline.
func TestGlances(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		script func(s *scene)
		last   string
		want   string
		calls  string
	}{
		"visible":   {func(s *scene) { s.set(check, answer(s.decided("recheck", "site-visible"))) }, "Ignored", "Ignored", "check*4"},
		"unhealthy": {func(s *scene) { s.set(check, answer(s.decided("recheck", "reporter-unhealthy"))) }, "Undecided", "Undecided", "check*4"},
		"settled meanwhile": {func(s *scene) {
			s.set(check, answer(s.decided("recheck", "site-visible")), answer(s.decided("ignore", "reporter-absent")))
		}, "Ignored", "Ignored", "check*2"},
		"begun, absent": {func(s *scene) {
			s.set(check, s.split(), answer(s.decided("ignore", "already-fenced")))
			s.set(update, fails("Transient"))
			s.set(offline, taken)
		}, "Fenced", "Fenced", "check update check offline"},
		"begun, absent and visible": {func(s *scene) {
			s.set(check, s.split(), answer(s.decided("recheck", "site-visible").with("present", false).with("record", record(0))))
			s.set(update, fails("Transient"))
			s.set(offline, taken)
		}, "Fenced", "Fenced", "check update check offline"},
		"ensure": {func(s *scene) {
			s.set(check, answer(s.decided("ensure", "fence-lost")))
			s.set(offline, taken)
		}, "Fenced", "Fenced", "check offline"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			tc.script(s)
			s.wantEnd(s.run(s.fence(), "fence-7", s.fenceInput()), tc.last, tc.want)
			s.wantCalls(tc.calls)
			for i, c := range s.seen() {
				var in struct {
					Begun     *bool
					Execution string
				}
				if c.Function != check {
					continue
				}
				s.must(json.Unmarshal(c.Payload, &in))
				if in.Begun == nil || *in.Begun != (i > 1) && strings.Contains(tc.calls, "update") || in.Execution != "fence-7" {
					t.Errorf("call %d: CheckHealth was given %s", i+1, c.Payload)
				}
			}
			for _, in := range s.payloads(offline) {
				if in.Repeated != strings.Contains(tc.calls, "update") {
					t.Errorf("repeated is %v", in.Repeated)
				}
			}
		})
	}
}

// TestStrangersOfTheFirstLook: replication may stop beside the load balancers of no
// site that were there before the first write, not beside what came later.
func TestStrangersOfTheFirstLook(t *testing.T) {
	s := newScene(t)
	s.set(check, answer(s.decided("fence", "split").with("evidence", object{"unattributed": []string{"before"}})),
		answer(s.decided("fence", "split").with("evidence", object{"unattributed": []string{"before", "since"}})))
	s.set(update, fails("Transient"), updated)
	s.set(offline, taken)
	s.wantEnd(s.run(s.fence(), "fence-7", s.fenceInput()), "Fenced", "Fenced")
	s.wantCalls("check update check update offline")
	if in := s.payloads(offline); len(in) != 1 || !slices.Equal(in[0].Unattributed, []string{"before"}) {
		t.Errorf("take offline was asked %+v, want it beside what was there before", in)
	}
}

// TestStraightWay: the states of a guard and a fence that nothing holds up. Each is
// a transition that takes time, while writes fail.
func TestStraightWay(t *testing.T) {
	s := newScene(t)
	s.set(check, s.split())
	s.set(update, updated)
	s.set(offline, taken)
	guard := s.run(s.guard(s.machine(passes)), "", s.event())
	fence := s.run(s.fence(), "fence-7", s.fenceInput())
	for name, tc := range map[string]struct{ got, want []string }{
		"guard": {guard.Steps, []string{"Remember", "CheckHealth", "Decide", "FindNewestFence", "OurTurn?", "StartFence", "FenceStarted"}},
		"fence": {fence.Steps, []string{"Remember", "Named?", "CheckHealth", "Decide", "UpdateAccelerator", "TakeOffline", "Announce", "Fenced"}},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
