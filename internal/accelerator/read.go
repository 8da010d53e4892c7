package accelerator

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	gatypes "github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/config"
)

// Region is where Global Accelerator's control plane is, whatever the Regions
// of the endpoints (AWS General Reference, "Global Accelerator endpoints").
const Region = "us-west-2"

// pageSize is the largest that the List operations take.
const pageSize = 100

// readLimit bounds the reads of one accelerator that run side by side: Global
// Accelerator throttles an account at a few calls a second.
const readLimit = 4

// DefaultWeight and DefaultDial are AWS's values for what an answer leaves out
// (EndpointConfiguration and EndpointGroup in the API reference).
const (
	DefaultWeight = 128
	DefaultDial   = 100
)

// Reading is the part of the Global Accelerator API that Read needs.
type Reading interface {
	ListListeners(context.Context, *ga.ListListenersInput, ...func(*ga.Options)) (*ga.ListListenersOutput, error)
	ListEndpointGroups(context.Context, *ga.ListEndpointGroupsInput, ...func(*ga.Options)) (*ga.ListEndpointGroupsOutput, error)
}

// Reader reads one deployment's accelerator. It is safe for concurrent use.
type Reader struct {
	Accelerator Reading
	Balancers   Tags
	Deployment  config.Deployment
}

// Read looks at every listener, group and endpoint, freshly, and attributes
// each endpoint. Errors are of the contract's types.
func (r Reader) Read(ctx context.Context) (State, error) {
	listeners, err := r.listeners(ctx)
	if err != nil {
		return State{}, err
	}
	state := State{Listeners: make([]Listener, len(listeners))}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(readLimit)
	for i, arn := range listeners {
		group.Go(func() error {
			groups, err := r.groups(gctx, arn)
			state.Listeners[i] = Listener{ARN: arn, Groups: groups}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return State{}, err
	}
	return state, r.attribute(ctx, state)
}

func (r Reader) listeners(ctx context.Context) ([]string, error) {
	var arns []string
	pages := ga.NewListListenersPaginator(r.Accelerator, &ga.ListListenersInput{
		AcceleratorArn: &r.Deployment.Accelerator.ARN, MaxResults: aws.Int32(pageSize),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Sort(err, "reading the accelerator's listeners")
		}
		for _, l := range page.Listeners {
			arns = append(arns, aws.ToString(l.ListenerArn))
		}
	}
	return arns, nil
}

func (r Reader) groups(ctx context.Context, listener string) ([]Group, error) {
	var groups []Group
	pages := ga.NewListEndpointGroupsPaginator(r.Accelerator, &ga.ListEndpointGroupsInput{
		ListenerArn: &listener, MaxResults: aws.Int32(pageSize),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Sort(err, "reading the endpoint groups of "+listener)
		}
		for _, g := range page.EndpointGroups {
			groups = append(groups, groupOf(g))
		}
	}
	return groups, nil
}

func groupOf(g gatypes.EndpointGroup) Group {
	group := Group{ARN: aws.ToString(g.EndpointGroupArn), Dial: DefaultDial}
	if g.TrafficDialPercentage != nil {
		group.Dial = *g.TrafficDialPercentage
	}
	for _, d := range g.EndpointDescriptions {
		e := Endpoint{
			ID: aws.ToString(d.EndpointId), Weight: DefaultWeight,
			ClientIPPreservation: aws.ToBool(d.ClientIPPreservationEnabled),
			Unhealthy:            d.HealthState == gatypes.HealthStateUnhealthy,
		}
		if d.Weight != nil {
			e.Weight = *d.Weight
		}
		group.Endpoints = append(group.Endpoints, e)
	}
	return group
}
