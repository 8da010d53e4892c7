package accelerator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	gatypes "github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/contract"
)

// Writing is the part of the Global Accelerator API that Remove and Rejoin need. The
// client behind it must not retry by itself: a write that is sent again after
// its answer was lost is a write that follows a stale look.
type Writing interface {
	UpdateEndpointGroup(context.Context, *ga.UpdateEndpointGroupInput, ...func(*ga.Options)) (*ga.UpdateEndpointGroupOutput, error)
	RemoveEndpoints(context.Context, *ga.RemoveEndpointsInput, ...func(*ga.Options)) (*ga.RemoveEndpointsOutput, error)
	Adding
}

// Look returns the accelerator's state, freshly read, or an error if by now
// nothing may be written.
type Look func(context.Context) (State, error)

// Removal is one endpoint group with what is taken out of it and what stays.
type Removal struct {
	Group  string
	Remove []contract.Endpoint
	Keep   []Endpoint
}

// Plan returns the first group that still holds the site, or none. It refuses
// the whole removal if any listener would be left without the reporter in
// service: better no write than half of one.
func Plan(s State, site, reporter contract.Site) (Removal, bool, error) {
	if dark := s.Dark(site, reporter); len(dark) > 0 {
		return Removal{}, false, contract.RefusedF(contract.WouldGoDark,
			"removing %s would leave no endpoint of %s in service in %s; put %s back in service there (weight and traffic dial above 0), "+
				"or decide by hand which site serves", site, reporter, strings.Join(dark, ", "), reporter)
	}
	for _, l := range s.Listeners {
		for _, g := range l.Groups {
			if g.holds(site) {
				return Removal{Group: g.ARN, Remove: g.record(l.ARN, site), Keep: g.survivors(site)}, true, nil
			}
		}
	}
	return Removal{}, false, nil
}

// Remove takes every endpoint of the site out of the accelerator, one group at
// a time, each write right after a look of its own, and returns what it removed,
// also beside an error. The last look is the proof: it shows the site absent
// and the reporter in service in every listener that was written.
func Remove(ctx context.Context, look Look, w Writing, site, reporter contract.Site) ([]contract.Endpoint, error) {
	removed := []contract.Endpoint{}
	var written []string
	for {
		state, err := look(ctx)
		if err != nil {
			return removed, err
		}
		if err := proveServed(state, removed, reporter); err != nil {
			return removed, err
		}
		step, more, err := Plan(state, site, reporter)
		if err != nil || !more {
			return removed, err
		}
		if slices.Contains(written, step.Group) {
			// The look does not show our own write yet, or somebody undid it.
			// Either way a second write would follow a look that cannot be trusted.
			return removed, contract.TransientF(contract.NotProven,
				"%s was written, but a read still shows %s in it", step.Group, site)
		}
		written = append(written, step.Group)
		// If we die here, the next look finds the group as it is: the machine
		// calls again and only what is left is removed.
		gone, err := write(ctx, look, w, step, site, reporter)
		if err != nil {
			return removed, fmt.Errorf("removing %s from %s: %w", site, step.Group, err)
		}
		removed = append(removed, gone...)
	}
}

// proveServed is I1's second half: the read after a write must show the
// reporter in service in the listeners that lost the site.
func proveServed(s State, removed []contract.Endpoint, reporter contract.Site) error {
	for _, l := range s.Listeners {
		wrote := slices.ContainsFunc(removed, func(e contract.Endpoint) bool { return e.Listener == l.ARN })
		if wrote && !l.InService(reporter) {
			return contract.RefusedF(contract.WentDark,
				"%s has no endpoint of %s in service any more: somebody changed it at the same moment; "+
					"put an endpoint in service there by hand now", l.ARN, reporter)
		}
	}
	return nil
}

// write takes a step and returns what it removed.
func write(ctx context.Context, look Look, w Writing, step Removal, site, reporter contract.Site) ([]contract.Endpoint, error) {
	err := update(ctx, w, step)
	if _, invalid := errors.AsType[*gatypes.InvalidArgumentException](err); !invalid {
		return step.Remove, awserr.Sort(err, "UpdateEndpointGroup")
	}
	// The update must resolve every endpoint that stays, and one of them may be
	// gone. RemoveEndpoints names only what goes; it follows a look of its own.
	state, lookErr := look(ctx)
	if lookErr != nil {
		return nil, lookErr
	}
	again, more, planErr := Plan(state, site, reporter)
	if planErr != nil {
		return nil, planErr
	}
	if !more || again.Group != step.Group {
		return nil, contract.TransientF(contract.NotProven, "the group changed while it was written")
	}
	return again.Remove, awserr.Sort(remove(ctx, w, again), "RemoveEndpoints (after UpdateEndpointGroup was refused: "+awserr.Code(err)+")")
}

func update(ctx context.Context, w Writing, step Removal) error {
	// Never nil: AWS takes a missing list as "unchanged" and an empty one as "none".
	keep := make([]gatypes.EndpointConfiguration, 0, len(step.Keep))
	for _, e := range step.Keep {
		keep = append(keep, gatypes.EndpointConfiguration{
			EndpointId: aws.String(e.ID), Weight: aws.Int32(e.Weight),
			ClientIPPreservationEnabled: aws.Bool(e.ClientIPPreservation),
		})
	}
	_, err := w.UpdateEndpointGroup(ctx, &ga.UpdateEndpointGroupInput{
		EndpointGroupArn: &step.Group, EndpointConfigurations: keep,
	})
	return err
}

func remove(ctx context.Context, w Writing, step Removal) error {
	ids := make([]gatypes.EndpointIdentifier, 0, len(step.Remove))
	for _, e := range step.Remove {
		ids = append(ids, gatypes.EndpointIdentifier{
			EndpointId: aws.String(e.Endpoint), ClientIPPreservationEnabled: aws.Bool(e.ClientIPPreservation),
		})
	}
	_, err := w.RemoveEndpoints(ctx, &ga.RemoveEndpointsInput{EndpointGroupArn: &step.Group, EndpointIdentifiers: ids})
	return err
}
