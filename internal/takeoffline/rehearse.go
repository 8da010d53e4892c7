package takeoffline

import (
	"context"
	"fmt"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
)

// Looking is the part of a site's Infinispan that a rehearsal uses: it can ask
// and not change.
type Looking interface {
	Backup(ctx context.Context, backup contract.Site) (infinispan.Status, error)
}

// rehearse answers what TakeOffline would do, and says what it would refuse as
// the world is now. It is no method: nothing here can change anything. cluster
// is nil for a reporter without Infinispan.
func rehearse(ctx context.Context, log *slog.Logger, d config.Deployment, look accelerator.Look, cluster Looking, in contract.ActInput) (contract.Offline, error) {
	offline, err := plan(ctx, d, look, cluster, in)
	if err != nil {
		log.ErrorContext(ctx, "no plan", "reason", contract.ReasonOf(err), "error", err, "dryRun", true)
		return contract.Offline{}, contract.Edge(err)
	}
	log.InfoContext(ctx, "planned", "backup", offline.Backup, "notes", offline.Notes, "dryRun", true)
	return offline, nil
}

func plan(ctx context.Context, d config.Deployment, look accelerator.Look, cluster Looking, in contract.ActInput) (contract.Offline, error) {
	if err := accept(d, in); err != nil {
		return contract.Offline{}, err
	}
	status := infinispan.None
	var state accelerator.State
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		state, err = look(gctx)
		return err
	})
	if cluster != nil {
		group.Go(func() (err error) {
			status, err = cluster.Backup(gctx, in.Site)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return contract.Offline{}, err
	}
	return contract.Offline{
		Version: contract.Version, Backup: string(status), Caches: []string{},
		DryRun: true, Notes: notes(state, status, in),
	}, nil
}

// notes say what would be done and what I2 would have refused. It is planned and
// not enforced: in a rehearsal the site is still in the accelerator.
func notes(state accelerator.State, status infinispan.Status, in contract.ActInput) []string {
	var all []string
	switch status {
	case infinispan.None:
		all = append(all, fmt.Sprintf("%s has no Infinispan: a fence ends with the accelerator", in.Reporter))
	case infinispan.Offline:
		all = append(all, fmt.Sprintf("no cache of %s replicates to %s now", in.Reporter, in.Site))
	default:
		all = append(all, fmt.Sprintf("every cache of %s that has %s as its backup would stop replicating to it", in.Reporter, in.Site))
	}
	if err := Permit(state, in); err != nil {
		all = append(all, fmt.Sprintf("planned, not enforced: as the world is now it would be refused: %v", err))
	}
	if state.Present(in.Site) {
		// As it would be once UpdateAccelerator had removed the site.
		in.Removed, in.Unattributed = true, state.Unattributed()
		if err := Permit(state.Without(in.Site), in); err != nil {
			all = append(all, fmt.Sprintf("planned, not enforced: with %s removed it would be refused still: %v", in.Site, err))
		}
	}
	return all
}
