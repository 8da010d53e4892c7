package resync

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
)

// undo makes the survivor independent of the link again: its replication to the
// site is offline, no state is sent. It needs nothing of the site, which may be
// out of reach, and leaves the site's own replication as it is.
func (h Handler) undo(ctx context.Context, r run) (contract.Resync, error) {
	if r.survivor == nil {
		return contract.Resync{Checks: []contract.Finding{{What: "undo", OK: true, Text: "nothing to undo: " + string(r.Reporter) + " has no Infinispan"}}}, nil
	}
	settled, err := h.settled(ctx, r)
	if err != nil {
		return contract.Resync{}, err
	}
	// First what stops the survivor's writes; a transfer cannot switch it on again.
	var caches []string
	if settled {
		caches, err = r.backed(ctx)
	} else {
		caches, err = r.survivor.CutOff(ctx, r.Site)
	}
	if err != nil {
		return contract.Resync{}, err
	}
	if err := r.forget(ctx, caches); err != nil {
		return contract.Resync{}, err
	}
	status, err := r.survivor.Backup(ctx, r.Site)
	if err != nil {
		return contract.Resync{}, err
	}
	if status != infinispan.Offline {
		return contract.Resync{}, contract.TransientF(contract.NotProven, "replication from %s to %s is %s after it was undone", r.Reporter, r.Site, status)
	}
	// As takeoffline does: somebody may have put the site back at the same moment.
	state, err := h.Accelerator.Read(ctx)
	if err != nil {
		return contract.Resync{}, err
	}
	if state.Present(r.Site) {
		return contract.Resync{}, contract.RefusedF(contract.SitePresent,
			"replication to %s is offline, but somebody put it back into the accelerator at the same moment; take its endpoints out again", r.Site)
	}
	return r.left(ctx), nil
}

// settled asks whether replication is offline already by a newer fence, which an
// older restore must not act beside; then only the transfer is left to end. All
// else that look refuses is refused.
func (h Handler) settled(ctx context.Context, r run) (bool, error) {
	lookErr := h.look(ctx, r)
	if contract.ReasonOf(lookErr) != contract.Superseded {
		return false, lookErr
	}
	latest, err := h.Generation.Latest(ctx)
	if err != nil {
		return false, err
	}
	status, err := r.survivor.Backup(ctx, r.Site)
	switch {
	case err != nil:
		return false, err
	case status == infinispan.Offline:
		return true, nil
	case latest.Running:
		return false, contract.TransientF(contract.NotProven, "%s is at work; it takes replication from %s to %s offline, which is %s now", latest.Generation, r.Reporter, r.Site, status)
	default:
		return false, h.orphaned(ctx, r, status)
	}
}

// orphaned is nil if what this restore brought online is nobody's but its own: the
// newer execution has ended and left it (a rehearsal, a report that came to
// nothing, or a transfer that started at the same moment), and no other restore
// is at work. Whoever takes the turn now waits until this step has ended.
func (h Handler) orphaned(ctx context.Context, r run, status infinispan.Status) error {
	restores, err := h.running(ctx, h.Machines.Restore, "restore")
	if err != nil {
		return err
	}
	for _, e := range restores {
		if name := aws.ToString(e.Name); name != r.Execution {
			return contract.RefusedF(contract.Superseded,
				"a newer fence came after this restore had begun, replication from %s to %s is %s, and %.100q is at work; follow that one, or run sitefence restore --abort",
				r.Reporter, r.Site, status, name)
		}
	}
	state, err := h.Accelerator.Read(ctx)
	if err != nil {
		return err
	}
	return permit(state, r)
}

// backed lists the caches that the survivor backs up to the site.
func (r run) backed(ctx context.Context) ([]string, error) {
	all, err := r.survivor.Caches(ctx, r.Site)
	if err != nil {
		return nil, err
	}
	caches := names(all)
	return caches, infinispan.CheckCaches(caches)
}

// left says in what state the two directions are left.
func (r run) left(ctx context.Context) contract.Resync {
	const unknown infinispan.Status = "unknown"
	var v views
	back := unknown
	var group errgroup.Group
	group.Go(func() error { v.survivor, _ = sees(ctx, r.survivor, r.Site); return nil })
	if r.fenced != nil {
		group.Go(func() error { v.fenced, _ = sees(ctx, r.fenced, r.Reporter); return nil })
		group.Go(func() error {
			if status, err := r.fenced.Backup(ctx, r.Reporter); err == nil {
				back = status
			}
			return nil
		})
	}
	_ = group.Wait()
	return contract.Resync{
		Links: r.links(v, infinispan.Offline, back),
		Checks: []contract.Finding{
			{What: "survivor", OK: true, Text: fmt.Sprintf("replication from %s to %s is offline, and no state is sent", r.Reporter, r.Site)},
			{What: "site", OK: true, Text: fmt.Sprintf("replication from %s to %s was left as it is: %s", r.Site, r.Reporter, back)},
		},
	}
}
