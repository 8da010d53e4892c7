package resync

import (
	"context"
	"slices"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/target"
)

// targets asks for at least one healthy target behind every load balancer that is
// to go back, and returns how many those are.
func (h Handler) targets(ctx context.Context, r run) (int, error) {
	var balancers []string
	for _, e := range r.Endpoints {
		if target.IsBalancer(e.Endpoint) && !slices.Contains(balancers, e.Endpoint) {
			balancers = append(balancers, e.Endpoint)
		}
	}
	if len(balancers) == 0 {
		return 0, contract.MisconfiguredF(contract.NotFound,
			"none of the endpoints of %s is a load balancer, so its health cannot be told; set healthUrl of the site and deploy", r.Site)
	}
	for _, arn := range balancers {
		behind, err := target.Behind(ctx, h.Targets, arn)
		switch {
		case err != nil:
			return 0, err
		case behind.Groups == 0:
			return 0, contract.MisconfiguredF(contract.NotFound,
				"%s of %s has no target group, so its health cannot be told; give it one, or set healthUrl of the site and deploy", arn, r.Site)
		case behind.Healthy == 0:
			return 0, contract.TransientF(contract.NotHealthy, "%s of %s has no healthy target; is Keycloak at %s started?", arn, r.Site, r.Site)
		}
	}
	return len(balancers), nil
}
