package machines_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sitefence/sitefence/internal/contract"
)

// The lengths of an execution's error and cause in AWS's API reference, in
// characters. The emulator does not know them, but it knows the 256 KiB of data.
const (
	maxError = 256
	maxCause = 32768
)

// sound is what every execution must be whatever it is about: within AWS's
// limits, without an expression that failed, and red only with advice.
func (s *scene) sound(e ended) {
	s.t.Helper()
	for _, h := range s.history(e.ARN) {
		if d := h.TaskFailedEventDetails; d != nil && !s.unproven && strings.HasPrefix(aws.ToString(d.Error), "States.QueryEvaluationError") {
			s.t.Errorf("an expression failed: %s", aws.ToString(d.Cause))
		}
	}
	if len(utf16.Encode([]rune(e.Error))) > maxError || len(utf16.Encode([]rune(e.Cause))) > maxCause {
		s.t.Errorf("the end is too long for AWS: error %d, cause %d", len(e.Error), len(e.Cause))
	}
	if !s.unproven && e.Error == "States.QueryEvaluationError" || e.Error == "States.Runtime" {
		s.t.Errorf("the machine failed by itself after %v: %s", e.Steps, e.Cause)
	}
}

var advice = regexp.MustCompile(`New execution, same input`)

// wantEnd asserts the last state, and the outcome or the error. A Fail state
// tells an operator what to do.
func (s *scene) wantEnd(e ended, last, outcome string) {
	s.t.Helper()
	var out struct{ Outcome string }
	if e.Error == "" {
		_ = json.Unmarshal([]byte(e.Output), &out)
	} else {
		out.Outcome = e.Error
	}
	if len(e.Steps) == 0 || e.Steps[len(e.Steps)-1] != last || out.Outcome != outcome {
		s.t.Errorf("ended %q after %v, want %q in %s\noutput %.300s\ncause %.600s", out.Outcome, e.Steps, outcome, last, e.Output, e.Cause)
	}
	if e.Error != "" && last != "KeepTakingOffline" && !advice.MatchString(e.Cause) {
		s.t.Errorf("the cause does not say what to do: %q", e.Cause)
	}
}

// wantCalls asserts which functions were called, in order; "update*3" is three
// calls. What is on the bus is left out: it arrives when it likes.
func (s *scene) wantCalls(want string) {
	s.t.Helper()
	if got := s.called(true); got != want {
		s.t.Errorf("called %s, want %s", got, want)
	}
}

// wantFunctions is wantCalls for a function that dies: how often the stub was
// reached is the emulator's affair.
func (s *scene) wantFunctions(want string) {
	s.t.Helper()
	if got := s.called(false); got != want {
		s.t.Errorf("called %s, want %s", got, want)
	}
}

func (s *scene) called(counted bool) string {
	var names, all []string
	for _, c := range s.seen() {
		if c.Function != news {
			names = append(names, c.Function)
		}
	}
	for i := 0; i < len(names); {
		n := i
		for n < len(names) && names[n] == names[i] {
			n++
		}
		name := names[i]
		if counted && n-i > 1 {
			name += "*" + strconv.Itoa(n-i)
		}
		all = append(all, name)
		i = n
	}
	return strings.Join(all, " ")
}

// payloads are what the function was given, each read and validated by today's
// contract; a list is a list, also with one item or none.
func (s *scene) payloads(function string) []contract.ActInput {
	s.t.Helper()
	var all []contract.ActInput
	for _, c := range s.seen() {
		if c.Function != function {
			continue
		}
		var in contract.ActInput
		s.must(json.Unmarshal(c.Payload, &in))
		if err := in.Validate(); err != nil {
			s.t.Errorf("%s would refuse its input: %v", function, err)
		}
		var raw struct {
			Record    json.RawMessage
			Repeated  *bool
			CheckedAt *string
		}
		s.must(json.Unmarshal(c.Payload, &raw))
		if !strings.HasPrefix(string(raw.Record), "[") || strings.HasPrefix(string(raw.Record), "[[") || strings.HasPrefix(string(raw.Record), "[null") {
			s.t.Errorf("%s got the record %.60s, want a list of endpoints", function, raw.Record)
		}
		if raw.Repeated == nil && !in.DryRun && in.Operation != contract.OperationRejoin {
			s.t.Errorf("%s was not told whether it was called before", function)
		}
		all = append(all, in)
	}
	return all
}

// heard waits for an event on the bus and returns its detail.
func (s *scene) heard(detailType string) string {
	s.t.Helper()
	for {
		for _, c := range s.seen() {
			var e struct {
				DetailType string `json:"detail-type"`
				Detail     json.RawMessage
			}
			if c.Function == news && json.Unmarshal(c.Payload, &e) == nil && e.DetailType == detailType {
				return string(e.Detail)
			}
		}
		s.pause("%q on the bus", detailType)
	}
}

func has(steps []string, state string) bool { return slices.Contains(steps, state) }
