package history

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/sitefence/sitefence/internal/contract"
)

// lookedAt bounds the search for the last fence: drills and rejoins have numbers too.
const lookedAt = 50

// LastFence is the newest fence that has ended and changed something or may have;
// nil if there is none among the newest 50 executions.
func LastFence(ctx context.Context, client Client, m Machines, now time.Time) (*Row, error) {
	if m.Fence == "" {
		return nil, nil
	}
	page, err := client.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &m.Fence, MaxResults: lookedAt})
	if err != nil {
		return nil, fmt.Errorf("listing the executions of %s: %w", m.Fence, err)
	}
	for _, item := range page.Executions {
		f, err := Describe(ctx, client, aws.ToString(item.ExecutionArn))
		if err != nil {
			return nil, err
		}
		if !f.isFence() {
			continue
		}
		r := Row{When: f.Started, Deployment: m.Deployment, incident: Incident{Fence: &f}}
		r.fill(ctx, client, now)
		return &r, nil
	}
	return nil, nil
}

// isFence leaves out what did not begin to fence: drills, rejoins, what was
// ignored, undecided or started by hand.
func (e Execution) isFence() bool {
	in, kind := e.In(), e.Kind()
	if in.DryRun || in.Operation == contract.OperationRejoin || e.Error == "NotStartedByGuard" {
		return false
	}
	if kind == KindFailed && strings.HasPrefix(e.Cause, "Nothing was changed") {
		return false
	}
	return kind == Fenced || kind == KindFailed
}

// Name is the name of the execution that decides how the row ended.
func (r Row) Name() string {
	for _, arn := range []string{r.Fence, r.Restore, r.Guard} {
		if arn != "" {
			return NameOf(arn)
		}
	}
	return ""
}

// NameOf is an execution's name by its ARN.
func NameOf(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

// RejoinAfter is the execution that put the site of a fence back: the first rejoin
// of it with a higher generation, nil if there is none among the newest 50.
func RejoinAfter(ctx context.Context, client Client, fence Execution) (*Execution, error) {
	own, ok := contract.ParseGeneration(fence.Name)
	if !ok {
		return nil, nil
	}
	page, err := client.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &fence.Machine, MaxResults: lookedAt})
	if err != nil {
		return nil, fmt.Errorf("listing the executions of %s: %w", fence.Machine, err)
	}
	for _, item := range slices.Backward(page.Executions) {
		n, ok := contract.ParseGeneration(aws.ToString(item.Name))
		if !ok || n <= own {
			continue
		}
		e, err := Describe(ctx, client, aws.ToString(item.ExecutionArn))
		if err != nil {
			return nil, err
		}
		in := e.In()
		switch {
		case in.Site != fence.In().Site:
		case in.Operation == contract.OperationRejoin && e.Kind() == Rejoined:
			return &e, nil
		case e.Kind() == Fenced:
			return nil, nil // it was fenced again: what comes later belongs to that
		}
	}
	return nil, nil
}
