package history

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// EventKind is what an event says.
type EventKind string

// The kinds of events. All others that Step Functions has are left out.
const (
	Entered EventKind = "entered" // a state was entered
	Left    EventKind = "left"    // a state was left, with its output
	Failed  EventKind = "failed"  // a try of a state's task failed; it may be tried again
)

// Event is one thing that happened in an execution.
type Event struct {
	Execution    string // ARN
	ID           int64  // grows within an execution
	At           time.Time
	Kind         EventKind
	State        string // also of Failed: the state whose task it was
	Output       string // of Left, JSON
	Error, Cause string // of Failed
}

const (
	// A page is small for who asks every second, and an execution's history has at
	// most 25,000 events (Step Functions' quota).
	pageOfEvents = 200
	mostPages    = 25_000/pageOfEvents + 1
)

// Events reads what happened in an execution after the event of that id (0: all),
// in order. It reads from the newest backwards, so that who follows a long
// execution asks for what is new only.
func Events(ctx context.Context, client Client, arn string, after int64) ([]Event, error) {
	var raw []types.HistoryEvent
	in := &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, ReverseOrder: true, MaxResults: pageOfEvents, IncludeExecutionData: aws.Bool(true)}
	for range mostPages {
		page, err := client.GetExecutionHistory(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("reading the history of %s: %w", arn, err)
		}
		raw = append(raw, page.Events...)
		oldest := len(page.Events) > 0 && page.Events[len(page.Events)-1].Id <= after+1
		if aws.ToString(page.NextToken) == "" || oldest {
			break
		}
		in.NextToken = page.NextToken
	}
	slices.SortStableFunc(raw, func(a, b types.HistoryEvent) int { return int(a.Id - b.Id) })
	return events(arn, raw, after), nil
}

func events(arn string, raw []types.HistoryEvent, after int64) (all []Event) {
	state := ""
	for _, r := range raw {
		e := Event{Execution: arn, ID: r.Id, At: aws.ToTime(r.Timestamp), State: state}
		switch {
		case r.StateEnteredEventDetails != nil:
			e.Kind, e.State = Entered, aws.ToString(r.StateEnteredEventDetails.Name)
			state = e.State
		case r.StateExitedEventDetails != nil:
			e.Kind, e.State = Left, aws.ToString(r.StateExitedEventDetails.Name)
			e.Output = aws.ToString(r.StateExitedEventDetails.Output)
		default:
			d := failure(r)
			if d == nil {
				continue
			}
			e.Kind, e.Error, e.Cause = Failed, aws.ToString(d.Error), aws.ToString(d.Cause)
		}
		if r.Id > after {
			all = append(all, e)
		}
	}
	return all
}

// failure is what a task's try failed with.
func failure(r types.HistoryEvent) *types.TaskFailedEventDetails {
	switch {
	case r.TaskFailedEventDetails != nil:
		return r.TaskFailedEventDetails
	case r.TaskTimedOutEventDetails != nil:
		return &types.TaskFailedEventDetails{Error: r.TaskTimedOutEventDetails.Error, Cause: r.TaskTimedOutEventDetails.Cause}
	case r.TaskStartFailedEventDetails != nil:
		return &types.TaskFailedEventDetails{Error: r.TaskStartFailedEventDetails.Error, Cause: r.TaskStartFailedEventDetails.Cause}
	case r.TaskSubmitFailedEventDetails != nil:
		return &types.TaskFailedEventDetails{Error: r.TaskSubmitFailedEventDetails.Error, Cause: r.TaskSubmitFailedEventDetails.Cause}
	}
	return nil
}
