package resync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/contract"
)

// clear empties the fenced site's caches that the survivor backs up. The order is
// the point of it: a clear is replicated like any write, so the fenced site stops
// replicating to anyone first, and before each single clear that is proven again.
// If we die anywhere in here, the survivor has all its data and serves alone.
func (h Handler) clear(ctx context.Context, r run) (contract.Resync, error) {
	if err := r.stateless(); err != nil {
		return contract.Resync{}, err
	}
	if err := h.look(ctx, r); err != nil {
		return contract.Resync{}, err
	}
	looked := time.Now()
	if err := h.cut(ctx, r); err != nil {
		return contract.Resync{}, err
	}
	// Nothing of the survivor's comes in between the clear and the transfer, and
	// its writes do not depend on the link. Its answer says what it backs up.
	caches, err := r.survivor.CutOff(ctx, r.Site)
	if err != nil {
		return contract.Resync{}, err
	}
	for _, cache := range caches {
		if time.Since(looked) > fresh {
			if err := h.look(ctx, r); err != nil {
				return contract.Resync{}, err
			}
			looked = time.Now()
		}
		proof, err := r.fenced.ProveCut(ctx, r.Reporter)
		if err != nil {
			return contract.Resync{}, err
		}
		if err := r.fenced.Clear(ctx, cache, proof); err != nil {
			return contract.Resync{}, err
		}
	}
	if err := r.empty(ctx, caches); err != nil {
		return contract.Resync{}, err
	}
	// Nothing keeps an operator from putting the site back meanwhile.
	if err := h.look(ctx, r); err != nil {
		return contract.Resync{}, fmt.Errorf("the caches of %s are empty now, but: %w", r.Site, err)
	}
	return contract.Resync{Caches: caches}, nil
}

// cut stops the fenced site's replication towards every site that it backs up
// to, configured here or not.
func (h Handler) cut(ctx context.Context, r run) error {
	// Whose address is it? The survivor's own would be cut and cleared otherwise.
	if _, err := r.fenced.Sees(ctx); err != nil {
		return err
	}
	backups, err := r.fenced.Backups(ctx)
	if err != nil {
		return err
	}
	if _, ok := backups[r.Reporter]; !ok {
		return contract.RefusedF(contract.BackupUnknown, "Infinispan of %s names no backup %s; compare the configuration of its caches with the other site's", r.Site, r.Reporter)
	}
	for _, site := range slices.Sorted(maps.Keys(backups)) {
		if _, err := r.fenced.CutOff(ctx, site); err != nil {
			return err
		}
	}
	return nil
}

// empty proves that the caches hold nothing.
func (r run) empty(ctx context.Context, caches []string) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for _, cache := range caches {
		group.Go(func() error {
			size, err := r.fenced.Size(gctx, cache)
			if err == nil && size > 0 {
				err = contract.TransientF(contract.NotProven,
					"cache %s at %s has %d entries right after it was cleared: something writes there; is Keycloak at %s really stopped?", cache, r.Site, size, r.Site)
			}
			return err
		})
	}
	return group.Wait()
}
