// Package deployed reads what a deployed stack says of itself: its outputs. It
// changes nothing.
package deployed

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

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
	Bus           string // the event bus's name
	Topic         string // the ARN of the topic of alarms and news
	Deployments   []Deployment
}

// Deployment is one deployment of the stack.
type Deployment struct {
	Name    string
	Guard   string // machine ARN
	Fence   string // machine ARN
	Restore string // machine ARN
	Inspect string // function name
	Pause   string // name of the SSM parameter
}

// Find returns the deployment of that name, or the only one if the name is
// empty. The error names those there are.
func (o Outputs) Find(name string) (Deployment, error) {
	var names []string
	for _, d := range o.Deployments {
		if d.Name == name || name == "" && len(o.Deployments) == 1 {
			return d, nil
		}
		names = append(names, d.Name)
	}
	if name == "" {
		return Deployment{}, fmt.Errorf("the stack has several deployments: choose one of %s", strings.Join(names, ", "))
	}
	return Deployment{}, fmt.Errorf("the stack has no deployment %.60q, it has %s", name, strings.Join(names, ", "))
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
	found := Outputs{IngestURL: values[ingestURL], WebhookSecret: values[webhookSecret], Bus: values["BusName"], Topic: values["TopicArn"]}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		id, ok := strings.CutPrefix(key, guardMachine)
		if !ok {
			continue
		}
		m := guardName.FindStringSubmatch(values[key])
		if m == nil {
			return Outputs{}, fmt.Errorf("stack %s: output %s: got %.200q, want the ARN of a guard machine", stack, key, values[key])
		}
		found.Deployments = append(found.Deployments, Deployment{
			Name: m[1], Guard: values[key], Fence: values["FenceMachineArn"+id], Restore: values["RestoreMachineArn"+id],
			Inspect: values["InspectFunctionName"+id], Pause: values["PauseParameter"+id],
		})
	}
	return found, nil
}

// The outputs' names; infra declares them.
const ingestURL, webhookSecret, guardMachine = "IngestUrl", "WebhookSecretArn", "GuardMachineArn"

// guardName finds the deployment's name, which an output's name cannot hold
// (it has no hyphens), in the machine's name, which infra gives.
var guardName = regexp.MustCompile(`:stateMachine:sitefence-([a-z0-9-]+)-guard-[0-9a-f]+$`)
