package resync

import (
	"context"
	"fmt"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
)

// ready asks whether the site may rejoin: both sites replicate to each other
// (I8), and Keycloak there is well. It changes nothing; the rejoin looks again.
func (h Handler) ready(ctx context.Context, r run) (contract.Resync, error) {
	out := contract.Resync{}
	conditions := []condition{
		{"no fence came since", func(ctx context.Context, r run) (string, error) {
			return "the newest is still the same", h.newest(ctx, r)
		}},
		{"Keycloak is healthy", h.healthy},
	}
	if r.survivor != nil && r.fenced != nil {
		conditions = append(conditions, condition{"the sites are in sync", func(ctx context.Context, r run) (string, error) {
			var err error
			out.Links, err = r.inSync(ctx)
			return "both see each other and replicate to each other", err
		}})
	}
	var err error
	out.Checks, err = askAll(ctx, r, conditions)
	return out, err
}

func (r run) inSync(ctx context.Context) ([]contract.Link, error) {
	v, err := r.views(ctx)
	if err != nil {
		return nil, err
	}
	if err := v.both(r); err != nil {
		return nil, err
	}
	there, err := r.survivor.Backup(ctx, r.Site)
	if err != nil {
		return nil, err
	}
	back, err := r.fenced.Backup(ctx, r.Reporter)
	if err != nil {
		return nil, err
	}
	if there != infinispan.Online || back != infinispan.Online {
		return nil, contract.RefusedF(contract.NotReplicating,
			"replication from %s to %s is %s, and back it is %s, want both online; run sitefence restore from the start", r.Reporter, r.Site, there, back)
	}
	return r.links(v, there, back), nil
}

// healthy asks the configured health URL, or else the targets of the load
// balancers that are to go back.
func (h Handler) healthy(ctx context.Context, r run) (string, error) {
	site, _ := h.Deployment.Find(r.Site)
	if site.HealthURL != "" {
		ca := ""
		if r.fenced != nil {
			var err error
			if ca, err = r.fenced.CA(ctx); err != nil {
				return "", err
			}
		}
		return "its health URL answers 200", askHealth(ctx, site, ca)
	}
	n, err := h.targets(ctx, r)
	return fmt.Sprintf("every one of its %d load balancers has a healthy target", n), err
}
