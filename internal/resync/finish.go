package resync

import (
	"context"
	"slices"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
)

// finish proves that the survivor replicates to the site again, and lets the
// site replicate to the survivor: its data is the survivor's now.
func (h Handler) finish(ctx context.Context, r run) (contract.Resync, error) {
	if err := r.stateless(); err != nil {
		return contract.Resync{}, err
	}
	if err := r.named(); err != nil {
		return contract.Resync{}, err
	}
	if err := h.look(ctx, r); err != nil {
		return contract.Resync{}, err
	}
	if err := h.seen(ctx, r); err != nil {
		return contract.Resync{}, err
	}
	if err := r.sent(ctx); err != nil {
		return contract.Resync{}, err
	}
	// Never brought online here: since somebody took it offline, writes of the
	// survivor are missing at the site.
	if err := r.replicates(ctx); err != nil {
		return contract.Resync{}, err
	}
	if err := r.survivor.ForgetTransfers(ctx, r.Caches); err != nil {
		return contract.Resync{}, err
	}
	back, err := r.fenced.BringOnline(ctx, r.Reporter)
	if err != nil {
		return contract.Resync{}, err
	}
	if cleared := slices.Sorted(slices.Values(r.Caches)); !slices.Equal(back, cleared) {
		return contract.Resync{}, contract.RefusedF(contract.NotReplicating, "%s backs %v up to %s, but %v were synced", r.Site, back, r.Reporter, cleared)
	}
	if err := r.replicates(ctx); err != nil {
		return contract.Resync{}, err
	}
	v, err := r.views(ctx)
	if err == nil {
		err = v.both(r)
	}
	return contract.Resync{Links: r.links(v, infinispan.Online, infinispan.Online)}, err
}

// sent proves that every transfer has ended well, or was forgotten by an earlier
// call of finish, which had proven that. In a first call a forgotten one is
// somebody else's doing: an undo's, or a restart's, after which the data differs.
func (r run) sent(ctx context.Context) error {
	states, err := r.survivor.Transfers(ctx, r.Caches, r.Site)
	if err != nil {
		return err
	}
	ended := len(in(states, infinispan.Sent))
	if r.Repeated {
		ended += len(in(states, infinispan.Idle))
	}
	if ended != len(r.Caches) {
		return contract.RefusedF(contract.PushFailed, "the state transfer from %s to %s did not end well: %s", r.Reporter, r.Site, text(states))
	}
	return nil
}

// replicates proves that the survivor replicates to the site, for all caches.
func (r run) replicates(ctx context.Context) error {
	status, err := r.survivor.Backup(ctx, r.Site)
	if err != nil {
		return err
	}
	if status != infinispan.Online {
		return contract.RefusedF(contract.NotReplicating,
			"replication from %s to %s is %s: it was taken offline after the state was sent, so the data is not equal any more", r.Reporter, r.Site, status)
	}
	return nil
}
