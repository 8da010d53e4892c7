package infra

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// NotificationsProps says who hears of alarms and fences.
type NotificationsProps struct {
	// Notifications is Config.Notifications. Default: a topic that nobody hears yet.
	Notifications config.Notifications
	Bus           Bus // where the news comes from
}

// Notifications is the topic, and the rules that put news of fences on it.
type Notifications struct {
	Topic     awssns.Topic
	RuleNames []string
	owner     string // whose alarms may publish
}

// notices are the events that become a message by themselves, without an alarm.
// The template's <names> are the fields of the event's detail.
var notices = []struct {
	id, rule, detailType, description string
	fields                            []string
	text                              string
}{
	{
		"StillTrying", "take-offline-still-trying", contract.DetailTypeStillTrying,
		"Sitefence: pages when a fence cannot take replication offline",
		[]string{"deployment", "reporter", "site", "error", "execution"},
		"ACT NOW: in <deployment>, <site> is out of the accelerator but <reporter> still replicates to it, so writes at <reporter> fail (<error>). " +
			"Runbook: docs/runbooks/take-offline-still-trying.md. The fence goes on trying for about half an hour: <execution>",
	},
	{
		"SiteFenced", "site-fenced", contract.DetailTypeSiteFenced,
		"Sitefence: tells that a site was fenced",
		[]string{"deployment", "reporter", "site", "reason", "execution"},
		"Bring the site back when it is well: in <deployment>, <site> was fenced (<reason>) and <reporter> serves alone, without redundancy. " +
			"Stop Keycloak at <site> until then. Runbook: docs/runbooks/site-fenced.md. What was removed is in the output of <execution>",
	},
	{
		"SiteRejoined", "site-rejoined", contract.DetailTypeSiteRejoined,
		"Sitefence: tells that a fenced site is back in the accelerator",
		[]string{"deployment", "reporter", "site", "execution"},
		"Nothing to do: in <deployment>, <site> is back in the accelerator beside <reporter>, deployed and healthy, and both replicate to each other. " +
			"What was put back is in the output of <execution>",
	},
}

// NewNotifications makes the topic, its subscriptions, and a rule for each kind of news.
func NewNotifications(scope constructs.Construct, props NotificationsProps) Notifications {
	scope = enter(scope, "Notifications")
	topicProps := &awssns.TopicProps{
		DisplayName: jsii.String("Sitefence " + owner(scope)),
		EnforceSSL:  jsii.Bool(true),
	}
	// Either a key whose policy admits cloudwatch.amazonaws.com and
	// events.amazonaws.com, or none. AWS's own alias/aws/sns looks like the
	// third way, but nobody can change its policy, and it does not admit
	// CloudWatch: an alarm could not publish, and would say so only in its
	// history (AWS re:Post, "alarm with an encrypted topic").
	if arn := props.Notifications.KMSKeyARN; arn != "" {
		topicProps.MasterKey = awskms.Key_FromKeyArn(scope, jsii.String("Key"), jsii.String(arn))
	}
	n := Notifications{Topic: awssns.NewTopic(scope, jsii.String("Topic"), topicProps), owner: owner(scope)}
	n.Topic.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	admitPublishers(n.Topic, n.owner)
	for i, address := range props.Notifications.Emails {
		awssns.NewSubscription(scope, jsii.String(fmt.Sprintf("Email%d", i+1)), &awssns.SubscriptionProps{
			Topic: n.Topic, Protocol: awssns.SubscriptionProtocol_EMAIL, Endpoint: jsii.String(address),
		})
	}
	for _, notice := range notices {
		paths := map[string]*string{}
		for _, f := range notice.fields {
			paths[f] = jsii.String("$.detail." + f)
		}
		props.Bus.newRule(scope, notice.id, ruleProps{
			Name: notice.rule, Description: notice.description, DetailType: notice.detailType,
			// No RoleArn: EventBridge's guide says that delivery to a topic with a
			// key may fail with one, and that the topic's policy is the way.
			Target: awsevents.CfnRule_TargetProperty{
				Id:  jsii.String("topic"),
				Arn: n.Topic.TopicArn(),
				InputTransformer: &awsevents.CfnRule_InputTransformerProperty{
					InputPathsMap: &paths,
					InputTemplate: jsii.String(`"` + notice.text + `"`),
				},
				RetryPolicy: &awsevents.CfnRule_RetryPolicyProperty{
					MaximumEventAgeInSeconds: jsii.Number(60 * 60),
					MaximumRetryAttempts:     jsii.Number(60),
				},
			},
		})
		n.RuleNames = append(n.RuleNames, notice.rule)
	}
	return n
}

// admitPublishers lets this stack's alarms and the account's rules publish.
func admitPublishers(topic awssns.Topic, owner string) {
	publish := func(sid, service string, conditions *map[string]any) {
		topic.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Sid:        jsii.String(sid),
			Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String(service), nil)},
			Actions:    jsii.Strings("sns:Publish"),
			Resources:  &[]*string{topic.TopicArn()},
			Conditions: conditions,
		}))
	}
	publish("Alarms", "cloudwatch.amazonaws.com", &map[string]any{
		"StringEquals": map[string]any{"aws:SourceAccount": awscdk.Aws_ACCOUNT_ID()},
		"ArnLike":      map[string]any{"aws:SourceArn": regionalARN("cloudwatch", "alarm:"+owner+"-*")},
	})
	// No condition: "You can't use Condition blocks in Amazon SNS topic policies
	// for EventBridge" (EventBridge's guide, resource-based policies). With one,
	// the rule would seem to work and the message would be lost.
	publish("Notices", "events.amazonaws.com", nil)
}
