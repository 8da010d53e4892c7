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
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/stack"
)

// mark notes what there is before something is broken.
func (w *World) mark(what string) {
	w.outage = outage{what: what, at: time.Now(), blind: map[string]time.Time{}, known: maps.Clone(w.outage.known), history: len(w.stack.Accelerator.History())}
	if w.outage.known == nil {
		w.outage.known = map[string]bool{}
	}
}

// Cut kills the gossip router: the outage begins. It returns once no site sees
// the other.
func (w *World) Cut(ctx context.Context) error {
	return w.Break(ctx, "the gossip router is killed", w.Deployment.Sites, w.Sites.CutLink)
}

// Lose kills all of a site: what watches it, and then its Infinispan, with which
// the outage begins; the accelerator finds its endpoints unhealthy. It returns
// once the other site does not see it.
func (w *World) Lose(ctx context.Context, site string) error {
	w.monitors[site].stop() // takes a while, in which writes still work
	delete(w.monitors, site)
	w.stack.Accelerator.SetHealth(w.Deployment.Balancers[site], ga.Unhealthy)
	return w.Break(ctx, "all of "+site+" is killed", []string{w.Other(site)}, func(ctx context.Context) error {
		return w.Sites.KillSite(ctx, site)
	})
}

// Break runs what begins an outage and waits until each of the named sites says
// that it has lost sight of the other.
func (w *World) Break(ctx context.Context, what string, blind []string, do func(context.Context) error) error {
	if err := w.settle(ctx); err != nil {
		return err
	}
	w.mark(what)
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
	w.outage.done = time.Now()
	wait.Wait()
	return errors.Join(append(errs, err)...)
}

// Began is when the outage did.
func (w *World) Began() time.Time { return w.outage.at }

// broken is from when the break has its effect at a site for certain: whatever
// began before then may have been through before. However long the break took, it
// had its effect when it was done, when the site had lost sight of the other (no
// fence is that fast), and when a write at the site had failed.
func (w *World) broken(site string) time.Time {
	from := w.outage.done
	if blind, ok := w.outage.blind[site]; ok && blind.Before(from) {
		from = blind
	}
	for _, try := range w.writers[site].since(w.outage.at) {
		if try.Err != nil && try.Ended.Before(from) {
			from = try.Ended
		}
	}
	return from
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
