// Package follow waits for executions to end and tells of the states that they
// pass on the way. It only reads: who stops following stops nothing else.
package follow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/history"
)

const (
	// every is between two looks: what changes takes seconds, and Step Functions
	// refills 20 reads of a history a second for the whole account.
	every = time.Second
	// patience is how long an execution may be unreadable. One that was started a
	// moment ago is not found at first, and a call may be throttled.
	patience = 30 * time.Second
)

// Execution waits for the execution's end and returns it. tell (nil: nobody) gets
// each event once, in order, in this goroutine. It ends with an error when ctx
// does, and when the execution cannot be read for 30 seconds or never will be; the
// execution as last seen is returned beside it.
func Execution(ctx context.Context, client history.Client, arn string, tell func(history.Event)) (history.Execution, error) {
	var seen history.Execution
	var last int64
	state := ""
	answered := time.Now()
	for {
		e, events, err := look(ctx, client, arn, last)
		for _, event := range events {
			last = event.ID
			if event.State == "" {
				event.State = state // it was entered before the last look
			}
			state = event.State
			if tell != nil {
				tell(event)
			}
		}
		switch {
		case err == nil:
			seen, answered = e, time.Now()
			if e.Closed() {
				return e, nil
			}
		case ctx.Err() != nil:
			return seen, context.Cause(ctx)
		case hopeless(err) || time.Since(answered) > patience:
			return seen, err
		}
		select {
		case <-ctx.Done():
			return seen, context.Cause(ctx)
		case <-time.After(every):
		}
	}
}

// look reads the state first: whatever it has of an ended execution, the history
// read after it has too.
func look(ctx context.Context, client history.Client, arn string, last int64) (history.Execution, []history.Event, error) {
	e, err := history.Describe(ctx, client, arn)
	if err != nil {
		return e, nil, err
	}
	events, err := history.Events(ctx, client, arn, last)
	return e, events, err
}

// hopeless are the answers that no waiting changes.
func hopeless(err error) bool {
	return slices.Contains([]string{"AccessDeniedException", "InvalidArn", "ExpiredTokenException", "ExpiredToken",
		"UnrecognizedClientException", "ValidationException"}, awserr.Code(err))
}

// ErrNoFence is when a guard execution says that it started a fence and names none.
var ErrNoFence = errors.New("the guard started a fence, and its output does not name it")

// Incident follows a guard execution, and then the fence that it started, to the
// end. What it has seen so far is returned beside an error too.
func Incident(ctx context.Context, client history.Client, guard string, tell func(history.Event)) (history.Incident, error) {
	var seen history.Incident
	g, err := Execution(ctx, client, guard, tell)
	if g.ARN != "" {
		seen.Guard = &g
	}
	if err != nil {
		return seen, err
	}
	out := g.Out()
	if out.Outcome != "FenceStarted" {
		return seen, nil
	}
	if !history.IsARN(out.Fence) {
		return seen, fmt.Errorf("%s: %w", guard, ErrNoFence)
	}
	f, err := Execution(ctx, client, out.Fence, tell)
	if f.ARN != "" {
		seen.Fence = &f
	}
	return seen, err
}
