package inspect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/contract"
)

// Targets is the part of the Elastic Load Balancing API that is read. The Region
// is given with each call.
type Targets interface {
	DescribeTargetGroups(context.Context, *elb.DescribeTargetGroupsInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error)
	DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput, ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error)
}

const (
	targetLimit = 4   // calls of one site at a time
	maxPages    = 100 // of target groups; a load balancer has at most a hundred or so
)

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
			part, err := h.behind(gctx, balancer)
			mu.Lock()
			defer mu.Unlock()
			sum.Healthy += part.Healthy
			sum.Total += part.Total
			return err
		})
	}
	return sum, group.Wait()
}

// behind counts the targets of one load balancer's target groups.
func (h Handler) behind(ctx context.Context, balancer string) (contract.Targets, error) {
	what := "reading the target groups of " + balancer
	part := strings.SplitN(balancer, ":", 6)
	if len(part) != 6 || part[3] == "" {
		return contract.Targets{}, contract.TransientF(contract.Unavailable, "%s: it is no load balancer", what)
	}
	inRegion := func(o *elb.Options) { o.Region = part[3] }
	var sum contract.Targets
	pages := elb.NewDescribeTargetGroupsPaginator(h.Targets, &elb.DescribeTargetGroupsInput{LoadBalancerArn: &balancer})
	for n := 0; pages.HasMorePages(); n++ {
		if n == maxPages {
			return sum, contract.TransientF(contract.Unavailable, "%s: the list does not end", what)
		}
		page, err := pages.NextPage(ctx, inRegion)
		if err != nil {
			return sum, awserr.Sort(err, what)
		}
		for _, g := range page.TargetGroups {
			out, err := h.Targets.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn}, inRegion)
			if err != nil {
				return sum, awserr.Sort(err, fmt.Sprintf("reading the targets' health of %s", aws.ToString(g.TargetGroupArn)))
			}
			for _, d := range out.TargetHealthDescriptions {
				sum.Total++
				if d.TargetHealth != nil && d.TargetHealth.State == elbtypes.TargetHealthStateEnumHealthy {
					sum.Healthy++
				}
			}
		}
	}
	return sum, nil
}
