// Package bus puts events on the event bus. It believes an event to be there
// only when EventBridge said so for that very entry: PutEvents answers 200 with
// entries that failed.
package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/contract"
)

const (
	// MaxBatch is PutEvents' limit of entries a call.
	MaxBatch = 10
	// MaxEntry bounds one entry in bytes, so that a full batch is far below
	// PutEvents' limit of 256 KB for the whole call.
	MaxEntry = 16 << 10
	// Attempts bounds how often an event is put; between two of them passes a
	// random time of up to Backoff, doubled each time.
	Attempts = 5
	// Backoff is the longest first wait between two attempts.
	Backoff = 200 * time.Millisecond
	// CallTimeout bounds one call.
	CallTimeout = 3 * time.Second
)

// Client is the one call of EventBridge that is needed.
type Client interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Bus is one event bus. It is safe for concurrent use.
type Bus struct {
	client Client
	name   string
}

// New is the bus of that name or ARN.
func New(client Client, name string) *Bus { return &Bus{client, name} }

// Outcome is what became of one event: its id on the bus, or an error. With an
// error the event may be on the bus nevertheless (the answer was lost); whoever
// reads the bus has to stand duplicates anyway.
type Outcome struct {
	EventID string
	Err     error // of the contract's types
}

// Put puts the events, ten a call, and again those that failed, until all are
// there, Attempts are used up or ctx ends. The outcomes are in the events' order.
func (b *Bus) Put(ctx context.Context, events []contract.Event) []Outcome {
	outcomes := make([]Outcome, len(events))
	entries := make([]types.PutEventsRequestEntry, len(events))
	var open []int
	for i, e := range events {
		entry, err := b.entry(e)
		if err != nil {
			outcomes[i].Err = err
			continue
		}
		entries[i] = entry
		open = append(open, i)
	}
	for attempt := 0; len(open) > 0; attempt++ {
		if attempt == Attempts || attempt > 0 && !wait(ctx, Backoff<<(attempt-1)) {
			return outcomes
		}
		var failed []int
		for batch := range slices.Chunk(open, MaxBatch) {
			failed = append(failed, b.call(ctx, batch, entries, outcomes)...)
		}
		open = failed
	}
	return outcomes
}

// call puts one batch, writes what became of it to outcomes, and returns which
// of it to put again.
func (b *Bus) call(ctx context.Context, batch []int, entries []types.PutEventsRequestEntry, outcomes []Outcome) (again []int) {
	ctx, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	in := &eventbridge.PutEventsInput{}
	for _, i := range batch {
		in.Entries = append(in.Entries, entries[i])
	}
	// Put counts the attempts; the SDK's own would multiply them.
	out, err := b.client.PutEvents(ctx, in, func(o *eventbridge.Options) { o.Retryer = aws.NopRetryer{} })
	if err != nil {
		err = awserr.Sort(err, "putting events on the bus "+b.name)
		_, hopeless := errors.AsType[*contract.Misconfigured](err)
		for _, i := range batch {
			outcomes[i] = Outcome{Err: err}
		}
		if hopeless {
			return nil
		}
		return batch
	}
	for n, i := range batch {
		switch {
		case n >= len(out.Entries):
			outcomes[i] = Outcome{Err: contract.TransientF(contract.Unavailable, "the bus %s did not answer for the event", b.name)}
		case aws.ToString(out.Entries[n].EventId) == "":
			outcomes[i] = Outcome{Err: contract.TransientF(contract.Unavailable, "the bus %s refused the event: %.100s: %.200s",
				b.name, aws.ToString(out.Entries[n].ErrorCode), aws.ToString(out.Entries[n].ErrorMessage))}
		default:
			outcomes[i] = Outcome{EventID: *out.Entries[n].EventId}
			continue
		}
		again = append(again, i)
	}
	return again
}

func (b *Bus) entry(e contract.Event) (types.PutEventsRequestEntry, error) {
	detail, err := json.Marshal(e)
	if err == nil && len(detail) > MaxEntry {
		err = fmt.Errorf("%d bytes, want at most %d", len(detail), MaxEntry)
	}
	if err != nil {
		return types.PutEventsRequestEntry{}, contract.MisconfiguredF(contract.BadInput, "encoding the event: %v", err)
	}
	return types.PutEventsRequestEntry{
		EventBusName: &b.name,
		Source:       aws.String(contract.Source),
		DetailType:   aws.String(contract.DetailTypeSiteOffline),
		Detail:       aws.String(string(detail)),
		Time:         &e.ReceivedAt,
	}, nil
}

// wait sleeps a random part of longest (full jitter). It is false when there is
// no time left for that.
func wait(ctx context.Context, longest time.Duration) bool {
	timer := time.NewTimer(rand.N(longest)) //nolint:gosec // jitter, not a secret
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
