package commands_test

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/rogpeppe/go-internal/testscript"
)

// topic subscribes to the stack's topic, or ends all that subscribed:
// `topic subscribe|leave`. A queue needs no confirmation.
func topic(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 1 || args[0] != "subscribe" && args[0] != "leave", "topic subscribe|leave")
	ctx, cancel := patiently()
	defer cancel()
	client, arn := sns.NewFromConfig(deployed.AWS), deployed.Outputs["TopicArn"]
	if args[0] == "subscribe" {
		_, err := client.Subscribe(ctx, &sns.SubscribeInput{TopicArn: &arn, Protocol: aws.String("sqs"),
			Endpoint: aws.String("arn:aws:sqs:eu-west-1:000000000000:pager")})
		ts.Check(err)
		return
	}
	all, err := client.ListSubscriptionsByTopic(ctx, &sns.ListSubscriptionsByTopicInput{TopicArn: &arn})
	ts.Check(err)
	for _, s := range all.Subscriptions {
		_, err := client.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: s.SubscriptionArn})
		ts.Check(err)
	}
}

// rule enables or disables a rule of the stack's bus: `rule enable|disable NAME`.
func rule(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 2 || args[0] != "enable" && args[0] != "disable", "rule enable|disable NAME")
	ctx, cancel := patiently()
	defer cancel()
	client, bus := eventbridge.NewFromConfig(deployed.AWS), deployed.Outputs["BusName"]
	var err error
	if args[0] == "enable" {
		_, err = client.EnableRule(ctx, &eventbridge.EnableRuleInput{Name: &args[1], EventBusName: &bus})
	} else {
		_, err = client.DisableRule(ctx, &eventbridge.DisableRuleInput{Name: &args[1], EventBusName: &bus})
	}
	ts.Check(err)
}

// targets registers one target behind each load balancer of the deployment, in a
// target group and with a listener of its own: `targets register DEPLOYMENT`.
func targets(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 2 || args[0] != "register", "targets register DEPLOYMENT")
	ctx, cancel := patiently()
	defer cancel()
	client := elb.NewFromConfig(deployed.AWS)
	for site, balancer := range deployed.Deployment(args[1]).Balancers {
		group, err := client.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String(args[1] + "-" + site),
			Protocol: elbtypes.ProtocolEnumTcp, Port: aws.Int32(443), TargetType: elbtypes.TargetTypeEnumIp, VpcId: aws.String("vpc-1")})
		ts.Check(err)
		arn := group.TargetGroups[0].TargetGroupArn
		_, err = client.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: &balancer, Protocol: elbtypes.ProtocolEnumTcp, Port: aws.Int32(443),
			DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: arn}}})
		ts.Check(err)
		_, err = client.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: arn, Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.0.1")}}})
		ts.Check(err)
	}
}
