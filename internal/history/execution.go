// Package history reads what the machines have done, from Step Functions alone:
// executions with what went in and came out of them, the states they went
// through, and which executions belong to one incident. It changes nothing, and
// an execution that is malformed or somebody else's never hides the others.
package history

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// Client are the calls of Step Functions that are needed.
type Client interface {
	DescribeExecution(context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error)
	GetExecutionHistory(context.Context, *sfn.GetExecutionHistoryInput, ...func(*sfn.Options)) (*sfn.GetExecutionHistoryOutput, error)
	ListExecutions(context.Context, *sfn.ListExecutionsInput, ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error)
}

// Execution is one execution as Step Functions describes it.
type Execution struct {
	ARN, Machine, Name string // Machine is an ARN
	Status             types.ExecutionStatus
	Started, Stopped   time.Time // Stopped is zero while it runs
	Input, Output      string    // JSON, as somebody or the machine wrote it
	Error, Cause       string
}

// Closed reports whether the execution has ended.
func (e Execution) Closed() bool {
	return e.Status != types.ExecutionStatusRunning && e.Status != types.ExecutionStatusPendingRedrive
}

// Describe reads one execution.
func Describe(ctx context.Context, client Client, arn string) (Execution, error) {
	out, err := client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		return Execution{}, fmt.Errorf("reading the execution %s: %w", arn, err)
	}
	return Execution{
		ARN: arn, Machine: aws.ToString(out.StateMachineArn), Name: aws.ToString(out.Name), Status: out.Status,
		Started: aws.ToTime(out.StartDate), Stopped: aws.ToTime(out.StopDate),
		Input: aws.ToString(out.Input), Output: aws.ToString(out.Output),
		Error: aws.ToString(out.Error), Cause: aws.ToString(out.Cause),
	}, nil
}

// IsARN reports whether s is an execution's ARN.
func IsARN(s string) bool {
	return strings.HasPrefix(s, "arn:") && strings.Contains(s, ":execution:")
}

// MachineOf is the ARN of the machine that an execution's ARN belongs to, "" for
// an ARN of something else.
func MachineOf(arn string) string {
	i := strings.LastIndexByte(arn, ':')
	if !IsARN(arn) || i < 0 {
		return ""
	}
	return strings.Replace(arn[:i], ":execution:", ":stateMachine:", 1)
}

// ARN is the ARN of a machine's execution of that name.
func ARN(machine, name string) string {
	return strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":" + name
}
