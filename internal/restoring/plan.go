package restoring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/history"
)

// Wish is what the operator asks for.
type Wish struct {
	Deployment      string
	Accelerator     string
	Survivor, Site  contract.Site
	Order           contract.Order
	Endpoints       []contract.Endpoint
	KeycloakStopped bool
}

// Input is the restore machine's input for a wish.
func (w Wish) Input(phase contract.Phase, since string, now time.Time) (contract.RestoreInput, error) {
	now = now.UTC().Truncate(time.Millisecond)
	in := contract.RestoreInput{
		Event: contract.Event{
			Version: contract.Version, Deployment: w.Deployment, Accelerator: w.Accelerator, Reporter: w.Survivor, Site: w.Site,
			Alert: contract.Alert{StartsAt: now}, ReceivedAt: now, Operation: contract.OperationRejoin, Order: &w.Order, Endpoints: w.Endpoints,
		},
		Phase: phase, Since: since, KeycloakStopped: w.KeycloakStopped,
	}
	return in, in.Validate()
}

// Step is a restore execution that was, with what comes next.
type Step struct {
	Last  history.Execution
	Input contract.RestoreInput
}

// ErrFromTheStart is when what there is cannot be gone on with.
var ErrFromTheStart = errors.New("start again from the beginning: sitefence restore --site SITE")

// Continue is the input with which the restore goes on to rejoin, after the
// execution of that name ("": the newest). What came after that execution must
// have changed nothing that it rests on: no other synchronisation, no undoing, no
// fence. A rejoin that failed, and a rehearsal, are none of these.
func Continue(ctx context.Context, client Client, restores, fences []Run, name string, now time.Time) (contract.RestoreInput, error) {
	from := slices.IndexFunc(restores, func(r Run) bool { return name == "" || r.Name == name })
	if from < 0 {
		return contract.RestoreInput{}, fmt.Errorf("there is no restore %.60q to go on with: %w", name, ErrFromTheStart)
	}
	var in contract.RestoreInput
	for i := from; i >= 0; i-- {
		e, err := history.Describe(ctx, client, restores[i].ARN)
		if err != nil {
			return contract.RestoreInput{}, err
		}
		got := e.In().RestoreInput
		if i == from {
			in = got
		}
		if err := goesOn(e, got, i == from); err != nil {
			return contract.RestoreInput{}, err
		}
	}
	newest, err := harmless(ctx, client, fences, in.Since)
	if err != nil {
		return contract.RestoreInput{}, err
	}
	in.Phase, in.Since = contract.PhaseRejoin, newest
	in.ReceivedAt = now.UTC().Truncate(time.Millisecond)
	return in, in.Validate()
}

// goesOn reports whether a rejoin may come after this execution.
func goesOn(e history.Execution, in contract.RestoreInput, first bool) error {
	switch {
	case !e.Closed():
		return fmt.Errorf("%s is running: look at it with `sitefence restore --status`, or stop it with `sitefence restore --abort`", e.Name)
	case in.Phase == contract.PhaseRejoin, first && e.Kind() == history.InSync:
		return nil
	case first && in.Phase == contract.PhaseSync:
		return fmt.Errorf("%s did not end in sync (%s): %w", e.Name, e.Kind(), ErrFromTheStart)
	}
	return fmt.Errorf("%s (%s) came, so the sites may not be in sync: %w", e.Name, in.Phase, ErrFromTheStart)
}

