package history

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
)

// Step is one visit of a state.
type Step struct {
	Execution string // ARN
	State     string
	From, To  time.Time // To is zero while the state has not been left
	Tries     int       // of its task that failed
	LastError string    // of those tries
	Output    string    // JSON; "" for a state that was not left
}

// Steps are the visits of an execution's states in order. One that was not left,
// because the execution failed or was stopped in it, ends when the execution did.
func Steps(e Execution, events []Event) []Step {
	var steps []Step
	for _, event := range events {
		switch event.Kind {
		case Entered:
			steps = append(steps, Step{Execution: event.Execution, State: event.State, From: event.At})
			continue
		case Failed, Left:
		}
		if len(steps) == 0 || steps[len(steps)-1].State != event.State {
			continue // not one of ours: it left what it never entered
		}
		s := &steps[len(steps)-1]
		if event.Kind == Failed {
			s.Tries, s.LastError = s.Tries+1, event.Error
			continue
		}
		s.To, s.Output = event.At, event.Output
	}
	for i := range steps {
		if steps[i].To.IsZero() && i+1 < len(steps) {
			steps[i].To = steps[i+1].From
		}
		if steps[i].To.IsZero() {
			steps[i].To = e.Stopped
		}
	}
	return steps
}

// Took is how long the visit was; until now for one that goes on.
func (s Step) Took(now time.Time) time.Duration {
	to := s.To
	if to.IsZero() {
		to = now
	}
	return max(0, to.Sub(s.From))
}

// Total is the time that all visits of one state took together.
type Total struct {
	Machine string  `json:"machine"` // guard, fence or restore
	State   string  `json:"state"`
	Seconds float64 `json:"seconds"`
	Visits  int     `json:"visits"`
}

// totals sums up by state, in the order in which the states were first entered.
func totals(machine string, steps []Step, now time.Time) []Total {
	var all []Total
	for _, s := range steps {
		i := slices.IndexFunc(all, func(t Total) bool { return t.State == s.State })
		if i < 0 {
			i = len(all)
			all = append(all, Total{Machine: machine, State: s.State})
		}
		all[i].Seconds += s.Took(now).Seconds()
		all[i].Visits++
	}
	for i := range all {
		all[i].Seconds = rounded(all[i].Seconds)
	}
	return all
}

// rounded is to the millisecond, as Step Functions tells time.
func rounded(seconds float64) float64 {
	return float64(time.Duration(seconds*float64(time.Second)).Round(time.Millisecond)) / float64(time.Second)
}

// Check is the step's answer if it is CheckHealth's.
func (s Step) Check() (contract.Check, bool) {
	if s.State != "CheckHealth" || s.Output == "" {
		return contract.Check{}, false
	}
	var c contract.Check
	lenient(s.Output, &c)
	return c, c.Decision != ""
}

// ReasonOf is why the execution ended as it did: by its output, by the code that
// its cause begins with, or by the last check.
func ReasonOf(e Execution, steps []Step) contract.Reason {
	if r := e.Out().Reason; r != "" {
		return r
	}
	if e.Error != "" && e.Error != "Undecided" {
		if r := codeIn(e.Cause); r != "" {
			return r
		}
	}
	for _, s := range slices.Backward(steps) {
		if c, ok := s.Check(); ok {
			return c.Reason
		}
	}
	return ""
}

// Said is a cause as a person reads it: the error of a function, which is JSON in
// it, is its message. What is not understood stays as it is.
func Said(cause string) string {
	before, message, after, found := failureIn(cause)
	if !found {
		return cause
	}
	return before + message + after
}

// failureIn finds a function's error in a cause.
func failureIn(cause string) (before, message, after string, found bool) {
	i := strings.Index(cause, `{"errorMessage"`)
	if i < 0 {
		return "", "", "", false
	}
	var failure struct {
		ErrorMessage string `json:"errorMessage"`
	}
	decoder := json.NewDecoder(strings.NewReader(cause[i:]))
	if decoder.Decode(&failure) != nil || failure.ErrorMessage == "" {
		return "", "", "", false
	}
	return cause[:i], failure.ErrorMessage, cause[i+int(decoder.InputOffset()):], true
}

// codeIn finds the reason code in a cause: a function's error begins with it.
func codeIn(cause string) contract.Reason {
	_, message, _, _ := failureIn(cause)
	code, _, found := strings.Cut(message, ": ")
	if !found || !contract.NamePattern.MatchString(code) {
		return ""
	}
	return contract.Reason(code)
}
