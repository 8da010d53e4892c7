// Package lambdaruntime runs a Lambda function's real binary as AWS runs it, on
// one machine: behind the Runtime API, in execution environments that are
// started when they are needed, each with a Runtime API of its own on loopback.
//
// It guarantees:
//   - An environment has one invocation at a time, and one that crashed, timed
//     out or was left in the middle of an invocation has no other.
//   - There are never more environments than Concurrency; an invocation that
//     finds none free is refused with ErrThrottled at once, never queued.
//   - An invocation that outlasts Timeout ends as a FunctionError, after its
//     environment was killed; the next one gets a fresh environment.
//   - A process inherits nothing of the user's environment, sees none of the
//     user's AWS files, and is gone when Close returns.
//
// It differs from AWS where no test needs it: memory and CPU are not limited,
// idle environments are neither frozen nor ended, and the rate at which AWS adds
// environments is not limited.
//
// Source of the protocol: "Using the Lambda runtime API for custom runtimes",
// AWS Lambda's developer guide.
package lambdaruntime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// Region is where the function believes to be.
	Region = "eu-west-1"
	// AccountID is the account that it believes to be in.
	AccountID = "000000000000"
	// MaxPayload bounds an invocation's payload and its answer, in bytes.
	MaxPayload = 6 << 20
	// InitTimeout bounds the time until a new environment asks for its first
	// invocation. (AWS: 10 s, on a CPU of one's own.)
	InitTimeout = 30 * time.Second
)

// The types of a FunctionError that the platform makes; all others are the
// function's own.
const (
	TimedOut         = "Sandbox.Timedout"
	Exited           = "Runtime.ExitError"
	ResponseTooLarge = "Function.ResponseSizeTooLarge"
)

// What keeps an invocation from the function.
var (
	ErrThrottled = errors.New("throttled: the function's reserved concurrency is used up")
	ErrTooLarge  = fmt.Errorf("the payload is too large: want at most %d bytes", MaxPayload)
	ErrClosed    = errors.New("the function is closed")
)

// FunctionError is an invocation that ended without an answer: the function
// returned an error, panicked, exited or took too long.
type FunctionError struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// Options describe a function.
type Options struct {
	Name   string
	Binary string // what AWS starts as bootstrap; its folder is the working directory
	// Env is added to what Lambda sets itself: the function's name, Region and
	// credentials. An environment's AWS_ACCESS_KEY_ID is its name, so that a
	// fake service can tell from the signature which one called.
	Env         []string
	Logs        string        // folder for the logs, a file for each environment
	Timeout     time.Duration // of an invocation, without the environment's start
	Concurrency int           // reserved concurrency
	Memory      int           // MB, as the function is told; 512 if 0. It limits nothing
	// Launch is put before the binary: a command that ends in exec, such as a
	// shell that first enters a cgroup. Nil: none.
	Launch []string
	// Observe is told of each invocation when its process asks for the next one;
	// nil: nobody. Of those that end otherwise nothing is told.
	Observe func(Invocation)
}

// Invocation is when one invocation went through its stages. Ready is when the
// process asked for its first work: for a new environment that is after the
// request, for a used one long before.
type Invocation struct {
	Function, Environment      string
	New                        bool // the environment was started for it
	Started, Ready             time.Time
	Requested, Taken, Answered time.Time
}

// Duration is how long who asked waited: with the start of a new environment.
func (i Invocation) Duration() time.Duration { return i.Answered.Sub(i.Requested) }

// Init is how long the environment's start took: from the process to its first
// request for work.
func (i Invocation) Init() time.Duration { return i.Ready.Sub(i.Started) }

func (o Options) validate() error {
	var problems []error
	for _, p := range []struct {
		bad  bool
		text string
	}{
		{o.Name == "", "name: got nothing"},
		{!filepath.IsAbs(o.Binary), fmt.Sprintf("binary: got %q, want an absolute path", o.Binary)},
		{o.Logs == "", "logs: got nothing, want a folder"},
		{o.Timeout <= 0, fmt.Sprintf("timeout: got %v, want more than 0", o.Timeout)},
		{o.Concurrency <= 0, fmt.Sprintf("concurrency: got %d, want at least 1", o.Concurrency)},
		{o.Memory < 0, fmt.Sprintf("memory: got %d, want at least 0", o.Memory)},
	} {
		if p.bad {
			problems = append(problems, errors.New(p.text))
		}
	}
	return errors.Join(problems...)
}

