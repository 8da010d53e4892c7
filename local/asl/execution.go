package asl

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"
)

// Status of an execution, as Step Functions names it.
type Status string

// The statuses. All but Running are final, until a redrive.
const (
	Running   Status = "RUNNING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Aborted   Status = "ABORTED"
)

// Call is a task that an execution waits for. Answer it with Succeed or Fail.
type Call struct {
	State, Resource string
	Arguments       any
	Timeout         time.Duration // the task's TimeoutSeconds
}

// Execution is one execution. It stands at a task (Call), at a wait (Pause), or
// has ended. It is not safe for concurrent use.
type Execution struct {
	Name, ID string
	Input    any
	Status   Status
	Output   any
	// Error and Cause are set once it has failed.
	Error, Cause string
	// Trace lists the states entered, a retry not counted.
	Trace []string
	// State is the one it is in.
	State string
	// FailedInTask says that no Catch took the error: a redrive resumes there.
	FailedInTask bool

	d        *Definition
	random   func() float64
	started  time.Time
	now      func() time.Time
	vars     map[string]any
	input    any // of the state
	entered  entry
	call     *Call
	pause    time.Duration
	retrying bool
	failures []int // by Retrier of the state
	tries    int
}

// entry is what a redrive puts back.
type entry struct {
	state string
	input any
	vars  map[string]any
}

// Options are what an execution takes from outside.
type Options struct {
	Now    func() time.Time
	Random func() float64 // 0 to below 1: jitter, and JSONata's $random
}

// Start begins an execution and runs it up to its first task or wait.
func (d *Definition) Start(name, id string, input any, opt Options) *Execution {
	e := &Execution{Name: name, ID: id, Input: input, Status: Running, d: d, random: opt.Random, now: opt.Now,
		started: opt.Now(), vars: map[string]any{}}
	e.enter(d.StartAt, input)
	return e
}

// Call is the task that it waits for, nil if it waits for none.
func (e *Execution) Call() *Call { return e.call }

// Pause is how long it is to wait before Resume, 0 if it does not wait.
func (e *Execution) Pause() time.Duration { return e.pause }

// Resume ends a wait or a pause before a retry.
func (e *Execution) Resume() {
	if e.Status != Running || e.call != nil {
		return
	}
	e.pause = 0
	if e.expired() {
		return
	}
	if e.retrying {
		e.retrying = false
		e.task(e.d.States[e.State])
		return
	}
	s := e.d.States[e.State]
	e.leave(s.Assign, s.Output, map[string]any{}, e.input, s.Next)
}

// Succeed answers the task.
func (e *Execution) Succeed(result any) {
	if e.Status != Running || e.call == nil {
		return
	}
	e.call = nil
	if e.expired() {
		return
	}
	value, err := plain(result)
	if err != nil {
		e.failed(runtimeError, err.Error())
		return
	}
	s := e.d.States[e.State]
	e.leave(s.Assign, s.Output, map[string]any{"result": value}, value, s.Next)
}

// Fail answers the task with an error. Retry and Catch decide what follows.
func (e *Execution) Fail(name, cause string) {
	if e.Status != Running || e.call == nil {
		return
	}
	e.call = nil
	if !e.expired() {
		e.failed(name, cause)
	}
}

// Abort stops it, as StopExecution does. What a function does meanwhile goes on.
func (e *Execution) Abort() {
	if e.Status == Running {
		e.end(Aborted)
	}
}

// Redrive enters the state that failed once more, with its input and variables,
// and a fresh count of retries. It is false for one that cannot be redriven.
func (e *Execution) Redrive() bool {
	if e.Status == Running || e.Status == Succeeded {
		return false
	}
	e.Status, e.Error, e.Cause, e.FailedInTask, e.started = Running, "", "", false, e.now()
	e.vars = maps.Clone(e.entered.vars)
	e.enter(e.entered.state, e.entered.input)
	return true
}

// expired ends an execution that is older than the machine's TimeoutSeconds.
func (e *Execution) expired() bool {
	if limit := e.d.TimeoutSeconds; limit > 0 && e.now().Sub(e.started) > time.Duration(limit)*time.Second {
		e.end(TimedOut)
		return true
	}
	return false
}

func (e *Execution) end(status Status) { e.Status, e.call, e.pause, e.retrying = status, nil, 0, false }

// enter runs states until one has to wait for something.
func (e *Execution) enter(name string, input any) {
	s := e.d.States[name]
	e.State, e.input = name, input
	e.Trace = append(e.Trace, name)
	e.entered = entry{name, input, maps.Clone(e.vars)}
	e.failures, e.tries = make([]int, len(s.Retry)), 0
	switch s.Type {
	case "Pass":
		e.leave(s.Assign, s.Output, map[string]any{}, input, s.Next)
	case "Task":
		e.task(s)
	case "Choice":
		e.choose(s)
	case "Wait":
		e.wait(s)
	case "Succeed":
		output, err := e.orElse(s.Output, e.scope(nil), input)
		if err != nil {
			e.fail(err)
			return
		}
		e.Output = output
		e.end(Succeeded)
	case "Fail":
		e.Error, e.Cause = e.text(s.Error), e.text(s.Cause)
		if e.Status == Running {
			e.end(Failed)
		}
	}
}

