package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/sitefence/sitefence/internal/config"
)

// newTopic makes a topic that this stack's alarms and the rules may publish to.
func newTopic(scope constructs.Construct, id, name string, key awskms.IKey) awssns.Topic {
	topic := awssns.NewTopic(scope, jsii.String(id), &awssns.TopicProps{
		DisplayName: jsii.String(name),
		EnforceSSL:  jsii.Bool(true),
		MasterKey:   key,
	})
	topic.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	for _, p := range publishers(topic) {
		p.Actions, p.Resources = jsii.Strings("sns:Publish"), &[]*string{topic.TopicArn()}
		topic.AddToResourcePolicy(awsiam.NewPolicyStatement(p))
	}
	return topic
}

// publishers are the statements about who publishes, for a topic and for its key.
func publishers(scope constructs.Construct) []*awsiam.PolicyStatementProps {
	whose := owner(scope)
	service := func(sid, name string, conditions *map[string]any) *awsiam.PolicyStatementProps {
		return &awsiam.PolicyStatementProps{
			Sid:        jsii.String(sid),
			Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String(name), nil)},
			Conditions: conditions,
		}
	}
	return []*awsiam.PolicyStatementProps{
		service("Alarms", "cloudwatch.amazonaws.com", &map[string]any{
			"StringEquals": map[string]any{"aws:SourceAccount": awscdk.Aws_ACCOUNT_ID()},
			"ArnLike":      map[string]any{"aws:SourceArn": regionalARN("cloudwatch", "alarm:"+whose+"-*")},
		}),
		// No condition: "You can't use Condition blocks in Amazon SNS topic policies
		// for EventBridge" (EventBridge's guide, resource-based policies), and a key's
		// aws:SourceAccount, aws:SourceArn and aws:SourceOrgID do not work for it
		// either (SNS' guide, key management). With one, the rule would seem to work
		// and the message would be lost.
		service("Notices", "events.amazonaws.com", nil),
	}
}

// topicKey is the topics' key, or nil. Either a key whose policy admits
// cloudwatch.amazonaws.com and events.amazonaws.com, or none. AWS's own
// alias/aws/sns looks like the third way, but nobody can change its policy, and it
// does not admit CloudWatch: an alarm could not publish, and would say so only in
// its history (docs/adr/0017).
func topicKey(scope constructs.Construct, n config.Notifications) awskms.IKey {
	switch {
	case n.KMSKeyARN != "":
		return awskms.Key_FromKeyArn(scope, jsii.String("Key"), jsii.String(n.KMSKeyARN))
	case !n.Encrypted:
		return nil
	}
	key := awskms.NewKey(scope, jsii.String("Key"), &awskms.KeyProps{
		Description:       jsii.String("Sitefence: encrypts the topics of " + owner(scope)),
		EnableKeyRotation: jsii.Bool(true),
		// A message is read within the hour; nothing that lasts is under this key.
		PendingWindow: awscdk.Duration_Days(jsii.Number(7)),
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	for _, p := range publishers(scope) {
		// In a key's policy * is the key itself.
		p.Actions, p.Resources = jsii.Strings("kms:Decrypt", "kms:GenerateDataKey*"), jsii.Strings("*")
		key.AddToResourcePolicy(awsiam.NewPolicyStatement(p), nil)
	}
	return key
}
