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

// addBatch is the most endpoints that one AddEndpoints call takes (Global
// Accelerator API reference), and at the usual quota all that a group holds.
const addBatch = 10

// Adding is the part of the Global Accelerator API that Rejoin needs. As for
// Writing, the client behind it must not retry by itself.
type Adding interface {
	AddEndpoints(context.Context, *ga.AddEndpointsInput, ...func(*ga.Options)) (*ga.AddEndpointsOutput, error)
}

// Addition is one endpoint group with what is put back into it.
type Addition struct {
	Listener, Group string
	Add             []contract.Endpoint
}

// CheckEndpoints holds what is to be put back against the accelerator: an input
// must not choose what is written (I7). It asks nobody. Its error is
// Misconfigured and names every field that is wrong.
func CheckEndpoints(accelerator string, endpoints []contract.Endpoint) error {
	var problems []error
	for i, e := range endpoints {
		want := func(ok bool, field, expected string, got any) {
			if !ok {
				problems = append(problems, fmt.Errorf("endpoints[%d].%s: got %.300q, want %s", i, field, fmt.Sprint(got), expected))
			}
		}
		region, balancer := balancerRegion(e.Endpoint)
		want(below(e.Listener, accelerator, "/listener/"), "listener", "the ARN of a listener of "+accelerator, e.Listener)
		want(below(e.Group, e.Listener, "/endpoint-group/"), "group", "the ARN of an endpoint group of its listener", e.Group)
		want(balancer && regionPattern.MatchString(region), "endpoint", "a load balancer's ARN", e.Endpoint)
		want(e.Weight >= 0 && e.Weight <= maxWeight, "weight", "0 to 255", e.Weight)
		want(!slices.ContainsFunc(endpoints[:i], func(o contract.Endpoint) bool { return same(o, e) }), "endpoint", "each once in its group", e.Endpoint)
	}
	if err := errors.Join(problems...); err != nil {
		return contract.MisconfiguredF(contract.BadInput, "step input: %v", err)
	}
	return nil
}

// below reports whether arn is the parent's with one more part behind it.
func below(arn, parent, kind string) bool {
	id, ok := strings.CutPrefix(arn, parent+kind)
	return ok && id != "" && !strings.ContainsAny(id, "/ ")
}

// same: RemoveEndpoints tells an endpoint by its id and its preservation of the
// client's address, so a group may hold a load balancer once with and once
// without it.
func same(a, b contract.Endpoint) bool {
	return a.Group == b.Group && a.Endpoint == b.Endpoint && a.ClientIPPreservation == b.ClientIPPreservation
}

