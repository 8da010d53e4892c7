// Package infra is Sitefence as CDK constructs: the whole stack (NewStack), all of
// it in a stack of yours (NewSitefence), or the parts that you want there (NewBus,
// NewIngest, NewDeployment, NewNotifications, NewSchedules, NewAlarms, NewDashboards,
// NewOutputs).
//
// Whatever the stack is called and however often a construct is in it: no two
// resources get one name, and what cannot be there twice is refused at synthesis.
// examples/embedded is an app of another team that uses it.
package infra

import (
	"errors"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/release"
)

// StackProps is a validated configuration and where the functions are.
type StackProps struct {
	Config config.Config // from LoadConfig
	Assets Assets        // from BuildFunctions, for Config.Tuning.Architecture
	// Synthesizer is NewStack's only. Default: the CDK's own.
	Synthesizer awscdk.IStackSynthesizer
}

// NewStack makes the whole of Sitefence: one door, one bus, one topic, and the
// machines and functions of one to eight deployments.
//
// `cdk destroy` deletes all of it but the log groups.
func NewStack(scope constructs.Construct, name string, props StackProps) (awscdk.Stack, error) {
	c := props.Config
	stack := awscdk.NewStack(scope, jsii.String(name), &awscdk.StackProps{
		Description: jsii.String("Sitefence: fences the site that a site and its peer cannot agree about"),
		Synthesizer: props.Synthesizer,
		// Eight deployments take half as much again with it, and CloudFormation
		// reads no template of more than 1 MiB.
		SuppressTemplateIndentation: jsii.Bool(true),
	})
	if _, err := newParts(stack, props); err != nil {
		return nil, err
	}
	addTags(stack, name, c.Tags)
	warn(stack, c)
	return stack, nil
}

// newParts makes all the parts in a scope.
func newParts(scope constructs.Construct, props StackProps) (Sitefence, error) {
	c := props.Config
	var names []string
	for _, d := range c.Deployments {
		names = append(names, d.Name)
	}
	if err := errors.Join(checkOutputNames(names), checkSilentNames(c.Deployments)); err != nil {
		return Sitefence{}, err
	}
	bound(scope, c.Tuning)
	bus := NewBus(scope)
	door, err := NewIngest(scope, IngestProps{Config: c, Assets: props.Assets, Bus: bus})
	if err != nil {
		return Sitefence{}, err
	}
	var deployments []Deployment
	for _, d := range c.Deployments {
		made, err := NewDeployment(scope, DeploymentProps{Deployment: d, Tuning: c.Tuning, Assets: props.Assets, Bus: bus, WebhookUser: c.Webhook.User, Rules: NoticeRules()})
		if err != nil {
			return Sitefence{}, fmt.Errorf("deployment %s: %w", d.Name, err)
		}
		deployments = append(deployments, made)
	}
	news := NewNotifications(scope, NotificationsProps{Notifications: c.Notifications, Bus: bus})
	schedules, err := NewSchedules(scope, SchedulesProps{Drift: c.Drift, Tuning: c.Tuning, Deployments: deployments})
	if err != nil {
		return Sitefence{}, err
	}
	NewAlarms(scope, AlarmsProps{Notifications: news, Bus: bus, Ingest: door, Deployments: deployments, Schedules: schedules})
	if c.Tuning.Dashboards {
		if err := NewDashboards(scope, DashboardsProps{Bus: bus, Ingest: door, Notifications: news, Deployments: deployments}); err != nil {
			return Sitefence{}, err
		}
	}
	made := Sitefence{Bus: bus, Ingest: door, Notifications: news, Deployments: deployments}
	return made, NewOutputs(scope, made)
}

// addOutputs names what people and tools need of the stack. The names are part
// of the product: they stay.
//
//	IngestUrl                where Alertmanager posts
//	BusName                  the event bus
//	TopicArn                 where alarms and news of fences go
//	ChatTopicArn             the same for a chat, if it was asked for
//	WebhookSecretArn         the webhook's password: its ARN, or its name as configured
//	GuardMachineArn<Name>    per deployment; eu-prod is EuProd
//	FenceMachineArn<Name>
//	PauseParameter<Name>
//	RestoreMachineArn<Name>
//	InspectFunctionName<Name>
//	DashboardName<Name>      if there are dashboards
func addOutputs(scope constructs.Construct, bus Bus, door Ingest, news Notifications, deployments []Deployment) {
	output := func(name, value, description string) {
		awscdk.NewCfnOutput(scope, jsii.String(name), &awscdk.CfnOutputProps{
			Value: jsii.String(value), Description: jsii.String(description),
		}).OverrideLogicalId(jsii.String(name)) // also inside of another construct
	}
	output("IngestUrl", door.URL, "Where Alertmanager posts (Basic authentication)")
	output("BusName", bus.Name, "The event bus")
	output("TopicArn", *news.Topic.TopicArn(), "Alarms and news of fences")
	if news.Chat != nil {
		output("ChatTopicArn", *news.Chat.TopicArn(), "Alarms and news of fences, for Amazon Q in chat applications")
	}
	output("WebhookSecretArn", door.Secret, "The secret whose string is the webhook's password")
	for _, d := range deployments {
		output("GuardMachineArn"+outputName(d.Name), *d.Guard.StateMachineArn(), "The guard of "+d.Name+": replay an execution here")
		output("FenceMachineArn"+outputName(d.Name), *d.Fence.StateMachineArn(), "The fence of "+d.Name+": redrive an execution here")
		output("PauseParameter"+outputName(d.Name), d.Pause, "The pause of "+d.Name+": an SSM parameter")
		output("RestoreMachineArn"+outputName(d.Name), *d.Restore.StateMachineArn(), "The restore of "+d.Name+": brings a fenced site back")
		output("InspectFunctionName"+outputName(d.Name), *d.Inspect.FunctionName(), "Reads all there is to see of "+d.Name+", for status and doctor")
		if d.Dashboard != "" {
			output("DashboardName"+outputName(d.Name), d.Dashboard, "What to look at when "+d.Name+" is fenced: a CloudWatch dashboard")
		}
	}
}

func addTags(scope constructs.Construct, name string, tags map[string]string) {
	add := func(key, value string) { awscdk.Tags_Of(scope).Add(jsii.String(key), jsii.String(value), nil) }
	add("sitefence", name)
	add(release.Tag, release.Version)
	for key, value := range tags {
		add(key, value)
	}
}

// warn says at synthesis which lines of defence the configuration gave up.
func warn(scope constructs.Construct, c config.Config) {
	add := func(id, text string) {
		awscdk.Annotations_Of(scope).AddWarningV2(jsii.String("sitefence:"+id), jsii.String(text))
	}
	if !c.Tuning.ReservedConcurrency {
		add("reservedConcurrency", "tuning.reservedConcurrency is false: two executions may write one accelerator at the same time, "+
			"and a flood of requests can take the account's concurrency from the fence")
	}
	for _, d := range c.Deployments {
		for _, s := range d.Sites {
			if s.Infinispan != nil && s.Infinispan.InsecureSkipVerify {
				add(fmt.Sprintf("insecureSkipVerify:%s/%s", d.Name, s.Name), fmt.Sprintf(
					"deployment %s, site %s: insecureSkipVerify is true: whoever is between Sitefence and Infinispan can read its password", d.Name, s.Name))
			}
		}
	}
}
