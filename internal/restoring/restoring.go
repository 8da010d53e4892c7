// Package restoring plans how a fenced site is brought back, and starts the
// machine that does it: under which name, from which record, and whether what
// happened since allows it. It never writes Infinispan or the accelerator itself,
// and starts nothing while another restore runs.
package restoring

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/history"
)

// Client are the calls of Step Functions that are needed.
type Client interface {
	history.Client
	StartExecution(context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
	StopExecution(context.Context, *sfn.StopExecutionInput, ...func(*sfn.Options)) (*sfn.StopExecutionOutput, error)
}

// Run is an execution as a list shows it.
type Run struct {
	ARN, Name string
	Status    types.ExecutionStatus
	Started   time.Time
}

// mostPages bounds a list to 2,000 executions. Step Functions keeps them for 90
// days; twenty a day is no fence any more.
const mostPages = 20

// List lists a machine's executions, newest first.
func List(ctx context.Context, client Client, machine string) ([]Run, error) {
	var all []Run
	pages := sfn.NewListExecutionsPaginator(client, &sfn.ListExecutionsInput{StateMachineArn: &machine, MaxResults: 100})
	for n := 0; pages.HasMorePages() && n < mostPages; n++ {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing the executions of %s: %w", machine, err)
		}
		for _, e := range page.Executions {
			all = append(all, Run{aws.ToString(e.ExecutionArn), aws.ToString(e.Name), e.Status, aws.ToTime(e.StartDate)})
		}
	}
	slices.SortStableFunc(all, func(a, b Run) int { return b.Started.Compare(a.Started) })
	return all, nil
}

// Fences are the runs that have a generation, the highest first. Others, which
// the guard did not start, are left out.
func Fences(all []Run) []Run {
	var fences []Run
	for _, r := range all {
		if _, ok := contract.ParseGeneration(r.Name); ok {
			fences = append(fences, r)
		}
	}
	slices.SortStableFunc(fences, func(a, b Run) int { return cmp.Compare(generation(b.Name), generation(a.Name)) })
	return fences
}

func generation(name string) contract.Generation {
	g, _ := contract.ParseGeneration(name)
	return g
}

// Newest is the name of the highest generation, "" if there is none.
func Newest(fences []Run) string {
	if len(fences) == 0 {
		return ""
	}
	return fences[0].Name
}

var namePattern = regexp.MustCompile(`^restore-(0|[1-9][0-9]{0,8})-([1-9][0-9]{0,3})$`)

// Attempts are the runs of the restore machine that the command (or somebody who
// followed its rule) named, newest first.
func Attempts(all []Run) []Run {
	return slices.DeleteFunc(slices.Clone(all), func(r Run) bool { return !contract.ValidRestoreName(r.Name) })
}

const mostAttempts = 9999

// Name is the name of the next restore execution after the fence since: its
// generation, and an attempt that no restore of it has had. While another runs
// there is none.
func Name(since string, restores []Run) (string, error) {
	g := strconv.Itoa(int(generation(since)))
	attempt := 1
	for _, r := range restores {
		if !closed(r.Status) {
			return "", fmt.Errorf("%s is running: look at it with `sitefence restore --status`, or stop it with `sitefence restore --abort`", r.Name)
		}
		if m := namePattern.FindStringSubmatch(r.Name); m != nil && m[1] == g {
			n, _ := strconv.Atoi(m[2]) // four digits
			attempt = max(attempt, n+1)
		}
	}
	if attempt > mostAttempts {
		return "", fmt.Errorf("restore-%s has had %d attempts: start one by hand under a name of the next generation", g, mostAttempts)
	}
	return "restore-" + g + "-" + strconv.Itoa(attempt), nil
}

func closed(s types.ExecutionStatus) bool { return history.Execution{Status: s}.Closed() }

// ErrTaken is when somebody else started a restore under the same name meanwhile.
var ErrTaken = errors.New("somebody else started a restore meanwhile: look at it with `sitefence restore --status`")

// Start starts the restore machine and returns the execution's ARN. To start the
// same twice is to start it once.
func Start(ctx context.Context, client Client, machine, name string, in contract.RestoreInput) (string, error) {
	input, err := json.Marshal(in)
	if err != nil {
		return "", fmt.Errorf("encoding the input: %w", err)
	}
	out, err := client.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &machine, Name: &name, Input: aws.String(string(input))})
	if awserr.Code(err) == "ExecutionAlreadyExists" {
		return "", fmt.Errorf("starting %s: %w", name, ErrTaken)
	}
	if err != nil {
		return "", fmt.Errorf("starting %s: %w", name, err)
	}
	return aws.ToString(out.ExecutionArn), nil
}
