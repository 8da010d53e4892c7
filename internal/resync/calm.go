package resync

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/contract"
)

// calm asks whether a report is being handled, a fence is at work or another
// restore was first. Of two restores that see each other the one that was started
// first goes on, so that not both give up.
func (h Handler) calm(ctx context.Context, r run) (string, error) {
	for _, machine := range []struct{ what, arn string }{{"guard", h.Machines.Guard}, {"fence", h.Machines.Fence}} {
		running, err := h.running(ctx, machine.arn, machine.what)
		if err != nil {
			return "", err
		}
		if len(running) > 0 {
			return "", contract.RefusedF(contract.BeingHandled,
				"execution %.100q of the %s machine is running; wait for its end and look what it did", aws.ToString(running[0].Name), machine.what)
		}
	}
	restores, err := h.running(ctx, h.Machines.Restore, "restore")
	if err != nil {
		return "", err
	}
	var mine *types.ExecutionListItem
	for i, e := range restores {
		if aws.ToString(e.Name) == r.Execution {
			mine = &restores[i]
		}
	}
	if mine == nil {
		return "", contract.TransientF(contract.NotProven, "%s is not among the running restores yet, so it cannot be told whether another one was first", r.Execution)
	}
	for _, e := range restores {
		if before(e, *mine) {
			return "", contract.RefusedF(contract.BeingHandled, "execution %.100q of the restore machine was started before and is running; follow that one, or stop it and run sitefence restore --abort", aws.ToString(e.Name))
		}
	}
	return "no guard, fence or earlier restore is running", nil
}

func before(e, mine types.ExecutionListItem) bool {
	name, started := aws.ToString(e.Name), aws.ToTime(e.StartDate)
	if name == aws.ToString(mine.Name) {
		return false
	}
	if other := aws.ToTime(mine.StartDate); !started.Equal(other) {
		return started.Before(other)
	}
	return name < aws.ToString(mine.Name)
}

// running lists a machine's running executions.
func (h Handler) running(ctx context.Context, machine, what string) ([]types.ExecutionListItem, error) {
	out, err := h.Executions.ListExecutions(ctx, &sfn.ListExecutionsInput{
		StateMachineArn: &machine, StatusFilter: types.ExecutionStatusRunning, MaxResults: 1000})
	what = "listing the " + what + " machine's running executions"
	if err != nil {
		return nil, awserr.Sort(err, what)
	}
	if out.Executions == nil || out.NextToken != nil {
		return nil, contract.TransientF(contract.Unavailable, "%s: the answer is not as expected: it has no list, or more than 1000", what)
	}
	return out.Executions, nil
}