// harmless is the name of the newest fence, if none after since has changed
// anything that a restore rests on.
func harmless(ctx context.Context, client Client, fences []Run, since string) (string, error) {
	for _, run := range fences {
		if generation(run.Name) <= generation(since) {
			break
		}
		e, err := history.Describe(ctx, client, run.ARN)
		if err != nil {
			return "", err
		}
		in := e.In()
		switch {
		case !e.Closed():
			return "", fmt.Errorf("%s is running: wait for its end (sitefence status --watch)", e.Name)
		case in.DryRun, in.Operation == contract.OperationRejoin && e.Kind() != history.Rejoined, e.Kind() == history.Ignored, e.Kind() == history.Paused:
		case in.Operation == contract.OperationRejoin:
			return "", fmt.Errorf("%s is back already: %s put it there", in.Site, e.Name)
		default:
			return "", fmt.Errorf("%s (%s) came after %s: %w", e.Name, e.Kind(), either(since, "the restore began"), ErrFromTheStart)
		}
	}
	return either(Newest(fences), since), nil
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Undo is the input that undoes what the restores have done so far, nil when
// there is nothing to undo. running is the execution to stop first, "" for none.
// It is asked for now, knowing of every fence there is, so it counts from the newest.
func Undo(ctx context.Context, client Client, guard string, restores, fences []Run, now time.Time) (in *contract.RestoreInput, running string, err error) {
	for i, run := range restores {
		e, err := history.Describe(ctx, client, run.ARN)
		if err != nil {
			return nil, "", err
		}
		got := e.In().RestoreInput
		needed, err := undoNeeded(ctx, client, guard, fences, e, got.Phase)
		if errors.Is(err, errNeverBegun) {
			continue // it says nothing of what was begun before it
		}
		if errors.Is(err, errBack) && i > 0 {
			return nil, "", nil // that ended well, and what came since never began
		}
		if err != nil || !needed {
			return nil, "", err
		}
		if !e.Closed() {
			running = e.ARN
		}
		got.Phase, got.Since = contract.PhaseUndo, either(Newest(fences), got.Since)
		got.ReceivedAt = now.UTC().Truncate(time.Millisecond)
		return &got, running, got.Validate()
	}
	return nil, "", nil
}

// RejoinName is the name of the guard execution that a restore execution asks for
// its turn.
func RejoinName(restore string) string { return "rejoin-" + strings.TrimPrefix(restore, "restore-") }

var (
	errNeverBegun = errors.New("it never began")
	errBack       = errors.New("which cannot be taken back: fence it if it is to go")
)

// undoNeeded reports whether an execution left something behind, or is about to. A
// sync that failed has undone itself, unless it failed in that, or was stopped
// before. Its error is errNeverBegun for one that has changed nothing.
func undoNeeded(ctx context.Context, client Client, guard string, fences []Run, e history.Execution, phase contract.Phase) (bool, error) {
	switch {
	case phase == contract.PhaseRejoin:
		return true, turnless(ctx, client, guard, fences, e)
	case !e.Closed() && phase == contract.PhaseUndo:
		return false, fmt.Errorf("%s undoes it already: look at it with `sitefence restore --status`", e.Name)
	case !e.Closed():
		return true, nil
	case e.Kind() == history.Undone:
		return false, nil
	case phase != contract.PhaseSync || e.Kind() == history.InSync:
		return true, nil
	}
	events, err := history.Events(ctx, client, e.ARN, 0)
	if err != nil {
		return false, err
	}
	entered := func(state string) bool {
		return slices.ContainsFunc(events, func(v history.Event) bool { return v.Kind == history.Entered && v.State == state })
	}
	if !entered("BeginSync") {
		return false, errNeverBegun
	}
	return !entered("Stopped"), nil
}

// turnless refuses when the rejoin that this restore asked for may be at work, or
// has put the site back: nothing may pull the replication away under it. The
// execution's last act starts the guard.
func turnless(ctx context.Context, client Client, guard string, fences []Run, e history.Execution) error {
	g, err := history.Describe(ctx, client, history.ARN(guard, RejoinName(e.Name)))
	if awserr.Code(err) == "ExecutionDoesNotExist" {
		return nil
	}
	if err != nil {
		return err
	}
	asked := func(e history.Execution) error {
		return fmt.Errorf("it has asked for its turn already (execution %s, %s), which cannot be taken back: see how it ends with `sitefence restore --status`", e.Name, e.Status)
	}
	arn := g.Out().Fence
	if !g.Closed() {
		return asked(g)
	}
	if !history.IsARN(arn) {
		// It ended without a turn, or did not hear that it got one.
		if i := slices.IndexFunc(fences, func(r Run) bool { return !closed(r.Status) }); i >= 0 {
			return fmt.Errorf("%s is running: wait for its end (sitefence status --watch)", fences[i].Name)
		}
		return nil
	}
	f, err := history.Describe(ctx, client, arn)
	switch {
	case err != nil:
		return err
	case !f.Closed():
		return asked(f)
	case f.Kind() == history.Rejoined:
		return fmt.Errorf("%s put %s back, %w", f.Name, f.In().Site, errBack)
	}
	return nil
}
