package wiring

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/sitefence/sitefence/internal/contract"
)

// margin is left of the invocation for saying what went wrong: a function that
// is killed at its deadline says nothing.
const margin = 500 * time.Millisecond

// Handler is one step of a state machine.
type Handler[In, Out any] interface {
	Handle(context.Context, In) (Out, error)
}

// Serve is the whole of a step's main: it loads the configuration, builds the
// handler once and serves it until the execution environment ends.
func Serve[H Handler[In, Out], In, Out any](build func(Function) (H, error)) {
	function, err := Load()
	if err != nil {
		log.Fatal(err)
	}
	handler, err := build(function)
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(Step(handler.Handle))
}

// Step is what Serve serves. Input that is not the step's is Misconfigured, by
// field, and not retried.
func Step[In, Out any](handle func(context.Context, In) (Out, error)) func(context.Context, json.RawMessage) (Out, error) {
	return func(ctx context.Context, raw json.RawMessage) (Out, error) {
		var in In
		if string(raw) == contract.StayAwake {
			var none Out
			return none, nil
		}
		if err := json.Unmarshal(raw, &in); err != nil {
			var none Out
			return none, contract.MisconfiguredF(contract.BadInput, "step input: %s", wrongField[In](raw, err))
		}
		if err := misspelt[In](raw); err != nil {
			var none Out
			return none, contract.MisconfiguredF(contract.BadInput, "step input: %v", err)
		}
		if deadline, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
			defer cancel()
		}
		return handle(ctx, in)
	}
}

func wrongField[In any](raw json.RawMessage, err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		// The path holds the contract's embedded Event, which the JSON does not have.
		path := slices.DeleteFunc(strings.Split(e.Field, "."), func(part string) bool { return part == "Event" })
		field := cmp.Or(strings.Join(path, "."), "the whole")
		return fmt.Sprintf("%s: got a %.60s, want %s", field, e.Value, e.Type)
	}
	// A type that decodes itself, as time.Time does, does not know its field.
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return err.Error()
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		one, _ := json.Marshal(map[string]json.RawMessage{name: fields[name]})
		var in In
		if json.Unmarshal(one, &in) != nil {
			return fmt.Sprintf("%s: got %.60s, want a time, RFC 3339", name, fields[name])
		}
	}
	return err.Error()
}
