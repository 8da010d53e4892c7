package inspect

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/target"
)

// targetLimit is how many load balancers of one site are asked about at a time.
const targetLimit = 4

// countTargets counts the targets behind each site's load balancers in the
// accelerator, side by side. A site without any has nothing to count.
func (h Handler) countTargets(ctx context.Context, sites []contract.SiteState) {
	var all sync.WaitGroup
	for i := range sites {
		site := &sites[i]
		var balancers []string
		for _, e := range site.Endpoints {
			if !slices.Contains(balancers, e.Endpoint) {
				balancers = append(balancers, e.Endpoint)
			}
		}
		if len(balancers) == 0 {
			continue
		}
		all.Go(func() {
			targets, err := h.targets(ctx, balancers)
			if err != nil {
				site.TargetsProblem = contract.ProblemOf(err)
				return
			}
			site.Targets = &targets
		})
	}
	all.Wait()
}

func (h Handler) targets(ctx context.Context, balancers []string) (contract.Targets, error) {
	var mu sync.Mutex
	var sum contract.Targets
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(targetLimit)
	for _, balancer := range balancers {
		group.Go(func() error {
			part, err := target.Behind(gctx, h.Targets, balancer)
			mu.Lock()
			defer mu.Unlock()
			sum.Healthy += part.Healthy
			sum.Total += part.Total
			return err
		})
	}
	return sum, group.Wait()
}
