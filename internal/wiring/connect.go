package wiring

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/sitefence/sitefence/internal/awsenv"
	"github.com/sitefence/sitefence/internal/config"
)

// connect opens the connection to the load balancers of the function's own Region,
// where most sites have theirs, while the accelerator is read: whose they are is asked
// as soon as the endpoints are known. Where they are elsewhere one handshake was for
// nothing. Call it once, before any call.
func (f Function) connect() {
	if url := f.balancers(); url != "" {
		awsenv.Connect(f.aws.HTTPClient, url)
	}
}

// balancers is where tags are asked for in the function's own Region; "" if none ever
// are, for the configuration lists the load balancers of all sites, or if it cannot be
// said: then the call says what is wrong.
func (f Function) balancers() string {
	if !slices.ContainsFunc(f.Deployment.Sites, func(s config.Site) bool { return len(s.LoadBalancerARNs) == 0 }) {
		return ""
	}
	o := elb.NewFromConfig(f.aws).Options()
	at, err := o.EndpointResolverV2.ResolveEndpoint(context.Background(), elb.EndpointParameters{
		Region: &o.Region, Endpoint: o.BaseEndpoint,
		UseFIPS:      aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
	})
	if err != nil {
		return ""
	}
	return at.URI.String()
}
