package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// Execution is what became of one execution of a machine.
type Execution struct {
	ARN, Name, Status string
	Input, Output     string // JSON
	Error, Cause      string
	Started           time.Time
}

// Closed reports whether the execution has ended.
func (e Execution) Closed() bool { return e.Status != string(types.ExecutionStatusRunning) }

// Outcome is the `outcome` of a succeeded execution's output, or the error of
// one that failed.
func (e Execution) Outcome() string {
	if e.Error != "" {
		return e.Error
	}
	var out struct{ Outcome string }
	_ = json.Unmarshal([]byte(e.Output), &out)
	return out.Outcome
}

// Reason is the `reason` of a succeeded execution's output.
func (e Execution) Reason() string {
	var out struct{ Reason string }
	_ = json.Unmarshal([]byte(e.Output), &out)
	return out.Reason
}

// Executions lists a machine's executions, newest first.
func (s *Stack) Executions(ctx context.Context, machine string) ([]Execution, error) {
	var all []Execution
	pages := sfn.NewListExecutionsPaginator(s.States(), &sfn.ListExecutionsInput{StateMachineArn: &machine})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing executions of %s: %w", machine, err)
		}
		for _, e := range page.Executions {
			all = append(all, Execution{ARN: aws.ToString(e.ExecutionArn), Name: aws.ToString(e.Name),
				Status: string(e.Status), Started: aws.ToTime(e.StartDate)})
		}
	}
	return all, nil
}

// Describe reads one execution.
func (s *Stack) Describe(ctx context.Context, arn string) (Execution, error) {
	out, err := s.States().DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		return Execution{}, fmt.Errorf("describing %s: %w", arn, err)
	}
	return Execution{ARN: arn, Name: aws.ToString(out.Name), Status: string(out.Status), Input: aws.ToString(out.Input),
		Output: aws.ToString(out.Output), Error: aws.ToString(out.Error), Cause: aws.ToString(out.Cause),
		Started: aws.ToTime(out.StartDate)}, nil
}

// Wait polls until the execution has ended or ctx has.
func (s *Stack) Wait(ctx context.Context, arn string) (Execution, error) {
	for {
		e, err := s.Describe(ctx, arn)
		if err != nil || e.Closed() {
			return e, err
		}
		select {
		case <-ctx.Done():
			states, _ := s.Trace(context.WithoutCancel(ctx), arn)
			return e, fmt.Errorf("waiting for the end of %s: %w; it went through %v", arn, ctx.Err(), states)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// WaitAll waits until the machine has at least n executions and all have ended.
func (s *Stack) WaitAll(ctx context.Context, machine string, n int) ([]Execution, error) {
	for {
		all, err := s.Executions(ctx, machine)
		if err != nil {
			return nil, err
		}
		done := 0
		for _, e := range all {
			if e.Closed() {
				done++
			}
		}
		if len(all) >= n && done == len(all) {
			for i := range all {
				if all[i], err = s.Describe(ctx, all[i].ARN); err != nil {
					return nil, err
				}
			}
			return all, nil
		}
		select {
		case <-ctx.Done():
			return all, fmt.Errorf("waiting for %d ended executions of %s: %w; there are %d, %d ended", n, machine, ctx.Err(), len(all), done)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Step is one state that an execution entered.
type Step struct {
	State string
	At    time.Time
}

// Trace lists the states that an execution went through, in order.
func (s *Stack) Trace(ctx context.Context, arn string) ([]Step, error) {
	var steps []Step
	pages := sfn.NewGetExecutionHistoryPaginator(s.States(), &sfn.GetExecutionHistoryInput{ExecutionArn: &arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the history of %s: %w", arn, err)
		}
		for _, e := range page.Events {
			if e.StateEnteredEventDetails != nil {
				steps = append(steps, Step{aws.ToString(e.StateEnteredEventDetails.Name), aws.ToTime(e.Timestamp)})
			}
		}
	}
	return steps, nil
}

// StartExecution starts a machine by hand, as an operator does in the console.
// An empty name lets the service choose.
func (s *Stack) StartExecution(ctx context.Context, machine, name string, input any) (string, error) {
	data, err := json.Marshal(input)
	if err != nil {
		return "", fmt.Errorf("encoding the input: %w", err)
	}
	in := &sfn.StartExecutionInput{StateMachineArn: &machine, Input: aws.String(string(data))}
	if name != "" {
		in.Name = &name
	}
	out, err := s.States().StartExecution(ctx, in)
	if err != nil {
		return "", fmt.Errorf("starting %s: %w", machine, err)
	}
	return aws.ToString(out.ExecutionArn), nil
}

// HistoryText is an execution's whole history as JSON, for tests that look for
// what must not be in it.
func (s *Stack) HistoryText(ctx context.Context, arn string) (string, error) {
	var text []byte
	pages := sfn.NewGetExecutionHistoryPaginator(s.States(), &sfn.GetExecutionHistoryInput{ExecutionArn: &arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", fmt.Errorf("reading the history of %s: %w", arn, err)
		}
		data, err := json.Marshal(page.Events)
		if err != nil {
			return "", err
		}
		text = append(text, data...)
	}
	return string(text), nil
}
