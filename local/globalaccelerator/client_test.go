package globalaccelerator_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
	"github.com/aws/smithy-go"

	"github.com/sitefence/sitefence/local/globalaccelerator"
)

const (
	nlbA     = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/site-a/0123456789abcdef"
	nlbB     = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/site-b/0123456789abcdef"
	nlbOther = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/other/0123456789abcdef"
	nlbFar   = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/far/0123456789abcdef"
	albA     = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/site-a/0123456789abcdef"
	eip      = "eipalloc-0123456789abcdef0"
)

func start(t *testing.T, opts globalaccelerator.Options) *globalaccelerator.Fake {
	t.Helper()
	fake := globalaccelerator.New(opts)
	if err := fake.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fake.Close(); err != nil {
			t.Error(err)
		}
	})
	return fake
}

// client never retries by itself unless an option says so.
func client(fake *globalaccelerator.Fake, options ...func(*sdk.Options)) *sdk.Client {
	return sdk.NewFromConfig(aws.Config{
		Region:       globalaccelerator.ControlPlaneRegion,
		BaseEndpoint: aws.String(fake.URL()),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}, options...)
}

// pair is the usual world: one listener, one group, both sites, returned with
// the group's ARN.
func pair(t *testing.T, fake *globalaccelerator.Fake, more ...globalaccelerator.Endpoint) string {
	t.Helper()
	endpoints := append([]globalaccelerator.Endpoint{
		globalaccelerator.NewEndpoint(nlbA).WithWeight(200).PreservingClientIP(),
		globalaccelerator.NewEndpoint(nlbB),
	}, more...)
	a, err := fake.Build("pair", globalaccelerator.NewListener(443, globalaccelerator.NewGroup("eu-west-1", endpoints...)))
	if err != nil {
		t.Fatal(err)
	}
	return a.Listeners[0].Groups[0].ARN
}

// code is the error code of err: "" for nil, the text for what is no answer of
// the service.
func code(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &api):
		return api.ErrorCode()
	default:
		return err.Error()
	}
}

func config(id string) types.EndpointConfiguration {
	return types.EndpointConfiguration{EndpointId: aws.String(id)}
}

func ids(endpoints []globalaccelerator.Endpoint) []string {
	list := []string{}
	for _, e := range endpoints {
		list = append(list, e.ID)
	}
	return list
}

func members(t *testing.T, fake *globalaccelerator.Fake, arn string) []globalaccelerator.Endpoint {
	t.Helper()
	g, ok := fake.Snapshot().Group(arn)
	if !ok {
		t.Fatalf("group %s is gone", arn)
	}
	return g.Endpoints
}

func update(ctx context.Context, c *sdk.Client, arn string, configurations ...types.EndpointConfiguration) error {
	if configurations == nil {
		configurations = []types.EndpointConfiguration{} // an empty set, not an absent one
	}
	_, err := c.UpdateEndpointGroup(ctx, &sdk.UpdateEndpointGroupInput{
		EndpointGroupArn: aws.String(arn), EndpointConfigurations: configurations,
	})
	return err
}

func remove(ctx context.Context, c *sdk.Client, arn string, endpointIDs ...string) error {
	in := &sdk.RemoveEndpointsInput{EndpointGroupArn: aws.String(arn)}
	for _, id := range endpointIDs {
		in.EndpointIdentifiers = append(in.EndpointIdentifiers, types.EndpointIdentifier{EndpointId: aws.String(id)})
	}
	_, err := c.RemoveEndpoints(ctx, in)
	return err
}
