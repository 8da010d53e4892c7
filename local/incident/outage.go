package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

// mark notes what there is before something is broken.
func (w *World) mark() {
	w.outage = outage{at: time.Now(), blind: map[string]time.Time{}, known: maps.Clone(w.outage.known), history: len(w.stack.Accelerator.History())}
	if w.outage.known == nil {
		w.outage.known = map[string]bool{}
	}
}

// Cut kills the gossip router: the outage begins. It returns once no site sees
// the other.
func (w *World) Cut(ctx context.Context) error {
	return w.Break(ctx, w.Deployment.Sites, func(ctx context.Context) error { return w.Sites.CutLink(ctx) })
}

// Break runs what begins an outage and waits until each of the named sites says
// that it has lost sight of the other.
func (w *World) Break(ctx context.Context, blind []string, do func(context.Context) error) error {
	if err := w.settle(ctx); err != nil {
		return err
	}
	w.mark()
	var mu sync.Mutex
	var wait sync.WaitGroup
	errs := make([]error, len(blind))
	for i, site := range blind {
		wait.Go(func() {
			errs[i] = w.awaitBlind(ctx, site)
			mu.Lock()
			defer mu.Unlock()
			w.outage.blind[site] = time.Now()
		})
	}
	err := do(ctx)
	wait.Wait()
	return errors.Join(append(errs, err)...)
}

func (w *World) awaitBlind(ctx context.Context, site string) error {
	return await(ctx, site+" to lose sight of "+w.Other(site), func(ctx context.Context) error {
		view, err := w.Sites.View(ctx, site)
		if err == nil && slices.Contains(view, w.Other(site)) {
			err = errors.New("it sees it still")
		}
		return err
	})
}

// Fence is what the pipeline made of an outage.
type Fence struct {
	Survivor, Lost string
	Generation     int // of fence-<n>
	Execution      stack.Execution
	Guard          stack.Execution // that started it
	Record         []contract.Endpoint
}

// AwaitFence waits until a fence that began after the outage has ended, and
// returns it. A fence that ended otherwise than it may is an error.
func (w *World) AwaitFence(ctx context.Context) (Fence, error) {
	var fence Fence
	err := await(ctx, "a fence", func(ctx context.Context) error {
		fences, err := w.fresh(ctx, w.Deployment.Fence)
		if err != nil {
			return err
		}
		for _, e := range fences {
			if e.Outcome() == "Fenced" {
				fence, err = w.read(ctx, e)
				return err
			}
		}
		return fmt.Errorf("%d fences, none has ended Fenced", len(fences))
	})
	if err != nil {
		return fence, w.explain(err)
	}
	return fence, nil
}

// fresh describes the executions of a machine since the outage began.
func (w *World) fresh(ctx context.Context, machine string) ([]stack.Execution, error) {
	all, err := w.stack.Executions(ctx, machine)
	if err != nil {
		return nil, err
	}
	var found []stack.Execution
	for _, e := range all {
		if w.outage.known[e.ARN] {
			continue
		}
		if e, err = w.stack.Describe(ctx, e.ARN); err != nil {
			return nil, err
		}
		found = append(found, e)
	}
	return found, nil
}

// read takes a fence that ended Fenced apart.
func (w *World) read(ctx context.Context, e stack.Execution) (Fence, error) {
	var out struct {
		Survivor, Site string
		Record         []contract.Endpoint
	}
	var in struct{ Guard string }
	if err := errors.Join(json.Unmarshal([]byte(e.Output), &out), json.Unmarshal([]byte(e.Input), &in)); err != nil {
		return Fence{}, fmt.Errorf("reading %s: %w", e.Name, err)
	}
	n, err := strconv.Atoi(strings.TrimPrefix(e.Name, "fence-"))
	if err != nil {
		return Fence{}, fmt.Errorf("reading the name of %s: %w", e.Name, err)
	}
	guard, err := w.stack.Describe(ctx, in.Guard)
	return Fence{out.Survivor, out.Site, n, e, guard, out.Record}, err
}