// Function is a deployed function. It is safe for concurrent use.
type Function struct {
	options Options
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup // invocations, also those whose caller has left

	mu      sync.Mutex
	closed  bool
	busy    int            // environments that start or have an invocation
	idle    []*environment // the one that was used last is at the end
	started []*environment // all that ever were
}

// New is a function without an environment yet. Close ends it.
func New(o Options) (*Function, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("function %s: %w", o.Name, err)
	}
	f := &Function{options: o}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f, nil
}

// Invoke runs the function with the payload and returns its answer. The error
// is a *FunctionError, ErrThrottled, ErrTooLarge, ErrClosed, ctx's or, for an
// environment that could not be started, any other. A caller who leaves does
// not end the invocation, as on AWS.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if len(payload) > MaxPayload {
		return nil, ErrTooLarge
	}
	e, err := f.acquire()
	if err != nil {
		return nil, err
	}
	type result struct {
		answer []byte
		err    error
	}
	done := make(chan result, 1)
	go func() {
		defer f.running.Done()
		answer, err := f.run(e, payload)
		done <- result{answer, err}
	}()
	select {
	case r := <-done:
		return r.answer, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// acquire takes the free environment that was used last, or the right to start
// one, which is nil.
func (f *Function) acquire() (*environment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, ErrClosed
	}
	var e *environment
	for e == nil && len(f.idle) > 0 {
		last := len(f.idle) - 1
		e, f.idle = f.idle[last], f.idle[:last]
		if !e.alive() { // it ended by itself, between two invocations
			e.end()
			e = nil
		}
	}
	// Idle ones count too, but if there is one it is taken.
	if e == nil && f.busy >= f.options.Concurrency {
		return nil, ErrThrottled
	}
	f.busy++
	f.running.Add(1)
	return e, nil
}

// run has one invocation in e, or in a new environment if e is nil, and gives
// the environment back if it can have another.
func (f *Function) run(e *environment, payload []byte) (answer []byte, err error) {
	reusable := false
	defer func() {
		if e != nil && !reusable {
			e.end()
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.busy--
		if reusable {
			f.idle = append(f.idle, e)
		}
	}()
	requested, fresh := time.Now(), e == nil
	if e == nil {
		if e, err = f.start(); err != nil {
			return nil, err
		}
	}
	i := &invocation{id: uuid(), trace: trace(), payload: payload, requested: requested, fresh: fresh, complete: make(chan struct{})}
	answer, reusable, err = e.invoke(f.ctx, i)
	if reusable && f.options.Observe != nil {
		f.options.Observe(e.observed(i))
	}
	return answer, err
}

func (f *Function) start() (*environment, error) {
	f.mu.Lock()
	// The place in the list is taken first: names must not repeat.
	n := len(f.started)
	f.started = append(f.started, nil)
	f.mu.Unlock()
	e, err := startEnvironment(fmt.Sprintf("%s-%d", f.options.Name, n+1), f.options)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started[n] = e
	return e, err
}

// Close kills every environment and returns when the last process is gone.
// Open invocations end with ErrClosed.
func (f *Function) Close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	f.running.Wait()
	// No one takes or returns an environment any more.
	for _, e := range f.idle {
		e.end()
	}
	f.idle = nil
}

// Environment is one execution environment, alive or not.
type Environment struct {
	Name   string
	PID    int
	Log    string // file
	Served int    // invocations that it completed
	Alive  bool
}

// Environments are all that were ever started, in that order.
func (f *Function) Environments() []Environment {
	f.mu.Lock()
	started := slices.Clone(f.started)
	f.mu.Unlock()
	var all []Environment
	for _, e := range started {
		if e != nil {
			all = append(all, e.describe())
		}
	}
	return all
}

// Log is what all environments wrote so far, one after the other.
func (f *Function) Log() (string, error) {
	var all strings.Builder
	for _, e := range f.Environments() {
		data, err := os.ReadFile(e.Log)
		if err != nil {
			return "", fmt.Errorf("reading the log of %s: %w", e.Name, err)
		}
		all.Write(data)
	}
	return all.String(), nil
}