// CheckOwners wants every endpoint to exist and to be the site's. Its error is
// Misconfigured and says what to do.
func CheckOwners(owners map[string]Owner, endpoints []contract.Endpoint, site contract.Site) error {
	var problems []error
	var told []string
	for _, e := range endpoints {
		if slices.Contains(told, e.Endpoint) {
			continue
		}
		told = append(told, e.Endpoint)
		switch owner := owners[e.Endpoint]; {
		case owner.Site == site:
		case owner.Site != "":
			problems = append(problems, fmt.Errorf("%s belongs to %s, not to %s", e.Endpoint, owner.Site, site))
		case owner.Unattributed:
			problems = append(problems, fmt.Errorf("%s belongs to no site; tag it with %s=%s or list it in loadBalancerArns", e.Endpoint, SiteTag, site))
		default:
			problems = append(problems, fmt.Errorf("%s does not exist any more; name its successor instead", e.Endpoint))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return contract.MisconfiguredF(contract.NotFound, "the endpoints to put back: %v", err)
	}
	return nil
}

// Owners says whose the endpoints' load balancers are, whether or not the
// accelerator holds them. One that does not exist has the zero Owner. Errors are
// of the contract's types.
func (r Reader) Owners(ctx context.Context, endpoints []contract.Endpoint) (map[string]Owner, error) {
	group := Group{}
	for _, e := range endpoints {
		group.Endpoints = append(group.Endpoints, Endpoint{ID: e.Endpoint})
	}
	r.Seen = nil // these are not what the next look sees
	if err := r.attribute(ctx, State{Listeners: []Listener{{Groups: []Group{group}}}}, nil); err != nil {
		return nil, err
	}
	owners := map[string]Owner{}
	for _, e := range group.Endpoints {
		owners[e.ID] = e.Owner
	}
	return owners, nil
}

// Deployed reports whether the accelerator's last change has reached every edge
// of Global Accelerator's.
func (r Reader) Deployed(ctx context.Context) (bool, error) {
	const what = "reading the accelerator's status"
	out, err := r.Accelerator.DescribeAccelerator(ctx, &ga.DescribeAcceleratorInput{AcceleratorArn: &r.Deployment.Accelerator.ARN})
	if err != nil {
		return false, awserr.Sort(err, what)
	}
	if out.Accelerator == nil {
		return false, malformed(what, "it has no accelerator")
	}
	switch out.Accelerator.Status {
	case gatypes.AcceleratorStatusDeployed:
		return true, nil
	case gatypes.AcceleratorStatusInProgress:
		return false, nil
	default:
		return false, malformed(what, fmt.Sprintf("the status is %.40q", out.Accelerator.Status))
	}
}

// Missing lists which of the endpoints are not in the accelerator, one Addition
// for each group that lacks some. A listener or group that no longer exists is
// Misconfigured.
func Missing(s State, endpoints []contract.Endpoint) ([]Addition, error) {
	var all []Addition
	var problems []error
	for _, e := range endpoints {
		g, ok := s.group(e.Listener, e.Group)
		if !ok {
			problems = append(problems, fmt.Errorf("%s", e.Group))
			continue
		}
		if g.has(e, endpoints) {
			continue
		}
		i := slices.IndexFunc(all, func(a Addition) bool { return a.Group == e.Group })
		if i < 0 {
			all = append(all, Addition{Listener: e.Listener, Group: e.Group})
			i = len(all) - 1
		}
		all[i].Add = append(all[i].Add, e)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, contract.MisconfiguredF(contract.NotFound,
			"the accelerator has no such endpoint group any more; name the groups that took its place: %v", err)
	}
	return all, nil
}

func (s State) group(listener, arn string) (Group, bool) {
	for _, l := range s.Listeners {
		for _, g := range l.Groups {
			if l.ARN == listener && g.ARN == arn {
				return g, true
			}
		}
	}
	return Group{}, false
}

// has reports whether the endpoint is there. One whose client IP preservation
// somebody changed is, unless the load balancer was there in both forms.
func (g Group) has(e contract.Endpoint, all []contract.Endpoint) bool {
	both := slices.ContainsFunc(all, func(o contract.Endpoint) bool { return o.Group == e.Group && o.Endpoint == e.Endpoint && !same(o, e) })
	return slices.ContainsFunc(g.Endpoints, func(there Endpoint) bool {
		return there.ID == e.Endpoint && (!both || there.ClientIPPreservation == e.ClientIPPreservation)
	})
}

// Unserved lists the listeners that are to get endpoints back but in which the
// reporter is not in service.
func Unserved(s State, missing []Addition, reporter contract.Site) []string {
	var arns []string
	for _, l := range s.Listeners {
		gets := slices.ContainsFunc(missing, func(a Addition) bool { return a.Listener == l.ARN })
		if gets && !l.InService(reporter) {
			arns = append(arns, l.ARN)
		}
	}
	return arns
}

// Unready reports whether one of the endpoints that take traffic is not HEALTHY
// (yet). One without a weight, or in a group without a dial, is not waited for.
func Unready(s State, endpoints []contract.Endpoint) bool {
	return slices.ContainsFunc(endpoints, func(want contract.Endpoint) bool {
		g, _ := s.group(want.Listener, want.Group)
		return slices.ContainsFunc(g.Endpoints, func(e Endpoint) bool {
			return e.ID == want.Endpoint && g.Dial > 0 && e.Weight > 0 && !e.Healthy
		})
	})
}

// Rejoin puts back the endpoints that are not in the accelerator, with their
// weight and client IP preservation, and returns what it put back, also beside
// an error. What is there already is left as it is: AddEndpoints only adds, so
// that nothing which came meanwhile is overwritten. Each write comes right after
// a look of its own, which must show the reporter in service in every listener
// that gets something (I1) and holds all the other conditions; the last look is
// the proof.
func Rejoin(ctx context.Context, look Look, w Adding, endpoints []contract.Endpoint, reporter contract.Site) ([]contract.Endpoint, error) {
	var added []contract.Endpoint
	for {
		state, err := look(ctx)
		if err != nil {
			return added, err
		}
		if err := proveServed(state, added, reporter); err != nil {
			return added, err
		}
		missing, err := Missing(state, endpoints)
		if err != nil || len(missing) == 0 {
			return added, err
		}
		if dark := Unserved(state, missing, reporter); len(dark) > 0 {
			return added, contract.RefusedF(contract.ReporterNotInService,
				"%s, which goes on alone if this fails, is not in service in %s; put it back in service there (weight and traffic dial above 0), then try again",
				reporter, strings.Join(dark, ", "))
		}
		step := missing[0]
		step.Add = step.Add[:min(len(step.Add), addBatch)]
		for _, e := range step.Add {
			if slices.ContainsFunc(added, func(o contract.Endpoint) bool { return same(o, e) }) {
				// The look does not show our own write yet, or somebody undid it.
				return added, contract.TransientF(contract.NotProven, "%s was put into %s, but a read does not show it", e.Endpoint, e.Group)
			}
		}
		// If we die here, the next look finds the group as it is: the machine
		// calls again and only what still lacks is added.
		if err := add(ctx, w, step); err != nil {
			return added, err
		}
		added = append(added, step.Add...)
	}
}

func add(ctx context.Context, w Adding, step Addition) error {
	list := make([]gatypes.EndpointConfiguration, 0, len(step.Add))
	for _, e := range step.Add {
		list = append(list, gatypes.EndpointConfiguration{
			EndpointId: aws.String(e.Endpoint), Weight: aws.Int32(e.Weight), ClientIPPreservationEnabled: aws.Bool(e.ClientIPPreservation),
		})
	}
	_, err := w.AddEndpoints(ctx, &ga.AddEndpointsInput{EndpointGroupArn: &step.Group, EndpointConfigurations: list})
	if full, ok := errors.AsType[*gatypes.LimitExceededException](err); ok {
		return contract.MisconfiguredF(contract.BadInput,
			"AddEndpoints: %s has no room for %d more: %.300s; take out what does not belong there, or raise the quota", step.Group, len(list), aws.ToString(full.Message))
	}
	return awserr.Sort(err, "AddEndpoints to "+step.Group)
}
