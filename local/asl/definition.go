// Package asl runs a state machine of the Amazon States Language in this
// process, one state at a time: the file itself, not a copy of what it says.
// It knows the states and fields that Sitefence's machines use, in JSONata, and
// refuses a definition that uses another, so that nothing is passed over.
//
// It is for tests that no engine is fast enough for, or that must choose what
// happens next. Time, jitter and the answers to tasks are the caller's. The
// end-to-end tests hold it against a real engine.
package asl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Definition is a parsed state machine. It caches compiled expressions and is
// not safe for concurrent use; executions of one definition share it.
type Definition struct {
	QueryLanguage  string
	Comment        string
	TimeoutSeconds int
	StartAt        string
	States         map[string]State

	compiled map[string]*expression
}

// State is one state. Which fields count depends on its Type.
type State struct {
	Type, Comment  string
	Next, Default  string
	End            bool
	Resource       string
	Arguments      json.RawMessage
	Assign, Output json.RawMessage
	TimeoutSeconds int
	Seconds        json.RawMessage
	Retry          []Retrier
	Catch          []Catcher
	Choices        []Choice
	Error, Cause   string
}

// Retrier is one entry of Retry. What AWS has a default for must be there.
type Retrier struct {
	ErrorEquals                                   []string
	IntervalSeconds, BackoffRate, MaxDelaySeconds float64
	MaxAttempts                                   *int
	JitterStrategy                                string
}

func (r Retrier) check() error {
	switch {
	case r.MaxAttempts == nil:
		return errors.New("retrier: got no MaxAttempts, want it said")
	case *r.MaxAttempts > 0 && (r.IntervalSeconds < 1 || r.BackoffRate < 1):
		return errors.New("retrier: got no IntervalSeconds or BackoffRate, want them said")
	case r.JitterStrategy != "" && r.JitterStrategy != "FULL" && r.JitterStrategy != "NONE":
		return fmt.Errorf("retrier: got JitterStrategy %q, want FULL or NONE", r.JitterStrategy)
	}
	return nil
}

// Catcher is one entry of Catch.
type Catcher struct {
	ErrorEquals    []string
	Comment        string
	Assign, Output json.RawMessage
	Next           string
}

// Choice is one entry of Choices.
type Choice struct {
	Condition, Comment string
	Assign, Output     json.RawMessage
	Next               string
}

const runtimeError = "States.Runtime"

var placeholder = regexp.MustCompile(`\$\{(\w+)\}`)

// Parse reads a definition and replaces each ${Name} by its substitution. The
// error names what is unknown to this package or missing.
func Parse(text string, substitutions map[string]string) (*Definition, error) {
	var missing []error
	text = placeholder.ReplaceAllStringFunc(text, func(hit string) string {
		value, ok := substitutions[hit[2:len(hit)-1]]
		if !ok {
			missing = append(missing, fmt.Errorf("no substitution for %s", hit))
		}
		quoted, _ := json.Marshal(value)
		return string(quoted[1 : len(quoted)-1])
	})
	d := &Definition{compiled: map[string]*expression{}}
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(d); err != nil {
		missing = append(missing, err)
	}
	if d.QueryLanguage != "JSONata" {
		missing = append(missing, fmt.Errorf("query language: got %q, want JSONata", d.QueryLanguage))
	}
	for name, s := range d.States {
		if !slices.Contains([]string{"Pass", "Task", "Choice", "Wait", "Succeed", "Fail"}, s.Type) {
			missing = append(missing, fmt.Errorf("%s: unknown type %q", name, s.Type))
		}
		// AWS's guide and its specification differ about whether it counts when a rule is taken.
		if s.Type == "Choice" && (len(s.Assign) > 0 || len(s.Output) > 0) {
			missing = append(missing, fmt.Errorf("%s: Assign or Output of a Choice as a whole, want it said by its rules", name))
		}
		for _, r := range s.Retry {
			if err := r.check(); err != nil {
				missing = append(missing, fmt.Errorf("%s: %w", name, err))
			}
		}
		for _, next := range s.targets() {
			if _, ok := d.States[next]; !ok {
				missing = append(missing, fmt.Errorf("%s: no state %q", name, next))
			}
		}
	}
	if err := errors.Join(missing...); err != nil {
		return nil, fmt.Errorf("reading the state machine: %w", err)
	}
	return d, nil
}

func (s State) targets() []string {
	var all []string
	for _, next := range []string{s.Next, s.Default} {
		if next != "" {
			all = append(all, next)
		}
	}
	for _, c := range s.Choices {
		all = append(all, c.Next)
	}
	for _, c := range s.Catch {
		all = append(all, c.Next)
	}
	return all
}

// matches reports whether an error is among those of a Retrier or Catcher. One
// error ends an execution whatever they say (Step Functions Developer Guide,
// "Handling errors").
func matches(errorEquals []string, name string) bool {
	if name == runtimeError {
		return false
	}
	return slices.Contains(errorEquals, "States.ALL") || slices.Contains(errorEquals, name) ||
		name != "States.Timeout" && slices.Contains(errorEquals, "States.TaskFailed")
}

// delay is the longest pause before the retry after `failures` failures of this
// Retrier; with jitter it is a random part of it.
func (r Retrier) delay(failures int) time.Duration {
	seconds := r.IntervalSeconds
	for range failures - 1 {
		seconds *= r.BackoffRate
	}
	if r.MaxDelaySeconds > 0 {
		seconds = min(seconds, r.MaxDelaySeconds)
	}
	return time.Duration(seconds * float64(time.Second))
}
