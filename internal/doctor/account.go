package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/deployed"
	"github.com/sitefence/sitefence/internal/inspected"
	"github.com/sitefence/sitefence/internal/release"
	"github.com/sitefence/sitefence/internal/secret"
)

const (
	maxPages  = 100 // of any list
	tagLimit  = 8   // reads of tags at a time
	maxAnswer = 64 << 10
)

// account reads one stack of an AWS account.
type account struct {
	aws     aws.Config
	stack   string
	outputs deployed.Outputs
	postURL string
}

// Account reads the stack of that name by the operator's own credentials. postURL
// is the ingest URL in a form that can be reached from here.
func Account(cfg aws.Config, stack string, outputs deployed.Outputs, postURL string) Reads {
	a := account{cfg, stack, outputs, postURL}
	return Reads{
		Inspect: a.inspect, WebhookSecret: secret.New(secretsmanager.NewFromConfig(cfg), outputs.WebhookSecret).Get,
		Post: a.post, Subscriptions: a.subscriptions, Rules: a.rules, Running: a.running, Releases: a.releases,
	}
}

// inspect asks the deployment's Inspect function.
func (a account) inspect(ctx context.Context, d deployed.Deployment) (contract.Inspection, error) {
	return inspected.Ask(ctx, lambda.NewFromConfig(a.aws), d.Inspect, d.Name)
}

// harmless is a webhook as Alertmanager's, without any alert.
const harmless = `{"version":"4","groupKey":"sitefence-doctor","status":"resolved","receiver":"sitefence-doctor","alerts":[]}`

// client follows no redirect: the password goes to the ingest URL and nowhere else.
var client = &http.Client{
	Timeout:       ReadTime,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (a account) post(ctx context.Context, user string, password secret.Value) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.postURL, strings.NewReader(harmless))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(user, password.Expose())
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing of it is needed
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, nil
}

func (a account) subscriptions(ctx context.Context) ([]Subscription, error) {
	var all []Subscription
	pages := sns.NewListSubscriptionsByTopicPaginator(sns.NewFromConfig(a.aws), &sns.ListSubscriptionsByTopicInput{TopicArn: &a.outputs.Topic})
	for n := 0; pages.HasMorePages() && n < maxPages; n++ {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Subscriptions {
			id := aws.ToString(s.SubscriptionArn)
			if id == "Deleted" {
				continue
			}
			// A confirmed one has an ARN; the other word is PendingConfirmation.
			all = append(all, Subscription{aws.ToString(s.Protocol), aws.ToString(s.Endpoint), !arn.IsARN(id)})
		}
	}
	return all, nil
}

func (a account) rules(ctx context.Context) ([]BusRule, error) {
	var all []BusRule
	in := &eventbridge.ListRulesInput{EventBusName: &a.outputs.Bus}
	bus := eventbridge.NewFromConfig(a.aws)
	for range maxPages {
		out, err := bus.ListRules(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, r := range out.Rules {
			all = append(all, BusRule{aws.ToString(r.Name), r.State != ebtypes.RuleStateDisabled})
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return all, nil
		}
	}
	return nil, errors.New("the list of rules does not end")
}

func (a account) running(ctx context.Context, machine string) ([]string, error) {
	out, err := sfn.NewFromConfig(a.aws).ListExecutions(ctx, &sfn.ListExecutionsInput{
		StateMachineArn: &machine, StatusFilter: sfntypes.ExecutionStatusRunning, MaxResults: 100,
	})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range out.Executions {
		names = append(names, aws.ToString(e.Name))
	}
	return names, nil
}

// releases reads the tag of every machine and function of the stack.
func (a account) releases(ctx context.Context) (map[string]string, error) {
	resources, err := a.resources(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	found := map[string]string{}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(tagLimit)
	for _, r := range resources {
		group.Go(func() error {
			tag, err := a.tag(gctx, r)
			mu.Lock()
			defer mu.Unlock()
			found[r.name] = tag
			return err
		})
	}
	return found, group.Wait()
}

// resource is a function, or a machine with its ARN.
type resource struct{ name, machine string }

func (a account) resources(ctx context.Context) ([]resource, error) {
	var all []resource
	pages := cloudformation.NewListStackResourcesPaginator(cloudformation.NewFromConfig(a.aws), &cloudformation.ListStackResourcesInput{StackName: &a.stack})
	for n := 0; pages.HasMorePages() && n < maxPages; n++ {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range page.StackResourceSummaries {
			id := aws.ToString(s.PhysicalResourceId)
			switch aws.ToString(s.ResourceType) {
			case "AWS::Lambda::Function":
				all = append(all, resource{name: id})
			case "AWS::StepFunctions::StateMachine":
				all = append(all, resource{id[strings.LastIndex(id, ":")+1:], id})
			}
		}
	}
	return all, nil
}

func (a account) tag(ctx context.Context, r resource) (string, error) {
	if r.machine != "" {
		out, err := sfn.NewFromConfig(a.aws).ListTagsForResource(ctx, &sfn.ListTagsForResourceInput{ResourceArn: &r.machine})
		if err != nil {
			return "", err
		}
		for _, tag := range out.Tags {
			if aws.ToString(tag.Key) == release.Tag {
				return aws.ToString(tag.Value), nil
			}
		}
		return "", nil
	}
	function, err := a.functionARN(r.name)
	if err != nil {
		return "", err
	}
	out, err := lambda.NewFromConfig(a.aws).ListTags(ctx, &lambda.ListTagsInput{Resource: &function})
	if err != nil {
		return "", err
	}
	return out.Tags[release.Tag], nil
}

// functionARN makes an ARN of a function's name: the stack's machines are in the
// same account and Region.
func (a account) functionARN(name string) (string, error) {
	if len(a.outputs.Deployments) == 0 {
		return "", errors.New("the stack has no deployment")
	}
	machine, err := arn.Parse(a.outputs.Deployments[0].Guard)
	if err != nil {
		return "", fmt.Errorf("output GuardMachineArn: %w", err)
	}
	machine.Service, machine.Resource = "lambda", "function:"+name
	return machine.String(), nil
}
