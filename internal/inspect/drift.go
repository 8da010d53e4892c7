package inspect

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/drift"
	"github.com/sitefence/sitefence/internal/metric"
)

// Rules is the part of the EventBridge API that is read.
type Rules interface {
	DescribeRule(context.Context, *eventbridge.DescribeRuleInput, ...func(*eventbridge.Options)) (*eventbridge.DescribeRuleOutput, error)
}

func (h Handler) readRule(ctx context.Context, state *contract.RuleState) {
	out, err := h.Rules.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &state.Name, EventBusName: &h.Bus})
	switch {
	case err != nil:
		state.Problem = contract.ProblemOf(awserr.Sort(err, "describing the rule "+state.Name))
	case out.State == "":
		state.Problem = contract.ProblemOf(contract.TransientF(contract.Unavailable, "describing the rule %s: the answer is not as expected: it has no state", state.Name))
	default:
		state.State = string(out.State)
	}
}

// readRunning lists what runs of the machines that change something. One page is
// enough: that anything runs is all that matters.
func (h Handler) readRunning(ctx context.Context, found *contract.Inspection) {
	var problems []error
	for _, machine := range slices.Sorted(maps.Keys(h.Acting)) {
		arn := h.Acting[machine]
		out, err := h.Executions.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &arn, StatusFilter: types.ExecutionStatusRunning})
		if err != nil {
			problems = append(problems, awserr.Sort(err, "listing what runs of the "+machine))
			continue
		}
		for _, e := range out.Executions {
			found.Running = append(found.Running, contract.Execution{Machine: machine, Name: aws.ToString(e.Name)})
		}
	}
	found.RunningProblem = contract.ProblemOf(errors.Join(problems...))
}

// count says what a check of the schedule found, once, with the evidence in the
// line that carries the metric. A person who inspects counts nothing: the alarms
// count checks.
func (h Handler) count(ctx context.Context, found contract.Inspection) {
	log := h.Log.With("deployment", h.Deployment.Name, "running", found.Running)
	if found.Pause != nil {
		log = log.With("pause", found.Pause)
	}
	drifted, oneLeft := drift.Split(found.Drift)
	if n := len(drifted); n > 0 {
		metric.Count(ctx, log.With("findings", drifted), lambdacontext.FunctionName, metric.Drift, uint64(n), "drift: the world is not as the last fence or restore left it")
	}
	if len(oneLeft) > 0 {
		metric.Count(ctx, log.With("findings", oneLeft), lambdacontext.FunctionName, metric.OneSiteLeft, 1, "one site is left")
	}
	if len(found.Drift) == 0 {
		log.InfoContext(ctx, "no drift", "took", h.Now().Sub(found.InspectedAt).String())
	}
}
