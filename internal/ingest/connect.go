package ingest

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/sitefence/sitefence/internal/awsenv"
)

// connector opens the connection to EventBridge, the first time that it is called.
func connector(client *eventbridge.Client) func() {
	return sync.OnceFunc(func() {
		o := client.Options()
		at, err := o.EndpointResolverV2.ResolveEndpoint(context.Background(), eventbridge.EndpointParameters{
			Region: &o.Region, Endpoint: o.BaseEndpoint,
			UseFIPS:      aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
			UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
		})
		if err == nil { // else the call says what is wrong
			awsenv.Connect(o.HTTPClient, at.URI.String())
		}
	})
}
