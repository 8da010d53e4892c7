package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/contract"
)

// Machines are the machines of one deployment, by ARN. One that is empty has no
// executions.
type Machines struct {
	Deployment            string
	Guard, Fence, Restore string
}

// Query bounds a list.
type Query struct {
	Limit int       // rows, at least 1
	Since time.Time // of an execution's beginning; zero: whatever there is
	Now   time.Time // what runs has taken until then
	// Running is for what has not ended only.
	Running bool
}

// atOnce bounds the reads side by side: Step Functions refills 15 descriptions
// and 20 histories a second (service quotas).
const atOnce = 8

// Row is one incident (a guard execution with its fence), or one step of a restore.
type Row struct {
	When       time.Time          `json:"when"`
	Deployment string             `json:"deployment"`
	Kind       Kind               `json:"kind"`
	Reporter   contract.Site      `json:"reporter,omitempty"` // of a restore: the survivor
	Site       contract.Site      `json:"site,omitempty"`
	Reason     contract.Reason    `json:"reason,omitempty"`
	DryRun     bool               `json:"dryRun,omitempty"`
	Forced     bool               `json:"forced,omitempty"`
	Operation  contract.Operation `json:"operation,omitempty"`
	Phase      contract.Phase     `json:"phase,omitempty"` // of a restore
	Order      *contract.Order    `json:"order,omitempty"`
	State      string             `json:"state,omitempty"` // where it is, while it runs
	Seconds    float64            `json:"seconds"`         // from its beginning to its end, or until now
	Steps      []Total            `json:"steps"`
	Guard      string             `json:"guard,omitempty"`   // ARN
	Fence      string             `json:"fence,omitempty"`   // ARN
	Restore    string             `json:"restore,omitempty"` // ARN
	Error      string             `json:"error,omitempty"`
	Cause      string             `json:"cause,omitempty"`
	Problem    string             `json:"problem,omitempty"` // what could not be read

	incident Incident
	restore  *Execution
}

// List reads the newest incidents and restores of a deployment, newest first. A
// row of which a part cannot be read has a Problem; only when a machine's
// executions cannot be listed at all it is an error, and even then the rows of
// the other machines are returned.
func List(ctx context.Context, client Client, m Machines, q Query) ([]Row, error) {
	guards, fences, restores, err := lists(ctx, client, m, q)
	rows := join(guards, fences, restores)
	for i := range rows {
		rows[i].Deployment = m.Deployment
	}
	sortRows(rows)
	rows = rows[:min(len(rows), max(q.Limit, 1))]
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range rows {
		group.Go(func() error {
			rows[i].fill(ctx, client, q.Now)
			return nil
		})
	}
	_ = group.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	sortRows(rows)
	return rows, err
}

func sortRows(rows []Row) {
	slices.SortStableFunc(rows, func(a, b Row) int { return b.When.Compare(a.When) })
}

// lists reads the executions of the three machines side by side.
func lists(ctx context.Context, client Client, m Machines, q Query) (guards, fences, restores []*Execution, err error) {
	machines := []string{m.Guard, m.Fence, m.Restore}
	found := make([][]*Execution, len(machines))
	problems := make([]error, len(machines))
	var group errgroup.Group
	for i, machine := range machines {
		if machine == "" {
			continue
		}
		group.Go(func() error {
			found[i], problems[i] = list(ctx, client, machine, q)
			return nil
		})
	}
	_ = group.Wait()
	return found[0], found[1], found[2], errors.Join(problems...)
}

// list reads a machine's newest executions with their inputs and outputs.
func list(ctx context.Context, client Client, machine string, q Query) ([]*Execution, error) {
	var all []*Execution
	limit := max(q.Limit, 1)
	in := &sfn.ListExecutionsInput{StateMachineArn: &machine, MaxResults: int32(min(limit, 1000))} //nolint:gosec // at most 1000
	if q.Running {
		in.StatusFilter = types.ExecutionStatusRunning
	}
	for {
		page, err := client.ListExecutions(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("listing the executions of %s: %w", machine, err)
		}
		for _, item := range page.Executions {
			if len(all) == limit || aws.ToTime(item.StartDate).Before(q.Since) {
				return described(ctx, client, all), nil
			}
			all = append(all, listed(machine, item))
		}
		if in.NextToken = page.NextToken; aws.ToString(in.NextToken) == "" {
			return described(ctx, client, all), nil
		}
	}
}

func listed(machine string, item types.ExecutionListItem) *Execution {
	return &Execution{ARN: aws.ToString(item.ExecutionArn), Machine: machine, Name: aws.ToString(item.Name),
		Status: item.Status, Started: aws.ToTime(item.StartDate), Stopped: aws.ToTime(item.StopDate)}
}

