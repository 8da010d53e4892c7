package infra

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/release"
)

// suffix is the first eight hex digits of the stack's id, known at deployment
// only. A name that must not be met again carries it: Step Functions keeps an
// execution's name for 90 days, also when its machine was deleted and made
// again under the same name, so a stack that is created anew must not find the
// fence-1 of the one before; and a log group that outlives its stack must not
// stand in the way of the next.
func suffix() string {
	// arn:aws:cloudformation:<region>:<account>:stack/<name>/<uuid>
	uuid := awscdk.Fn_Select(jsii.Number(2), awscdk.Fn_Split(jsii.String("/"), awscdk.Aws_STACK_ID(), nil))
	return *awscdk.Fn_Select(jsii.Number(0), awscdk.Fn_Split(jsii.String("-"), uuid, nil))
}

// logGroupName is a log group's name; the label says whose it is.
func logGroupName(prefix, owner, label, suffix string) string {
	return fmt.Sprintf("%s/%s-%s-%s", prefix, owner, label, suffix)
}

const ownerKey = "sitefence:owner"

// owner begins the names of what the constructs of one scope make: the stack's
// name, and behind it the ids of the constructs between the stack and the scope,
// so that Sitefence can be in a stack twice.
func owner(scope constructs.Construct) string {
	if name, ok := scope.Node().TryGetContext(jsii.String(ownerKey)).(string); ok {
		return name
	}
	stack := awscdk.Stack_Of(scope)
	name := *stack.StackName()
	for _, s := range (*scope.Node().Scopes())[len(*stack.Node().Scopes()):] {
		name += "-" + notOfNames.ReplaceAllString(*s.Node().Id(), "-")
	}
	return name
}

// notOfNames is what an event bus, a log group or an alarm cannot have in its name.
var notOfNames = regexp.MustCompile(`[^A-Za-z0-9_-]`)

// enter makes the construct of a part. All in it has one owner, and the tag by
// which `sitefence doctor` knows its release.
func enter(scope constructs.Construct, id string) constructs.Construct {
	return enterAs(scope, id, owner(scope))
}

func enterAs(scope constructs.Construct, id, owner string) constructs.Construct {
	made := constructs.NewConstruct(scope, jsii.String(id))
	made.Node().SetContext(jsii.String(ownerKey), owner)
	awscdk.Tags_Of(made).Add(jsii.String(release.Tag), jsii.String(release.Version), nil)
	return made
}

// claim refuses what a stack can hold but once. The claim is an empty construct,
// which makes no resource.
func claim(scope constructs.Construct, what string) error {
	stack, id := awscdk.Stack_Of(scope), jsii.String("sitefence "+what)
	if stack.Node().TryFindChild(id) != nil {
		return fmt.Errorf("the stack %s has %s already: their outputs and machines would share names; put the second into a stack of its own", *stack.StackName(), what)
	}
	constructs.NewConstruct(stack, id)
	return nil
}

// machineName is the physical name of a deployment's state machine, at most
// 10 + 32 + 7 + 8 of the 80 characters that Step Functions takes.
func machineName(deployment, machine string) string {
	return fmt.Sprintf("sitefence-%s-%s-%s", deployment, machine, suffix())
}

// machineARN is the ARN of the machine of that name, without a reference to it.
func machineARN(name string) string { return regionalARN("states", "stateMachine:"+name) }

// executionsARN matches the executions of the machine of that name.
func executionsARN(name string) string { return regionalARN("states", "execution:"+name+":*") }

// regionalARN is an ARN of the stack's own partition, Region and account.
func regionalARN(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s",
		*awscdk.Aws_PARTITION(), service, *awscdk.Aws_REGION(), *awscdk.Aws_ACCOUNT_ID(), resource)
}

// outputName is a deployment's name as part of an output's logical id, which
// takes letters and digits only: eu-prod becomes EuProd.
func outputName(deployment string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(deployment, "-") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

// checkOutputNames refuses two deployments whose outputs would share a name.
func checkOutputNames(deployments []string) error {
	owner := map[string]string{}
	for _, d := range deployments {
		name := outputName(d)
		if other, taken := owner[name]; taken {
			return fmt.Errorf("deployments %s and %s would both have the output GuardMachineArn%s: rename one", other, d, name)
		}
		owner[name] = d
	}
	return nil
}

// checkSilentNames refuses two sites whose alarms would share a name: site b-c of
// deployment a, and site c of deployment a-b.
func checkSilentNames(deployments []config.Deployment) error {
	owner := map[string]string{}
	for _, d := range deployments {
		if d.HeartbeatSilence == 0 {
			continue
		}
		for _, s := range d.Sites {
			name, own := d.Name+"-"+string(s.Name), fmt.Sprintf("site %s of deployment %s", s.Name, d.Name)
			if other, taken := owner[name]; taken {
				return fmt.Errorf("%s and %s would both have the alarm %s-silent: take the heartbeat from one, or rename it", other, own, name)
			}
			owner[name] = own
		}
	}
	return nil
}
