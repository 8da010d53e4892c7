package resync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
)

// condition is one thing that must hold before a restore begins. Its error says
// what does not and what to do, its text what was seen.
type condition struct {
	what string
	ask  func(context.Context, run) (string, error)
}

// check looks at every condition, also when one has failed already: a human
// mends them all at once. The strictest error decides how the step ends.
func (h Handler) check(ctx context.Context, r run) (contract.Resync, error) {
	conditions := []condition{
		{"site is fenced", h.fenced},
		{"nothing else is at work", h.calm},
		{"Keycloak is stopped", stopped},
	}
	if err := r.stateless(); err != nil {
		conditions = append(conditions, condition{"there is data to sync", func(context.Context, run) (string, error) { return "", err }})
	} else {
		conditions = append(conditions,
			condition{"Infinispan of the survivor answers", answers(r.survivor)},
			condition{"Infinispan of the site answers", answers(r.fenced)},
			condition{"the sites see each other", func(ctx context.Context, r run) (string, error) {
				return "both see each other", h.seen(ctx, r)
			}},
			condition{"the sites back each other up", alike},
		)
	}
	findings, err := askAll(ctx, r, conditions)
	h.Log.InfoContext(ctx, "conditions of a restore", "deployment", r.Deployment, "execution", r.Execution, "checks", findings)
	return contract.Resync{Checks: findings}, err
}

// askAll asks side by side, and goes on when one has failed.
func askAll(ctx context.Context, r run, conditions []condition) ([]contract.Finding, error) {
	findings := make([]contract.Finding, len(conditions))
	problems := make([]error, len(conditions))
	var group errgroup.Group
	for i, c := range conditions {
		group.Go(func() error {
			seen, err := c.ask(ctx, r)
			findings[i] = contract.Finding{What: c.what, OK: err == nil, Text: seen}
			if err != nil {
				findings[i].Text = contract.Edge(err).Error()
				problems[i] = fmt.Errorf("%s? No: %w", c.what, err)
			}
			return nil
		})
	}
	_ = group.Wait()
	return findings, errors.Join(problems...)
}

// fenced is I2 as a fence leaves it: the site is out, and the survivor does not
// replicate to it.
func (h Handler) fenced(ctx context.Context, r run) (string, error) {
	err := h.look(ctx, r)
	if contract.ReasonOf(err) == contract.SitePresent {
		return "", contract.RefusedF(contract.NotFenced, "%s is in the accelerator: it serves, and there is nothing to restore; if it should be out, fence it first", r.Site)
	}
	if err != nil {
		return "", err
	}
	seen := fmt.Sprintf("%s is out of the accelerator, %s serves", r.Site, r.Reporter)
	if r.survivor == nil {
		return seen, nil
	}
	status, err := r.survivor.Backup(ctx, r.Site)
	if err != nil {
		return "", err
	}
	if status != infinispan.Offline {
		return "", contract.RefusedF(contract.NotFenced,
			"replication from %s to %s is %s, want offline; if an earlier restore was stopped, run sitefence restore --abort, else replay the guard execution", r.Reporter, r.Site, status)
	}
	return seen + ", and does not replicate to it", nil
}

func stopped(_ context.Context, r run) (string, error) {
	if !r.KeycloakStopped {
		return "", contract.RefusedF(contract.NotConfirmed,
			"nobody has confirmed that Keycloak at %s is stopped; what it writes while its caches are replaced is lost or comes back. Stop it, then say --keycloak-stopped", r.Site)
	}
	return "the operator says so", nil
}

// answers asks a cluster for what needs no permission and for what needs ADMIN.
func answers(cluster *infinispan.Client) func(context.Context, run) (string, error) {
	return func(ctx context.Context, _ run) (string, error) {
		view, err := cluster.Sees(ctx)
		if err != nil {
			return "", err
		}
		backups, err := cluster.Backups(ctx)
		var seen, towards []string
		for _, site := range view {
			seen = append(seen, string(site))
		}
		for _, site := range slices.Sorted(maps.Keys(backups)) {
			towards = append(towards, fmt.Sprintf("%s %s", site, backups[site]))
		}
		return fmt.Sprintf("it sees %s; its backups: %s", strings.Join(seen, ", "), strings.Join(towards, ", ")), err
	}
}

// alike compares what the two sites back up to each other, and looks for state
// transfers that run.
func alike(ctx context.Context, r run) (string, error) {
	var there, back map[string]infinispan.Status
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { there, err = r.survivor.Caches(gctx, r.Site); return err })
	group.Go(func() (err error) { back, err = r.fenced.Caches(gctx, r.Reporter); return err })
	if err := group.Wait(); err != nil {
		return "", err
	}
	caches := names(there)
	if len(caches) == 0 {
		return "", contract.RefusedF(contract.BackupUnknown, "%s backs no cache up to %s; compare the configuration of its caches", r.Reporter, r.Site)
	}
	if others := names(back); !slices.Equal(caches, others) {
		return "", contract.RefusedF(contract.BackupUnknown,
			"%s backs %v up to %s, but %s backs %v up to %s; make the caches' backups the same at both", r.Reporter, caches, r.Site, r.Site, others, r.Reporter)
	}
	for _, way := range []struct {
		from     *infinispan.Client
		name, to contract.Site
	}{{r.survivor, r.Reporter, r.Site}, {r.fenced, r.Site, r.Reporter}} {
		states, err := way.from.Transfers(ctx, caches, way.to)
		if err != nil {
			return "", err
		}
		if sending := in(states, infinispan.Sending); len(sending) > 0 {
			return "", contract.RefusedF(contract.BeingHandled,
				"%s sends state to %s already (%v), or one that never ended sticks; run sitefence restore --abort, or cancel it there", way.name, way.to, sending)
		}
	}
	return fmt.Sprintf("%s, and no state is sent", strings.Join(caches, ", ")), nil
}

func names(caches map[string]infinispan.Status) []string { return slices.Sorted(maps.Keys(caches)) }