// described reads the inputs and outputs. What cannot be read stays as the list
// has it.
func described(ctx context.Context, client Client, all []*Execution) []*Execution {
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, e := range all {
		group.Go(func() error {
			if whole, err := Describe(ctx, client, e.ARN); err == nil {
				*e = whole
			}
			return nil
		})
	}
	_ = group.Wait()
	return all
}

// join makes one row of a guard execution and its fence.
func join(guards, fences, restores []*Execution) []Row {
	var rows []Row
	taken := map[*Execution]bool{}
	for _, g := range guards {
		f := fenceOf(g, fences)
		taken[f] = true
		rows = append(rows, Row{When: g.Started, Guard: g.ARN, incident: Incident{Guard: g, Fence: f}})
	}
	for _, f := range fences {
		if !taken[f] {
			rows = append(rows, Row{When: f.Started, incident: Incident{Fence: f}})
		}
	}
	for _, r := range restores {
		rows = append(rows, Row{When: r.Started, restore: r})
	}
	return rows
}

// fenceOf is the fence that the guard says it started; of a guard that ended
// before it could say so, the one that names it.
func fenceOf(g *Execution, fences []*Execution) *Execution {
	said := g.Out().Fence
	for _, f := range fences {
		if f.ARN == said || said == "" && f.In().Guard == g.ARN {
			return f
		}
	}
	return nil
}

// fill completes a row: the part of an incident that the lists do not have, and
// the seconds by step.
func (r *Row) fill(ctx context.Context, client Client, now time.Time) {
	if r.restore != nil {
		r.Restore = r.restore.ARN
		r.finish(ctx, client, now, r.restore.Kind(), map[string]*Execution{"restore": r.restore})
		return
	}
	i := &r.incident
	if err := Complete(ctx, client, i); err != nil {
		r.Problem = err.Error()
	}
	if i.Guard != nil {
		r.When, r.Guard = i.Guard.Started, i.Guard.ARN
	}
	if i.Fence != nil {
		r.Fence = i.Fence.ARN
	}
	r.finish(ctx, client, now, i.Kind(), map[string]*Execution{"guard": i.Guard, "fence": i.Fence})
}

// Complete reads the guard of a fence, or the fence of a guard, which is missing.
func Complete(ctx context.Context, client Client, i *Incident) error {
	if i.Guard == nil && i.Fence != nil {
		arn := i.Fence.In().Guard
		if !IsARN(arn) {
			return nil // started by hand
		}
		g, err := Describe(ctx, client, arn)
		if err != nil {
			return err
		}
		i.Guard = &g
		return nil
	}
	if i.Guard != nil && i.Fence == nil {
		arn := i.Guard.Out().Fence
		if !IsARN(arn) {
			return nil
		}
		f, err := Describe(ctx, client, arn)
		if err != nil {
			return err
		}
		i.Fence = &f
	}
	return nil
}

// finish takes over what the executions say.
func (r *Row) finish(ctx context.Context, client Client, now time.Time, kind Kind, parts map[string]*Execution) {
	r.Kind, r.Steps = kind, []Total{}
	end := now
	for _, machine := range []string{"guard", "fence", "restore"} {
		e := parts[machine]
		if e == nil {
			continue
		}
		events, err := Events(ctx, client, e.ARN, 0)
		if err != nil && r.Problem == "" {
			r.Problem = err.Error()
		}
		steps := Steps(*e, events)
		r.Steps = append(r.Steps, totals(machine, steps, now)...)
		r.take(*e, steps)
		if end = now; e.Closed() {
			end = e.Stopped
		}
	}
	if kind == Running && IsWait(r.State) {
		r.Kind = Waiting
	}
	r.Seconds = max(0, rounded(end.Sub(r.When).Seconds()))
}

func (r *Row) take(e Execution, steps []Step) {
	in := e.In()
	r.Reporter, r.Site = in.Reporter, in.Site
	r.DryRun, r.Forced, r.Operation, r.Phase, r.Order = in.DryRun, in.Forced, in.Operation, in.Phase, in.Order
	if reason := ReasonOf(e, steps); reason != "" {
		r.Reason = reason
	}
	r.State, r.Error, r.Cause = "", e.Error, e.Cause
	if !e.Closed() && len(steps) > 0 {
		r.State = steps[len(steps)-1].State
	}
	if e.Closed() && e.Status != types.ExecutionStatusFailed && e.Status != types.ExecutionStatusSucceeded {
		r.Error = strings.ToLower(strings.ReplaceAll(string(e.Status), "_", "-")) // timed-out, aborted
	}
}

// IsWait reports whether a state is one of the machines' Wait states, by its name.
func IsWait(state string) bool {
	return strings.HasPrefix(state, "Wait") || state == "YieldToPreferred" || state == "Settle"
}