// text is the Error or Cause of a Fail state.
func (e *Execution) text(field string) string {
	quoted, _ := json.Marshal(field)
	value, err := e.d.evaluate(quoted, e.scope(nil), e.random)
	text, ok := value.(string)
	if err == nil && !ok {
		err = &queryError{fmt.Sprintf("%q: got a %T, want a string", field, value)}
	}
	if err != nil && e.Status == Running {
		e.fail(err)
		return e.Error
	}
	return text
}

func (e *Execution) choose(s State) {
	for _, c := range s.Choices {
		source, _ := expressionIn(c.Condition)
		value, err := e.d.query(source, e.scope(nil), e.random)
		yes, ok := value.(bool)
		if err == nil && !ok {
			err = &queryError{fmt.Sprintf("%q: got %v, want true or false", source, value)}
		}
		if err != nil {
			e.fail(err)
			return
		}
		if yes {
			e.leave(c.Assign, c.Output, map[string]any{}, e.input, c.Next)
			return
		}
	}
	if s.Default == "" {
		e.failed("States.NoChoiceMatched", "no choice is true and there is no default")
		return
	}
	e.leave(nil, nil, map[string]any{}, e.input, s.Default)
}

func (e *Execution) wait(s State) {
	value, err := e.d.evaluate(s.Seconds, e.scope(nil), e.random)
	seconds, ok := value.(float64)
	if err == nil && (!ok || seconds < 0 || seconds != math.Trunc(seconds)) {
		err = &queryError{fmt.Sprintf("Seconds: got %v, want a whole number", value)}
	}
	if err != nil {
		e.fail(err)
		return
	}
	e.pause = max(time.Duration(seconds)*time.Second, 1) // 0 would mean that it does not wait
}

func (e *Execution) task(s State) {
	arguments, err := e.orElse(s.Arguments, e.scope(nil), e.input)
	if err != nil {
		e.fail(err)
		return
	}
	e.call = &Call{State: e.State, Resource: s.Resource, Arguments: arguments, Timeout: time.Duration(s.TimeoutSeconds) * time.Second}
}

// leave assigns, makes the output, and goes on. All expressions see the
// variables as they were.
func (e *Execution) leave(assign, output json.RawMessage, states map[string]any, otherwise any, next string) {
	scope := e.scope(states)
	assigned, err := e.orElse(assign, scope, map[string]any{})
	var out any
	if err == nil {
		out, err = e.orElse(output, scope, otherwise)
	}
	if err != nil {
		e.fail(err)
		return
	}
	maps.Copy(e.vars, assigned.(map[string]any))
	e.enter(next, out)
}

func (e *Execution) orElse(field json.RawMessage, scope map[string]any, otherwise any) (any, error) {
	if len(field) == 0 {
		return otherwise, nil
	}
	return e.d.evaluate(field, scope, e.random)
}

// scope is what an expression sees: the variables and $states.
func (e *Execution) scope(states map[string]any) map[string]any {
	scope := maps.Clone(e.vars)
	all := map[string]any{"input": e.input, "context": map[string]any{
		"Execution": map[string]any{"Id": e.ID, "Name": e.Name, "Input": e.Input},
		"State":     map[string]any{"Name": e.State, "RetryCount": float64(e.tries)},
	}}
	maps.Copy(all, states)
	scope["states"] = all
	return scope
}

func (e *Execution) fail(err error) {
	var query *queryError
	if errors.As(err, &query) {
		e.failed("States.QueryEvaluationError", err.Error())
		return
	}
	e.failed(runtimeError, err.Error())
}

// failed lets Retry, then Catch, decide about an error in the current state.
func (e *Execution) failed(name, cause string) {
	s := e.d.States[e.State]
	for i, r := range s.Retry {
		if !matches(r.ErrorEquals, name) {
			continue
		}
		if e.failures[i] < *r.MaxAttempts {
			e.failures[i]++
			e.tries++
			pause := r.delay(e.failures[i])
			if r.JitterStrategy == "FULL" {
				pause = time.Duration(e.random() * float64(pause))
			}
			e.pause, e.retrying = max(pause, 1), true
			return
		}
		break
	}
	for _, c := range s.Catch {
		if matches(c.ErrorEquals, name) {
			problem := map[string]any{"Error": name, "Cause": cause}
			e.leave(c.Assign, c.Output, map[string]any{"errorOutput": problem}, problem, c.Next)
			return
		}
	}
	e.Error, e.Cause, e.FailedInTask = name, cause, s.Type == "Task"
	e.end(Failed)
}
