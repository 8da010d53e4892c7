package accelerator

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	gatypes "github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// Region is where Global Accelerator's control plane is, whatever the Regions
// of the endpoints (AWS General Reference, "Global Accelerator endpoints").
const Region = "us-west-2"

// pageSize is the largest that the List operations take.
const pageSize = 100

// readLimit bounds the reads of one accelerator that run side by side: Global
// Accelerator throttles an account at a few calls a second.
const readLimit = 4

// maxPages bounds a list: an accelerator has a few listeners, and each of them at
// most one group in a Region (Global Accelerator quotas). A list whose next token
// never ends would otherwise be read until the time is up.
const maxPages = 100

// maxWeight and maxDial are the largest that an endpoint and a group can have.
const (
	maxWeight = 255
	maxDial   = 100
)

// DefaultWeight and DefaultDial are AWS's values for what an answer leaves out
// (EndpointConfiguration and EndpointGroup in the API reference).
const (
	DefaultWeight = 128
	DefaultDial   = 100
)

// Reading is the part of the Global Accelerator API that a Reader needs.
type Reading interface {
	DescribeAccelerator(context.Context, *ga.DescribeAcceleratorInput, ...func(*ga.Options)) (*ga.DescribeAcceleratorOutput, error)
	ListListeners(context.Context, *ga.ListListenersInput, ...func(*ga.Options)) (*ga.ListListenersOutput, error)
	ListEndpointGroups(context.Context, *ga.ListEndpointGroupsInput, ...func(*ga.Options)) (*ga.ListEndpointGroupsOutput, error)
}

// Reader reads one deployment's accelerator. It is safe for concurrent use.
type Reader struct {
	Accelerator Reading
	Balancers   Tags
	Deployment  config.Deployment
	// Seen may be nil: then each look asks for tags when it knows the endpoints.
	Seen *Seen
}

// Read looks at every listener, group and endpoint, freshly, and attributes
// each endpoint. Errors are of the contract's types.
func (r Reader) Read(ctx context.Context) (State, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of what was asked for early and is not needed
	listeners, err := r.listeners(ctx)
	if err != nil {
		return State{}, err
	}
	asked := r.ask(ctx) // not before: where this list is throttled, tags would be read for nothing
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
	return state, r.attribute(ctx, state, asked)
}

func (r Reader) listeners(ctx context.Context) ([]string, error) {
	const what = "reading the accelerator's listeners"
	var arns []string
	pages := ga.NewListListenersPaginator(r.Accelerator, &ga.ListListenersInput{
		AcceleratorArn: &r.Deployment.Accelerator.ARN, MaxResults: aws.Int32(pageSize),
	})
	for n := 0; pages.HasMorePages(); n++ {
		if n == maxPages {
			return nil, malformed(what, "the list does not end")
		}
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Sort(err, what)
		}
		if page.Listeners == nil {
			return nil, malformed(what, "it has no list")
		}
		for _, l := range page.Listeners {
			if aws.ToString(l.ListenerArn) == "" {
				return nil, malformed(what, "a listener has no ARN")
			}
			arns = append(arns, *l.ListenerArn)
		}
	}
	return arns, nil
}

func (r Reader) groups(ctx context.Context, listener string) ([]Group, error) {
	what := "reading the endpoint groups of " + listener
	var groups []Group
	pages := ga.NewListEndpointGroupsPaginator(r.Accelerator, &ga.ListEndpointGroupsInput{
		ListenerArn: &listener, MaxResults: aws.Int32(pageSize),
	})
	for n := 0; pages.HasMorePages(); n++ {
		if n == maxPages {
			return nil, malformed(what, "the list does not end")
		}
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awserr.Sort(err, what)
		}
		if page.EndpointGroups == nil {
			return nil, malformed(what, "it has no list")
		}
		for _, g := range page.EndpointGroups {
			if problem := check(g); problem != "" {
				return nil, malformed(what, problem)
			}
			groups = append(groups, groupOf(g))
		}
	}
	return groups, nil
}

// malformed is an answer that cannot be one. What is missing in it must never
// read as what is not there: a site that seems absent is cut off (I2).
func malformed(what, problem string) error {
	return contract.TransientF(contract.Unavailable, "%s: the answer is not as expected: %s", what, problem)
}

// check says what is wrong with a group, or nothing. A list without items is
// there nevertheless in AWS's answers.
func check(g gatypes.EndpointGroup) string {
	dial := aws.ToFloat32(g.TrafficDialPercentage)
	switch {
	case aws.ToString(g.EndpointGroupArn) == "":
		return "a group has no ARN"
	case !(dial >= 0 && dial <= maxDial): // NaN too
		return "a traffic dial is not between 0 and 100"
	case g.EndpointDescriptions == nil:
		return "a group has no list of endpoints"
	}
	for _, d := range g.EndpointDescriptions {
		if weight := aws.ToInt32(d.Weight); aws.ToString(d.EndpointId) == "" || weight < 0 || weight > maxWeight {
			return "an endpoint has no id, or a weight that is not between 0 and 255"
		}
	}
	return ""
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
			Healthy:              d.HealthState == gatypes.HealthStateHealthy,
		}
		if d.Weight != nil {
			e.Weight = *d.Weight
		}
		group.Endpoints = append(group.Endpoints, e)
	}
	return group
}
