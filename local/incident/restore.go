package incident

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
)

// Heal starts the gossip router again and waits until every alert is over.
func (w *World) Heal(ctx context.Context) error {
	if err := w.Sites.HealLink(ctx); err != nil {
		return err
	}
	return w.explain(w.AwaitQuiet(ctx))
}

// Restore brings the lost site back as an operator does, in the order that is
// safe: both see each other, the lost site is emptied and gets the state of the
// survivor, no alert is left, and only then its endpoints return, as the fence
// recorded them (docs/runbooks/site-fenced.md).
func (w *World) Restore(ctx context.Context, fence Fence) error {
	for _, site := range w.Deployment.Sites {
		view, err := w.Sites.View(ctx, site)
		if err != nil {
			return err
		}
		if !slices.Contains(view, w.Other(site)) {
			return fmt.Errorf("%s does not see %s", site, w.Other(site))
		}
	}
	if err := w.empty(ctx, fence); err != nil {
		return err
	}
	if err := w.Sites.PushState(ctx, fence.Survivor, fence.Lost); err != nil {
		return err
	}
	for _, site := range w.Deployment.Sites {
		if err := w.checkReplication(ctx, site, infinispan.Online); err != nil {
			return err
		}
	}
	if err := w.AwaitQuiet(ctx); err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	return w.putBack(ctx, fence)
}

// empty clears the lost site, with its own replication off: the clearing would
// reach the survivor. A push only adds and overwrites; what the lost site wrote
// alone, also by writes that failed, would stay there.
func (w *World) empty(ctx context.Context, fence Fence) error {
	sites, ok := w.Sites.(infinispan.Clearer)
	if !ok {
		return fmt.Errorf("emptying %s: it is no real site", fence.Lost)
	}
	if err := sites.TakeOffline(ctx, fence.Lost, fence.Survivor); err != nil {
		return err
	}
	if err := w.checkReplication(ctx, fence.Lost, infinispan.Offline); err != nil {
		return err
	}
	if err := sites.Clear(ctx, fence.Lost); err != nil {
		return err
	}
	return sites.BringOnline(ctx, fence.Lost, fence.Survivor)
}

func (w *World) putBack(ctx context.Context, fence Fence) error {
	api := globalaccelerator.NewFromConfig(w.stack.AWS, func(o *globalaccelerator.Options) {
		o.Region, o.BaseEndpoint = ga.ControlPlaneRegion, aws.String(w.stack.Accelerator.URL())
	})
	if len(fence.Record) == 0 {
		return fmt.Errorf("%s recorded no endpoint of %s", fence.Execution.Name, fence.Lost)
	}
	for _, e := range fence.Record {
		_, err := api.AddEndpoints(ctx, &globalaccelerator.AddEndpointsInput{
			EndpointGroupArn: &e.Group,
			EndpointConfigurations: []types.EndpointConfiguration{{
				EndpointId: &e.Endpoint, Weight: &e.Weight, ClientIPPreservationEnabled: &e.ClientIPPreservation,
			}},
		})
		if err != nil {
			return fmt.Errorf("putting %s back: %w", e.Endpoint, err)
		}
		w.stack.Accelerator.SetHealth(e.Endpoint, ga.Healthy) // its health checks find it well
	}
	return nil
}
