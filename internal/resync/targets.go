package resync

import (
	"context"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/contract"
)

// balancerPattern is a load balancer's ARN. The Region becomes a part of a host's
// name (I7).
var balancerPattern = regexp.MustCompile(
	`^arn:aws:elasticloadbalancing:([a-z]{2,8}(?:-[a-z]+)+-[0-9]{1,2}):[0-9]{12}:loadbalancer/(?:net|app)/[A-Za-z0-9-]{1,32}/[0-9a-z]{1,32}$`)

// targets asks for at least one healthy target behind every load balancer that is
// to go back, and returns how many those are.
func (h Handler) targets(ctx context.Context, r run) (int, error) {
	var balancers []string
	for _, e := range r.Endpoints {
		if balancerPattern.MatchString(e.Endpoint) && !slices.Contains(balancers, e.Endpoint) {
			balancers = append(balancers, e.Endpoint)
		}
	}
	if len(balancers) == 0 {
		return 0, contract.MisconfiguredF(contract.NotFound,
			"none of the endpoints of %s is a load balancer, so its health cannot be told; set healthUrl of the site and deploy", r.Site)
	}
	for _, arn := range balancers {
		if err := h.behind(ctx, r, arn); err != nil {
			return 0, err
		}
	}
	return len(balancers), nil
}

// behind asks for a healthy target behind one load balancer.
func (h Handler) behind(ctx context.Context, r run, arn string) error {
	region := func(o *elb.Options) { o.Region = balancerPattern.FindStringSubmatch(arn)[1] }
	groups, err := h.Targets.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{LoadBalancerArn: &arn}, region)
	if awserr.Code(err) == "LoadBalancerNotFound" {
		return contract.MisconfiguredF(contract.NotFound, "%s of %s does not exist any more; name the load balancer that took its place", arn, r.Site)
	}
	if err != nil {
		return awserr.Sort(err, "reading the target groups of "+arn)
	}
	if len(groups.TargetGroups) == 0 {
		return contract.MisconfiguredF(contract.NotFound,
			"%s of %s has no target group, so its health cannot be told; give it one, or set healthUrl of the site and deploy", arn, r.Site)
	}
	for _, g := range groups.TargetGroups {
		health, err := h.Targets.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn}, region)
		if err != nil {
			return awserr.Sort(err, "reading the targets of "+aws.ToString(g.TargetGroupArn))
		}
		for _, t := range health.TargetHealthDescriptions {
			if t.TargetHealth != nil && t.TargetHealth.State == types.TargetHealthStateEnumHealthy {
				return nil
			}
		}
	}
	return contract.TransientF(contract.NotHealthy, "%s of %s has no healthy target; is Keycloak at %s started?", arn, r.Site, r.Site)
}
