package resync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
)

// push starts the state transfer from the survivor. From its start replication to
// the site is online: if the link breaks now, writes at the survivor fail until
// the transfer is undone, or the next alert is handled.
//
// A transfer that is found running, or that has ended, may be anybody's and of
// any time, so it proves nothing: it is ended and forgotten, then one is started.
func (h Handler) push(ctx context.Context, r run) (contract.Resync, error) {
	if err := r.stateless(); err != nil {
		return contract.Resync{}, err
	}
	if err := r.named(); err != nil {
		return contract.Resync{}, err
	}
	if err := h.look(ctx, r); err != nil {
		return contract.Resync{}, err
	}
	if err := r.forget(ctx, r.Caches); err != nil {
		return contract.Resync{}, err
	}
	// Started without a link it would stick, with replication online.
	if err := h.seen(ctx, r); err != nil {
		return contract.Resync{}, err
	}
	started, err := r.survivor.StartPush(ctx, r.Site)
	if contract.ReasonOf(err) == contract.NotProven {
		// Its answer is that it did not start for all; yet replication is online.
		return contract.Resync{}, contract.RefusedF(contract.PushFailed, "%v", err)
	}
	if err != nil {
		return contract.Resync{}, err
	}
	if cleared := slices.Sorted(slices.Values(r.Caches)); !slices.Equal(started, cleared) {
		return contract.Resync{}, contract.RefusedF(contract.PushFailed,
			"the state of %v is sent, but %v were cleared: the survivor's caches changed meanwhile", started, cleared)
	}
	if err := h.seen(ctx, r); err != nil {
		return contract.Resync{}, err
	}
	push, err := r.transfers(ctx, started)
	return contract.Resync{Push: push}, err
}

// forget makes every transfer to the site idle, and proves it.
func (r run) forget(ctx context.Context, caches []string) error {
	states, err := r.survivor.Transfers(ctx, caches, r.Site)
	if err != nil {
		return err
	}
	if slices.Contains(slices.Collect(maps.Values(states)), infinispan.Sending) {
		// Without a link its answer is an error though it has ended here.
		cancelErr := r.survivor.CancelPush(ctx, r.Site)
		if states, err = r.survivor.Transfers(ctx, caches, r.Site); err != nil {
			return err
		}
		if still := in(states, infinispan.Sending); len(still) > 0 {
			return contract.TransientF(contract.NotProven, "a state transfer from %s to %s cannot be ended (%s): %v", r.Reporter, r.Site, strings.Join(still, ", "), cancelErr)
		}
	}
	if len(in(states, infinispan.Idle)) == len(caches) {
		return nil
	}
	if err := r.survivor.ForgetTransfers(ctx, caches); err != nil {
		return err
	}
	if states, err = r.survivor.Transfers(ctx, caches, r.Site); err != nil {
		return err
	}
	if idle := in(states, infinispan.Idle); len(idle) != len(caches) {
		return contract.TransientF(contract.NotProven, "state transfers from %s to %s are not forgotten: %s", r.Reporter, r.Site, text(states))
	}
	return nil
}

// progress says how far the transfer is. A link that is lost is Refused, so that
// the machine undoes at once: until then writes at the survivor fail.
func (h Handler) progress(ctx context.Context, r run) (contract.Resync, error) {
	if err := r.stateless(); err != nil {
		return contract.Resync{}, err
	}
	if err := r.named(); err != nil {
		return contract.Resync{}, err
	}
	if err := h.newest(ctx, r); err != nil {
		return contract.Resync{}, err
	}
	if err := r.sighted(ctx); err != nil {
		return contract.Resync{}, err
	}
	push, err := r.transfers(ctx, r.Caches)
	return contract.Resync{Push: push}, err
}

// sighted is views for as long as state is sent. The site may be too busy to
// answer; that it answers and sees nobody ends the transfer.
func (r run) sighted(ctx context.Context) error {
	v := views{fenced: true}
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { v.survivor, err = sees(gctx, r.survivor, r.Site); return err })
	group.Go(func() error {
		if seen, err := sees(gctx, r.fenced, r.Reporter); err == nil {
			v.fenced = seen
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return v.both(r)
}

func (r run) transfers(ctx context.Context, caches []string) (*contract.Push, error) {
	states, err := r.survivor.Transfers(ctx, caches, r.Site)
	if err != nil {
		return nil, err
	}
	push := &contract.Push{Total: len(caches), OK: len(in(states, infinispan.Sent)), Sending: in(states, infinispan.Sending)}
	push.Done = push.OK == push.Total
	if push.OK+len(push.Sending) != push.Total {
		return nil, contract.RefusedF(contract.PushFailed, "the state transfer from %s to %s did not end well: %s", r.Reporter, r.Site, text(states))
	}
	return push, nil
}

// in lists the caches in that state, sorted.
func in(states map[string]infinispan.Transfer, state infinispan.Transfer) []string {
	var caches []string
	for _, cache := range slices.Sorted(maps.Keys(states)) {
		if states[cache] == state {
			caches = append(caches, cache)
		}
	}
	return caches
}

func text(states map[string]infinispan.Transfer) string {
	var parts []string
	for _, cache := range slices.Sorted(maps.Keys(states)) {
		parts = append(parts, fmt.Sprintf("%s %.40q", cache, states[cache]))
	}
	return fmt.Sprintf("%.2000s", strings.Join(parts, ", "))
}
