package wiring

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/sitefence/sitefence/internal/contract"
)

// margin is left of the invocation for saying what went wrong: a function that
// is killed at its deadline says nothing.
const margin = 500 * time.Millisecond

// Start serves a step of a state machine. Input that is not the step's is
// Misconfigured, by field, and not retried.
func Start[In, Out any](handle func(context.Context, In) (Out, error)) { lambda.Start(Step(handle)) }

// Step is what Start serves.
func Step[In, Out any](handle func(context.Context, In) (Out, error)) func(context.Context, json.RawMessage) (Out, error) {
	return func(ctx context.Context, raw json.RawMessage) (Out, error) {
		var in In
		if err := json.Unmarshal(raw, &in); err != nil {
			var none Out
			return none, contract.MisconfiguredF(contract.BadInput, "step input: %s", wrongField(err))
		}
		if deadline, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
			defer cancel()
		}
		return handle(ctx, in)
	}
}

func wrongField(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return e.Field + ": got a " + e.Value + ", want " + e.Type.String()
	}
	if e, ok := errors.AsType[*time.ParseError](err); ok {
		return "a time: got " + e.Value + ", want RFC 3339"
	}
	return err.Error()
}
