// Package generation enforces "newest only": a step of a fence execution acts
// only while no execution of a higher generation exists. The generation is the
// number in the execution's name, so the name is a fencing token: an old fence
// that is redriven days later cannot undo what was done since.
package generation

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// pageSize is the most that ListExecutions answers at once, and maxPages bounds
// the search for a well-formed name: executions started by hand under other
// names stand in the list too.
const (
	pageSize = 1000
	maxPages = 10
)

// Guard asks whether an execution is the newest of the fence machine. It is
// safe for concurrent use.
type Guard struct {
	Executions sfn.ListExecutionsAPIClient
	Machine    string // the fence machine's ARN
}

// FromEnvironment is the guard of the function that runs here, whose environment
// names the fence machine. The SDK retries its reads.
func FromEnvironment(cfg aws.Config) (Guard, error) {
	machine := os.Getenv(config.EnvFenceMachine)
	if machine == "" {
		return Guard{}, fmt.Errorf("environment variable %s: got nothing, want the fence machine's ARN", config.EnvFenceMachine)
	}
	return Guard{Executions: sfn.NewFromConfig(cfg), Machine: machine}, nil
}

// Newest returns nil when no higher generation than the execution's exists, and
// Refused when one does.
func (g Guard) Newest(ctx context.Context, execution string) error {
	mine, ok := contract.ParseGeneration(execution)
	if !ok {
		return contract.MisconfiguredF(contract.BadInput, "execution: got %.60q, want fence-<n>", execution)
	}
	latest, err := g.Latest(ctx)
	if err != nil {
		return err
	}
	if latest.Generation > mine {
		return contract.RefusedF(contract.Superseded,
			"superseded by %s; replay the guard execution instead (New execution, same input)", latest.Generation)
	}
	return nil
}

// Latest is the highest generation of all, 0 if there is none, and whether its
// execution is running.
type Latest struct {
	Generation contract.Generation
	Running    bool
}

// Latest reads the highest generation. The list is eventually consistent and
// newest first; generations grow with time, so the first page with a well-formed
// name holds the highest one.
func (g Guard) Latest(ctx context.Context) (Latest, error) {
	pages := sfn.NewListExecutionsPaginator(g.Executions,
		&sfn.ListExecutionsInput{StateMachineArn: &g.Machine, MaxResults: pageSize})
	for n := 0; pages.HasMorePages() && n < maxPages; n++ {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return Latest{}, awserr.Sort(err, "listing the fence machine's executions")
		}
		// What is missing in the answer must not read as an execution that is not there.
		nameless := func(e types.ExecutionListItem) bool { return aws.ToString(e.Name) == "" }
		if page.Executions == nil || slices.ContainsFunc(page.Executions, nameless) {
			return Latest{}, contract.TransientF(contract.Unavailable,
				"listing the fence machine's executions: the answer is not as expected: it has no list, or an execution has no name")
		}
		var latest Latest
		for _, e := range page.Executions {
			if gen, ok := contract.ParseGeneration(aws.ToString(e.Name)); ok && gen > latest.Generation {
				latest = Latest{gen, e.Status == types.ExecutionStatusRunning}
			}
		}
		if latest.Generation > 0 {
			return latest, nil
		}
	}
	if pages.HasMorePages() {
		return Latest{}, contract.TransientF(contract.NotProven,
			"no fence-<n> is among the newest %d executions, so it cannot be told which is the newest", maxPages*pageSize)
	}
	return Latest{}, nil
}
