package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/sitefence/sitefence/internal/contract"
)

// Bus is the one place that knows which kind of event Bus carries Sitefence's
// events: today a custom Bus of EventBridge's first generation.
type Bus struct {
	Name string
	arn  string
}

// NewBus makes the stack's event bus, with the stack's name. It is its own, so that nobody else's rule
// or permission on the account's default bus reaches into a fence.
func NewBus(scope constructs.Construct) Bus {
	b := awsevents.NewEventBus(scope, jsii.String("Bus"), &awsevents.EventBusProps{
		EventBusName: jsii.String(owner(scope)),
		Description:  jsii.String("Sitefence: reports of sites that are offline, and news of fences"),
	})
	b.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	return Bus{Name: *b.EventBusName(), arn: *b.EventBusArn()}
}

// mayPut allows putting events on this bus and on no other.
func (b Bus) mayPut() awsiam.PolicyStatement {
	return allow("PutEvents", b.arn, "events:PutEvents")
}

// ruleProps is one rule with its target, and what else hears of it.
type ruleProps struct {
	Name        string
	Description string
	DetailType  string
	Detail      map[string]any // nil: any
	Target      awsevents.CfnRule_TargetProperty
	More        []awsevents.CfnRule_TargetProperty
}

// ruleARN is the ARN of a rule of that name on the bus, without a reference.
func (b Bus) ruleARN(name string) string {
	return regionalARN("events", "rule/"+b.Name+"/"+name)
}

// newRule makes a rule for Sitefence's own events of one detail type.
//
// It is a plain resource: the CDK's target for SNS cannot be given a policy of
// ours, and `Ref` of a rule on a custom bus is no rule name (bus|name), so the
// name is given, for the metrics and the conditions that need it.
func (b Bus) newRule(scope constructs.Construct, id string, props ruleProps) awsevents.CfnRule {
	pattern := map[string]any{
		"source":      []string{contract.Source},
		"detail-type": []string{props.DetailType},
	}
	if props.Detail != nil {
		pattern["detail"] = props.Detail
	}
	targets := []any{&props.Target}
	for i := range props.More {
		targets = append(targets, &props.More[i])
	}
	return awsevents.NewCfnRule(scope, jsii.String(id), &awsevents.CfnRuleProps{
		Name:         jsii.String(props.Name),
		Description:  jsii.String(props.Description),
		EventBusName: jsii.String(b.Name),
		EventPattern: pattern,
		State:        jsii.String("ENABLED"),
		Targets:      targets,
	})
}
