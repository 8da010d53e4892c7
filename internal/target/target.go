// Package target counts who is behind a load balancer. An answer without the list
// that was asked for is never taken for "nobody is there".
package target

import (
	"context"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/contract"
)

// Client is the part of the Elastic Load Balancing API that is read. The Region
// is given with each call.
type Client interface {
	DescribeTargetGroups(context.Context, *elb.DescribeTargetGroupsInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error)
	DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput, ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error)
}

// maxPages bounds the list of target groups; a load balancer has a hundred or so
// at most.
const maxPages = 100

// arnPattern is a load balancer's ARN. The Region becomes a part of the name of
// the host that is asked (I7).
var arnPattern = regexp.MustCompile(
	`^arn:aws:elasticloadbalancing:([a-z]{2,8}(?:-[a-z]+)+-[0-9]{1,2}):[0-9]{12}:loadbalancer/(?:net|app)/[A-Za-z0-9-]{1,32}/[0-9a-z]{1,32}$`)

// IsBalancer reports whether an endpoint's id is a load balancer's ARN.
func IsBalancer(id string) bool { return arnPattern.MatchString(id) }

// Count is what is behind one load balancer. Targets of several groups count once
// in each.
type Count struct{ Groups, Healthy, Total int }

// Behind counts the target groups of a load balancer and their targets (Elastic
// Load Balancing API reference, DescribeTargetGroups, DescribeTargetHealth). Its
// errors are of the contract's types: a load balancer that is gone is
// Misconfigured, not-found.
func Behind(ctx context.Context, client Client, balancer string) (Count, error) {
	part := arnPattern.FindStringSubmatch(balancer)
	if part == nil {
		return Count{}, contract.MisconfiguredF(contract.BadInput, "%.300q is no load balancer's ARN", balancer)
	}
	region := func(o *elb.Options) { o.Region = part[1] }
	what := "reading the target groups of " + balancer
	var sum Count
	pages := elb.NewDescribeTargetGroupsPaginator(client, &elb.DescribeTargetGroupsInput{LoadBalancerArn: &balancer})
	for n := 0; pages.HasMorePages(); n++ {
		if n == maxPages {
			return Count{}, contract.TransientF(contract.Unavailable, "%s: the list does not end", what)
		}
		page, err := pages.NextPage(ctx, region)
		switch {
		case awserr.Code(err) == "LoadBalancerNotFound":
			return Count{}, contract.MisconfiguredF(contract.NotFound, "%s does not exist any more; name the load balancer that took its place", balancer)
		case err != nil:
			return Count{}, awserr.Sort(err, what)
		case page.TargetGroups == nil:
			return Count{}, contract.TransientF(contract.Unavailable, "%s: the answer is not as expected: it has no list", what)
		}
		for _, g := range page.TargetGroups {
			sum.Groups++
			if err := sum.add(ctx, client, aws.ToString(g.TargetGroupArn), region); err != nil {
				return Count{}, err
			}
		}
	}
	return sum, nil
}

// add counts the targets of one group.
func (c *Count) add(ctx context.Context, client Client, group string, region func(*elb.Options)) error {
	what := "reading the targets' health of " + group
	out, err := client.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &group}, region)
	if err != nil {
		return awserr.Sort(err, what)
	}
	if out.TargetHealthDescriptions == nil {
		return contract.TransientF(contract.Unavailable, "%s: the answer is not as expected: it has no list", what)
	}
	for _, t := range out.TargetHealthDescriptions {
		c.Total++
		if t.TargetHealth != nil && t.TargetHealth.State == types.TargetHealthStateEnumHealthy {
			c.Healthy++
		}
	}
	return nil
}
