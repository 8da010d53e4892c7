// Package deployed reads what a deployed stack says of itself: its outputs. It
// changes nothing.
package deployed

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// Client is the one call of CloudFormation that is needed.
type Client interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
}

// Outputs are the outputs of Sitefence's stack that other programs need.
type Outputs struct {
	IngestURL string // where Alertmanager posts
	// WebhookSecret is the ARN, or the configured name, of the secret that holds
	// the webhook's password.
	WebhookSecret string
}

// Read returns the outputs of the stack of that name or ARN. A stack that lacks
// one of them is no stack of Sitefence, or is not deployed yet: an error that
// names the output.
func Read(ctx context.Context, client Client, stack string) (Outputs, error) {
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil {
		return Outputs{}, fmt.Errorf("reading the outputs of stack %s: %w", stack, err)
	}
	if len(out.Stacks) != 1 {
		return Outputs{}, fmt.Errorf("reading the outputs of stack %s: %d stacks in the answer", stack, len(out.Stacks))
	}
	values := map[string]string{}
	for _, o := range out.Stacks[0].Outputs {
		values[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	for _, key := range []string{ingestURL, webhookSecret} {
		if values[key] == "" {
			return Outputs{}, fmt.Errorf("stack %s (%s) has no output %s: is it Sitefence's, and deployed?",
				stack, out.Stacks[0].StackStatus, key)
		}
	}
	return Outputs{values[ingestURL], values[webhookSecret]}, nil
}

// The outputs' names; infra declares them.
const ingestURL, webhookSecret = "IngestUrl", "WebhookSecretArn"
