package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

// Check looks, once the machines rest, whether the outage ended as it must:
// exactly one fence, one site serving and none at any moment between, replication
// to the other offline, and every alert answered by an execution that ended well.
// The link may be up again.
func (w *World) Check(ctx context.Context, fence Fence) error {
	guards, fences, err := w.closed(ctx)
	if err != nil {
		return err
	}
	errs := append(badEnds(guards, "FenceStarted", "Ignored"), badEnds(fences, "Fenced", "Ignored")...)
	won := slices.DeleteFunc(fences, func(e stack.Execution) bool { return e.Outcome() != "Fenced" })
	if len(won) != 1 {
		errs = append(errs, fmt.Errorf("%d fences ended Fenced, want one", len(won)))
	}
	if serving := w.Serving(); !slices.Equal(serving, []string{fence.Survivor}) {
		errs = append(errs, fmt.Errorf("the accelerator holds %v, want %s alone", serving, fence.Survivor))
	}
	// A fence of a site that was out already has no endpoints to record or remove.
	if n := len(w.writes()); n != min(1, len(fence.Record)) {
		errs = append(errs, fmt.Errorf("the accelerator was written %d times", n))
	}
	for _, e := range w.stack.Accelerator.History()[w.outage.history:] {
		for _, listener := range e.State.Dark() {
			if strings.HasPrefix(listener, w.Deployment.Accelerator.ARN+"/") {
				errs = append(errs, fmt.Errorf("after %s of %s no site served", e.Operation, e.Target))
			}
		}
	}
	return errors.Join(append(errs, w.checkReplication(ctx, fence.Survivor, infinispan.Offline))...)
}

// badEnds are the executions that ended otherwise than allowed.
func badEnds(executions []stack.Execution, allowed ...string) []error {
	var errs []error
	for _, e := range executions {
		if !slices.Contains(allowed, e.Outcome()) {
			errs = append(errs, fmt.Errorf("%s ended %s: %s", e.Name, e.Outcome(), e.Cause))
		}
	}
	return errs
}

func (w *World) checkReplication(ctx context.Context, from, want string) error {
	status, err := w.Sites.BackupStatus(ctx, from, w.Other(from))
	if err == nil && status != want {
		err = fmt.Errorf("replication from %s to %s is %s, want %s", from, w.Other(from), status, want)
	}
	return err
}

// CheckWrites looks, two seconds after the first write that worked at the
// survivor since a time, whether every one worked since then; and whether none
// worked at the lost site. What began before the break had its effect does not
// count. The link must be down still.
func (w *World) CheckWrites(ctx context.Context, fence Fence, since time.Time) error {
	survivor := w.writers[fence.Survivor]
	var works time.Time
	err := await(ctx, "writes at "+fence.Survivor, func(context.Context) error {
		first, ok := survivor.firstWorking(later(since, w.broken(fence.Survivor)))
		if !ok || len(survivor.since(first.Add(2*time.Second))) == 0 {
			return fmt.Errorf("a write works: %t", ok)
		}
		works = first
		return nil
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, try := range survivor.since(works) {
		if try.Err != nil {
			errs = append(errs, fmt.Errorf("at %s, %.1f s after writes worked again: %w", fence.Survivor, try.Began.Sub(works).Seconds(), try.Err))
		}
	}
	if at, ok := w.writers[fence.Lost].firstWorking(later(since, w.broken(fence.Lost))); ok {
		errs = append(errs, fmt.Errorf("a write worked at %s, which was to be lost, %.1f s after the outage began", fence.Lost, at.Sub(w.outage.at).Seconds()))
	}
	return errors.Join(errs...)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// Alerted reports whether the Prometheus of a site fired since the outage began.
func (w *World) Alerted(ctx context.Context, site string) (bool, error) {
	return w.monitors[site].alerted(ctx, w.outage.at)
}
