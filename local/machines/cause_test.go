package machines_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// problems are what a Catch may be given. On AWS a timeout has no cause; a
// throttle's is a sentence; the emulator's are JSON.
var problems = map[string]object{
	"no cause":                       {"Error": "States.Timeout"},
	"an empty cause":                 {"Error": "States.Timeout", "Cause": ""},
	"cause is null":                  {"Error": "States.Timeout", "Cause": json.RawMessage("null")},
	"cause is no JSON":               {"Error": "Lambda.TooManyRequestsException", "Cause": "Rate Exceeded. (Service: Lambda, Status Code: 429)"},
	"cause is half a JSON":           {"Error": "Lambda.Unknown", "Cause": `{"errorMessage": "The cause could not be determined`},
	"cause is a page":                {"Error": "Lambda.Unknown", "Cause": "<html>\n\t" + strings.Repeat("€😀\"\\", 6_000) + "</html>"},
	"cause looks like an expression": {"Error": "Lambda.Unknown", "Cause": "a '{% $states.nothing %}' ${x} %}"},
}

// caught puts the input's problem in the place of what a Catch was given.
func caught(states ...string) change {
	return func(d definition) {
		for _, state := range states {
			for _, c := range d.States[state]["Catch"].([]any) {
				if assign, ok := c.(map[string]any)["Assign"].(map[string]any); ok && assign["problem"] != nil {
					assign["problem"] = "{% $event.problem %}"
				}
			}
		}
	}
}

// TestCauses: whatever the cause is, the text for the operator can be built, is
// short enough and holds its beginning.
func TestCauses(t *testing.T) {
	t.Parallel()
	for name, p := range problems {
		words, _ := p["Cause"].(string)
		words = strings.TrimSpace(string([]rune(words)[:min(40, len([]rune(words)))]))
		ends := map[string]func(s *scene) ended{
			"CheckFailed of the guard": func(s *scene) ended {
				s.set(check, fails("Misconfigured"))
				return s.run(s.guard(s.machine(passes), caught("CheckHealth")), "", s.event().with("problem", p))
			},
			"TurnFailed": func(s *scene) ended {
				s.set(check, s.split())
				gone := "arn:aws:states:us-east-1:000000000000:stateMachine:gone"
				none := s.machine(passes)
				return s.run(s.guard(gone, over(none, none), caught("StartFence")), "", s.event().with("problem", p))
			},
			"CheckFailed of the fence": func(s *scene) ended {
				s.set(check, fails("Misconfigured"))
				return s.run(s.fence(caught("CheckHealth")), "fence-7", s.fenceInput().with("problem", p))
			},
			"UpdateFailed": func(s *scene) ended {
				s.set(check, s.split())
				s.set(update, fails("Misconfigured"))
				return s.run(s.fence(caught("UpdateAccelerator")), "fence-7", s.fenceInput().with("problem", p))
			},
		}
		for end, run := range ends {
			t.Run(name+", "+end, func(t *testing.T) {
				s := newScene(t)
				e := run(s)
				s.wantEnd(e, strings.Fields(end)[0], p["Error"].(string))
				if !strings.Contains(e.Cause, words) {
					t.Errorf("the cause does not hold %q: %.600s", words, e.Cause)
				}
			})
		}
		t.Run(name+", StillTrying", func(t *testing.T) {
			s := newScene(t)
			s.set(check, s.split())
			s.set(update, updated)
			s.set(offline, append(times(3, fails("plain error")), taken)...)
			e := s.run(s.fence(caught("TakeOffline"), fewer("TakeOffline")), "fence-7", s.fenceInput().with("problem", p))
			s.wantEnd(e, "Fenced", "Fenced")
			var told struct{ Error, Cause string }
			s.must(json.Unmarshal([]byte(s.heard("Take Offline Still Trying")), &told))
			if told.Error != p["Error"] || !strings.Contains(told.Cause, words) || len([]rune(told.Cause)) > 2000 {
				t.Errorf("the page says %+v", told)
			}
		})
	}
}

// TestNewsCannotStopAFence: what cannot be put on the bus.
func TestNewsCannotStopAFence(t *testing.T) {
	s := newScene(t)
	s.set(check, s.split())
	s.set(update, updated)
	s.set(offline, append(times(3, fails("plain error")), taken)...)
	forbidden := func(d definition) {
		for _, state := range []string{"StillTrying", "Announce"} {
			entries := d.States[state]["Arguments"].(map[string]any)["Entries"].([]any)
			entries[0].(map[string]any)["Source"] = "aws.forbidden"
		}
	}
	e := s.run(s.fence(forbidden, fewer("TakeOffline")), "fence-7", s.fenceInput())
	s.wantEnd(e, "Fenced", "Fenced")
	if !has(e.Steps, "StillTrying") || !has(e.Steps, "Announce") {
		t.Errorf("went through %v", e.Steps)
	}
}