// settle waits until no execution is open, and from then on takes all for known.
func (w *World) settle(ctx context.Context) error {
	guards, fences, err := w.closed(ctx)
	for _, e := range append(guards, fences...) {
		w.outage.known[e.ARN] = true
	}
	return err
}

// closed waits until no execution is open and describes those since the outage.
func (w *World) closed(ctx context.Context) (guards, fences []stack.Execution, err error) {
	err = await(ctx, "the machines to rest", func(ctx context.Context) error {
		var err error
		if guards, err = w.fresh(ctx, w.Deployment.Guard); err != nil {
			return err
		}
		// The fences last: an open guard could have started one meanwhile.
		if fences, err = w.fresh(ctx, w.Deployment.Fence); err != nil {
			return err
		}
		for _, e := range append(slices.Clone(guards), fences...) {
			if !e.Closed() {
				return fmt.Errorf("%s is open", e.Name)
			}
		}
		return nil
	})
	return guards, fences, err
}

// Check looks, once the machines rest, whether the outage ended as it must:
// exactly one fence, one site serving, replication to the other offline, and
// every alert answered by an execution that ended well. The link may be up again.
func (w *World) Check(ctx context.Context, fence Fence) error {
	guards, fences, err := w.closed(ctx)
	if err != nil {
		return err
	}
	var errs []error
	won := 0
	for _, e := range fences {
		if e.Outcome() == "Fenced" {
			won++
		}
		if o := e.Outcome(); o != "Fenced" && o != "Ignored" {
			errs = append(errs, fmt.Errorf("%s ended %s: %s", e.Name, o, e.Cause))
		}
	}
	for _, e := range guards {
		if o := e.Outcome(); o != "FenceStarted" && o != "Ignored" {
			errs = append(errs, fmt.Errorf("guard %s ended %s: %s", e.Name, o, e.Cause))
		}
	}
	if won != 1 {
		errs = append(errs, fmt.Errorf("%d fences ended Fenced, want one", won))
	}
	if serving := w.Serving(); !slices.Equal(serving, []string{fence.Survivor}) {
		errs = append(errs, fmt.Errorf("the accelerator holds %v, want %s alone", serving, fence.Survivor))
	}
	if n := len(w.writes()); n != 1 {
		errs = append(errs, fmt.Errorf("the accelerator was written %d times, want once", n))
	}
	return errors.Join(append(errs, w.checkReplication(ctx, fence.Survivor, infinispan.Offline))...)
}

func (w *World) checkReplication(ctx context.Context, from, want string) error {
	status, err := w.Sites.BackupStatus(ctx, from, w.Other(from))
	if err == nil && status != want {
		err = fmt.Errorf("replication from %s to %s is %s, want %s", from, w.Other(from), status, want)
	}
	return err
}

// CheckWrites looks whether every write works at the survivor since the first
// that did, and none at the lost site since the outage began. The link must be
// down still.
func (w *World) CheckWrites(ctx context.Context, fence Fence) error {
	const enough = 10 // writes, 2 s
	var works time.Time
	err := await(ctx, "writes at "+fence.Survivor, func(context.Context) error {
		first, ok := w.writers[fence.Survivor].firstWorking(w.outage.at)
		if n := len(w.writers[fence.Survivor].since(first)); !ok || n < enough {
			return fmt.Errorf("a write works: %t, writes since: %d", ok, n)
		}
		works = first
		return nil
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, try := range w.writers[fence.Survivor].since(works) {
		if try.Err != nil {
			errs = append(errs, fmt.Errorf("at %s, %.1f s after writes worked again: %w", fence.Survivor, try.Began.Sub(works).Seconds(), try.Err))
		}
	}
	if at, ok := w.writers[fence.Lost].firstWorking(w.outage.at); ok {
		errs = append(errs, fmt.Errorf("a write worked at %s %.1f s after the outage began", fence.Lost, at.Sub(w.outage.at).Seconds()))
	}
	return errors.Join(errs...)
}
