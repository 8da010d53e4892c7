package updateaccelerator

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/links"
)

// handleRejoin is Handle for a rejoin.
func (h Handler) handleRejoin(ctx context.Context, in contract.ActInput) (contract.Update, error) {
	log := h.Log.With("deployment", in.Deployment, "reporter", in.Reporter, "site", in.Site, "execution", in.Execution)
	added, err := h.rejoin(ctx, in)
	if err != nil {
		log.ErrorContext(ctx, "site not put back", "reason", contract.ReasonOf(err), "error", err, "added", added)
		return contract.Update{}, contract.Edge(err)
	}
	log.InfoContext(ctx, "site put back", "added", added)
	return contract.Update{Version: contract.Version, Removed: []contract.Endpoint{}, Added: added}, nil
}

// rejoin puts the recorded endpoints back into the accelerator, and returns those
// that it added, also beside an error. What it may not write it finds out before
// the first call.
func (h Handler) rejoin(ctx context.Context, in contract.ActInput) ([]contract.Endpoint, error) {
	if err := accept(h.Deployment, in, contract.Rejoin); err != nil {
		return nil, err
	}
	if err := accelerator.CheckEndpoints(h.Deployment.Accelerator.ARN, in.Endpoints); err != nil {
		return nil, err
	}
	look := func(ctx context.Context) (accelerator.State, error) { return h.lookRejoin(ctx, in) }
	added, err := accelerator.Rejoin(ctx, look, h.Writer, in.Endpoints, in.Reporter)
	if refused, ok := errors.AsType[*contract.Refused](err); ok && len(added) > 0 {
		return added, contract.RefusedF(refused.Reason,
			"%d endpoints of %s were put back, and then: %s; take them out again, or let the next alert fence %s", len(added), in.Site, refused.Text, in.Site)
	}
	return added, err
}

// lookRejoin is the read before every write of a rejoin and after the last one,
// with all the conditions beside the accelerator itself: newest only, a check
// that is young, endpoints that exist and are the site's, and I8.
func (h Handler) lookRejoin(ctx context.Context, in contract.ActInput) (accelerator.State, error) {
	var state accelerator.State
	var owners map[string]accelerator.Owner
	var all []links.Link
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error { return h.Generation.Newest(gctx, in.Execution) })
	group.Go(func() (err error) {
		state, err = h.Accelerator.Read(gctx)
		return err
	})
	group.Go(func() (err error) {
		owners, err = h.Owners.Owners(gctx, in.Endpoints)
		return err
	})
	group.Go(func() error {
		all = links.Read(gctx, h.Clusters, h.Deployment, in.Site)
		return nil
	})
	if err := group.Wait(); err != nil {
		return accelerator.State{}, err
	}
	if err := accelerator.CheckOwners(owners, in.Endpoints, in.Site); err != nil {
		return accelerator.State{}, err
	}
	switch reason, err := links.Judge(all, h.Deployment, state, in.Reporter, in.Site); {
	case err != nil:
		return accelerator.State{}, err
	case reason == contract.NotSeen:
		return accelerator.State{}, contract.RefusedF(reason, "%s and the sites that serve do not all see each other; wait until they do, then try again", in.Site)
	case reason != contract.InSync:
		return accelerator.State{}, contract.RefusedF(reason,
			"replication is not online in both directions between %s and every site that serves; restore its data first, then try again", in.Site)
	}
	return state, young(in, h.Now())
}

// young is the part of fresh that binds a rejoin too: it comes after the reads.
func young(in contract.ActInput, now time.Time) error {
	if age := now.Sub(in.CheckedAt); age > maxCheckAge || age < -maxCheckAge {
		return contract.TransientF(contract.StaleCheck, "the check is %s old, want at most %s; check again", age.Round(time.Second), maxCheckAge)
	}
	return nil
}
