package infra

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// network is where the functions of a deployment stand; the zero value is
// outside of any VPC.
//
// It is written into the functions as plain properties: the CDK's own VPC
// constructs want to know the zones of the subnets, or look them up in the account.
type network struct {
	subnets, groups []string
}

// newNetwork is the network of a deployment. Without a security group that is
// named it makes one, which lets nothing in and out what the functions need.
func newNetwork(scope constructs.Construct, d config.Deployment) network {
	if d.Network == nil {
		return network{}
	}
	n := network{subnets: d.Network.SubnetIDs, groups: d.Network.SecurityGroupIDs}
	if len(n.groups) > 0 {
		return n
	}
	var egress []any
	for _, port := range ports(d) {
		egress = append(egress, &awsec2.CfnSecurityGroup_EgressProperty{
			IpProtocol: jsii.String("tcp"), FromPort: jsii.Number(port), ToPort: jsii.Number(port), CidrIp: jsii.String("0.0.0.0/0"),
			Description: jsii.String(fmt.Sprintf("AWS, or a site, on port %d", port)),
		})
	}
	group := awsec2.NewCfnSecurityGroup(scope, jsii.String("SecurityGroup"), &awsec2.CfnSecurityGroupProps{
		GroupDescription:    jsii.String("Sitefence: the functions of " + d.Name),
		VpcId:               jsii.String(d.Network.VPCID),
		SecurityGroupEgress: egress,
	})
	group.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY, nil)
	n.groups = []string{*group.AttrGroupId()}
	return n
}

// ports are those of AWS and of what the sites' URLs name, in order.
func ports(d config.Deployment) []int {
	all := []int{443}
	for _, s := range d.Sites {
		urls := []string{s.HealthURL}
		if s.Infinispan != nil {
			urls = append(urls, s.Infinispan.URL)
		}
		for _, text := range urls {
			u, err := url.Parse(text)
			if err != nil {
				continue // configuration refused it
			}
			if port, err := strconv.Atoi(u.Port()); err == nil {
				all = append(all, port)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// put sets a function's VpcConfig.
func (n network) put(function awslambda.Function) {
	if !n.there() {
		return
	}
	plain := function.Node().DefaultChild().(awslambda.CfnFunction)
	plain.SetVpcConfig(&awslambda.CfnFunction_VpcConfigProperty{
		SubnetIds: jsii.Strings(n.subnets...), SecurityGroupIds: jsii.Strings(n.groups...),
	})
}

// there says whether functions stand in a network at all.
func (n network) there() bool { return len(n.subnets) > 0 }

// sleepy is the warning that NewSchedules takes back.
const sleepy = "sitefence:stayAwake"

// warn says at synthesis what stayAwake is for, unless a schedule does it.
func (n network) warn(scope constructs.Construct, deployment string) {
	if n.there() {
		awscdk.Annotations_Of(scope).AddWarningV2(jsii.String(sleepy), jsii.String("deployment "+deployment+
			" is in a network and nothing keeps its functions awake, so that the first check after some quiet weeks fails: make infra.NewSchedules"))
	}
}

// stayAwake calls a deployment's check once a day, to no effect: "a function becomes
// inactive when it has been idle long enough for Lambda to reclaim the external
// resources that were configured for it", its network interface, and then "the
// invocation fails" until there is one again, for a minute or more (Lambda's guide,
// "Lambda function states"). A check would meet that with all of its retries, on
// the one night in a year; what comes after a check is tried for longer.
func stayAwake(d Deployment) schedule {
	return schedule{
		id: "StayAwake", name: d.Name + "-stay-awake",
		description: "Sitefence: keeps a function's network interface, which Lambda takes back when nobody calls it",
		minutes:     24 * 60,
		function:    d.Functions["checkhealth"],
		input:       contract.StayAwake,
		age:         3600, tries: 10, // that the first call fails may be what it is for
	}
}

// statements are what Lambda itself needs of the function's role to give it
// network interfaces: the actions of AWS's policy AWSLambdaVPCAccessExecutionRole,
// which has them on *. (Two of them are Describe actions, without resource types;
// the interfaces' ids are not known before, and Lambda checks the role against *
// when the function is made.)
//
// The function's own code needs none of it, and gets none: the key
// lambda:SourceFunctionArn is there in each call that code makes with the role, and
// in none of Lambda's own (Lambda's guide, "Giving Lambda functions access to
// resources in an Amazon VPC").
func (n network) statements() []awsiam.PolicyStatement {
	if !n.there() {
		return nil
	}
	const sid, denied = "NetworkInterfaces", "ButNotForTheCode"
	actions := []string{
		"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
		"ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
	}
	return []awsiam.PolicyStatement{
		allowAny(sid, "Lambda checks the role against * when it makes the function, before any interface is there", actions...),
		reasoned{awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Sid: jsii.String(denied), Effect: awsiam.Effect_DENY,
			Actions: jsii.Strings(ownENI(actions)...), Resources: jsii.Strings(anyResource),
			Conditions: &map[string]any{"Null": map[string]any{"lambda:SourceFunctionArn": "false"}},
		}), denied + ": what the function's own code must not do, it must not do anywhere"},
	}
}

// ownENI leaves out what Global Accelerator looks up with the caller's permissions
// (ResolveEndpoints): that call is the code's own.
func ownENI(actions []string) []string {
	return slices.DeleteFunc(slices.Clone(actions), func(a string) bool { return a == "ec2:DescribeSubnets" })
}
