package infra

import (
	"maps"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/statemachine"
)

// DeploymentProps is one accelerator with its sites. All but WebhookUser must be
// given.
type DeploymentProps struct {
	// Deployment is one of Config.Deployments. Its name must be its own in the stack.
	Deployment config.Deployment
	// Tuning is Config.Tuning, which has the defaults that LoadConfig filled in.
	Tuning config.Tuning
	Assets Assets
	// Bus is where ingest puts its events, and where those about fences go.
	Bus Bus
	// WebhookUser is Config.Webhook.User, whom `sitefence doctor` tries. Default: it
	// tries nobody.
	WebhookUser string
	// Rules are names of rules on the bus, beside the deployment's own, that Inspect
	// looks after: a disabled one loses its events without a word. Nil: NoticeRules.
	Rules []string

	network network
}

// Deployment is what others need of it: alarms, outputs, constructs of yours.
type Deployment struct {
	Name        string
	Guard       awsstepfunctions.StateMachine
	Fence       awsstepfunctions.StateMachine
	Restore     awsstepfunctions.StateMachine
	RuleName    string
	Pause       string // the pause parameter's name
	DeadLetters awssqs.Queue
	Inspect     awslambda.Function
	// Functions are all of them by the name of their package, Inspect too.
	Functions map[string]awslambda.Function
	Dashboard string // its name, set by NewDashboards
	Sites     []contract.Site
	// HeartbeatSilence is how long a site may be silent; 0: no heartbeat.
	HeartbeatSilence time.Duration

	scope   constructs.Construct
	network network
}

// NewDeployment makes the rule, the guard machine, the fence machine and the
// three functions of one deployment. Nothing is shared with another one: their
// fences do not wait for each other and their roles reach one accelerator each.
//
// The acting functions list the fence machine's executions, and the machine
// calls the functions. A reference in both directions would be a cycle, so the
// machine's name is given and the functions get an ARN made of it.
func NewDeployment(scope constructs.Construct, props DeploymentProps) (Deployment, error) {
	name := props.Deployment.Name
	if err := checkTuning(props.Tuning); err != nil {
		return Deployment{}, err
	}
	if err := claim(scope, "a deployment with the outputs …"+outputName(name)); err != nil {
		return Deployment{}, err
	}
	scope = enter(scope, name)
	awscdk.Tags_Of(scope).Add(jsii.String("sitefence:deployment"), jsii.String(name), nil)

	if props.Rules == nil {
		props.Rules = NoticeRules()
	}
	bound(scope, props.Tuning)
	props.network = newNetwork(scope, props.Deployment)

	guardName, fenceName := machineName(name, "guard"), machineName(name, "fence")
	pause := newPause(scope, name)
	functions, err := newFunctions(scope, props, machineARN(fenceName), pause)
	if err != nil {
		return Deployment{}, err
	}
	props.network.warn(scope, name)
	fence, err := newMachine(scope, "Fence", machineProps{
		Label:      name + "-fence",
		Name:       fenceName,
		Definition: statemachine.Fence,
		Assets:     props.Assets,
		Substitutions: with(statemachine.FenceNames(name, props.Tuning.Fence), map[string]string{
			"CheckHealthFunctionArn":       *functions.check.FunctionArn(),
			"UpdateAcceleratorFunctionArn": *functions.update.FunctionArn(),
			"TakeOfflineFunctionArn":       *functions.takeOffline.FunctionArn(),
			"BusName":                      props.Bus.Name,
		}),
		Statements: []awsiam.PolicyStatement{
			allowEach("InvokeFunctions", []string{
				*functions.check.FunctionArn(), *functions.update.FunctionArn(), *functions.takeOffline.FunctionArn(),
			}, "lambda:InvokeFunction"),
			props.Bus.mayPut(),
		},
		Tuning: props.Tuning,
	})
	if err != nil {
		return Deployment{}, err
	}
	guard, err := newMachine(scope, "Guard", machineProps{
		Label:      name + "-guard",
		Name:       guardName,
		Definition: statemachine.Guard,
		Assets:     props.Assets,
		Substitutions: with(statemachine.GuardNames(name, props.Tuning.Guard), map[string]string{
			"CheckHealthFunctionArn": *functions.check.FunctionArn(),
			"FenceMachineArn":        *fence.StateMachineArn(),
			"BusName":                props.Bus.Name,
		}),
		Statements: []awsiam.PolicyStatement{
			allow("InvokeCheckHealth", *functions.check.FunctionArn(), "lambda:InvokeFunction"),
			allow("TakeTheTurn", *fence.StateMachineArn(), "states:ListExecutions", "states:StartExecution"),
			allowMatching("LookAtRefusedName", "an execution's name is chosen at run time", []string{executionsARN(fenceName)}, "states:DescribeExecution"),
			props.Bus.mayPut(),
		},
		Tuning: props.Tuning,
	})
	if err != nil {
		return Deployment{}, err
	}
	restore, resync, err := newRestore(scope, props, guard)
	if err != nil {
		return Deployment{}, err
	}
	d := Deployment{
		Name: name, Guard: guard, Fence: fence, Restore: restore, Pause: pause,
		HeartbeatSilence: props.Deployment.HeartbeatSilence,
		scope:            scope, network: props.network,
	}
	for _, s := range props.Deployment.Sites {
		d.Sites = append(d.Sites, s.Name)
	}
	if d.Inspect, err = newInspect(scope, props, pause); err != nil {
		return Deployment{}, err
	}
	d.Functions = map[string]awslambda.Function{
		"checkhealth": functions.check, "updateaccelerator": functions.update, "takeoffline": functions.takeOffline,
		"resync": resync, "inspect": d.Inspect,
	}
	d.RuleName, d.DeadLetters = newTrigger(scope, name, guard, props.Bus)
	return d, nil
}

// with is both, of which no key is the same.
func with(names, resources map[string]string) map[string]string {
	all := maps.Clone(resources)
	maps.Copy(all, names)
	return all
}

// functions are the three that a fence consists of.
type functions struct{ check, update, takeOffline awslambda.Function }

func newFunctions(scope constructs.Construct, props DeploymentProps, fenceARN, pause string) (functions, error) {
	accelerator := props.Deployment.Accelerator.ARN
	listFences := allow("NewestOnly", fenceARN, "states:ListExecutions")
	acting := map[string]string{config.EnvFenceMachine: fenceARN}
	secrets := infinispanSecrets(props.Deployment, props.Tuning)

	check := functionProps{
		Description:    "Sitefence: looks at the accelerator and at the reporter's Infinispan; read only",
		TimeoutSeconds: contract.CheckHealthTimeout,
		Environment:    map[string]string{config.EnvPauseParameter: pause},
		Statements:     append(append(append(readAccelerator(accelerator), readStatus(accelerator)), secrets...), readPause(pause)),
	}
	update := functionProps{
		Description:    "Sitefence: takes a site's endpoints out of the accelerator, and puts them back",
		TimeoutSeconds: contract.UpdateAcceleratorTimeout,
		Environment:    acting,
		// The secrets are for a rejoin: nothing goes back unless replication is proven.
		Statements: append(append(append(readAccelerator(accelerator), writeAccelerator(accelerator)...), listFences), secrets...),
		// No two executions, however started, may interleave the read, the
		// decision and the write: Global Accelerator has no conditional write.
		Reserved: 1,
	}
	takeOffline := functionProps{
		Description:    "Sitefence: takes replication towards a fenced site offline",
		TimeoutSeconds: contract.TakeOfflineTimeout,
		Environment:    acting,
		Statements:     append(append(readAccelerator(accelerator), secrets...), listFences),
	}

	var all functions
	for _, f := range []struct {
		id, name string
		props    functionProps
		made     *awslambda.Function
	}{
		{"CheckHealth", "checkhealth", check, &all.check},
		{"UpdateAccelerator", "updateaccelerator", update, &all.update},
		{"TakeOffline", "takeoffline", takeOffline, &all.takeOffline},
	} {
		code, err := props.Assets.Stage(props.Deployment.Name, f.name, props.Deployment)
		if err != nil {
			return functions{}, err
		}
		f.props.Label = props.Deployment.Name + "-" + f.name
		f.props.Code = code
		f.props.Tuning = props.Tuning
		f.props.Package = f.name
		f.props.Network = props.network
		*f.made = newFunction(scope, f.id, f.props)
	}
	return all, nil
}

// infinispanSecrets allows what the sites' Infinispan needs of Secrets Manager:
// passwords and CAs, if there are any.
func infinispanSecrets(d config.Deployment, tuning config.Tuning) []awsiam.PolicyStatement {
	var names []string
	for _, s := range d.Sites {
		if s.Infinispan != nil {
			names = append(names, s.Infinispan.PasswordSecret)
		}
		if s.Infinispan != nil && s.Infinispan.CASecret != "" {
			names = append(names, s.Infinispan.CASecret)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return append([]awsiam.PolicyStatement{readSecrets(names...)}, decryptSecrets(tuning)...)
}

// Why a statement cannot name what it is about.
const (
	ofAccelerator   = "listeners and endpoint groups of this one accelerator; their ids are known at run time only"
	noBalancerTypes = "Elastic Load Balancing's Describe actions have no resource types"
)

// readTargets allows seeing whether the targets behind a load balancer are well.
func readTargets() awsiam.PolicyStatement {
	return allowAny("ReadTargets", noBalancerTypes, "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth")
}

// readAccelerator allows reading one accelerator and the tags of load balancers.
func readAccelerator(arn string) []awsiam.PolicyStatement {
	return []awsiam.PolicyStatement{
		allow("ReadListeners", arn, "globalaccelerator:ListListeners"),
		allowMatching("ReadEndpointGroups", ofAccelerator, []string{arn + "/listener/*"}, "globalaccelerator:ListEndpointGroups"),
		allowAny("ReadLoadBalancerTags", noBalancerTypes, "elasticloadbalancing:DescribeTags"),
	}
}

// readStatus allows seeing whether the accelerator has deployed its last change.
func readStatus(arn string) awsiam.PolicyStatement {
	return allow("ReadStatus", arn, "globalaccelerator:DescribeAccelerator")
}

// writeAccelerator allows writing the endpoint groups of one accelerator.
func writeAccelerator(arn string) []awsiam.PolicyStatement {
	return []awsiam.PolicyStatement{
		allowMatching("WriteEndpointGroups", ofAccelerator, []string{arn + "/listener/*/endpoint-group/*"},
			"globalaccelerator:UpdateEndpointGroup", "globalaccelerator:RemoveEndpoints", "globalaccelerator:AddEndpoints"),
		allowAny("ResolveEndpoints", "Global Accelerator resolves every endpoint that it is given with the caller's permissions "+
			"(as in AWS's policy GlobalAcceleratorFullAccess); none of these actions has a resource type",
			"elasticloadbalancing:DescribeLoadBalancers", "ec2:DescribeAddresses", "ec2:DescribeInstances",
			"ec2:DescribeInternetGateways", "ec2:DescribeSubnets", "ec2:DescribeRegions"),
	}
}

// triggerRule is the name of the rule that starts a deployment's guard.
func triggerRule(deployment string) string { return deployment + "-site-offline" }

// newTrigger makes the rule that starts the guard for this deployment's events.
func newTrigger(scope constructs.Construct, name string, guard awsstepfunctions.StateMachine, bus Bus) (string, awssqs.Queue) {
	ruleName := triggerRule(name)
	dead := awssqs.NewQueue(scope, jsii.String("DeadLetters"), &awssqs.QueueProps{
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)),
		RemovalPolicy:   awscdk.RemovalPolicy_DESTROY,
	})
	role := newRole(scope, "TriggerRole", roleProps{
		Service:     "events.amazonaws.com",
		Description: "Sitefence: starts the guard of " + name,
		SourceARN:   bus.ruleARN(ruleName),
		Statements:  []awsiam.PolicyStatement{allow("StartGuard", *guard.StateMachineArn(), "states:StartExecution")},
	})
	rule := bus.newRule(scope, "Trigger", ruleProps{
		Name:        ruleName,
		Description: "Sitefence: starts the guard of " + name + " when a site of it is reported offline",
		DetailType:  contract.DetailTypeSiteOffline,
		Detail:      reports(name),
		Target: awsevents.CfnRule_TargetProperty{
			Id:        jsii.String("guard"),
			Arn:       guard.StateMachineArn(),
			RoleArn:   role.RoleArn(),
			InputPath: jsii.String("$.detail"),
			// A fence must not run on yesterday's news (the default is 185
			// retries in 24 hours); Alertmanager repeats what still holds.
			RetryPolicy: &awsevents.CfnRule_RetryPolicyProperty{
				MaximumEventAgeInSeconds: jsii.Number(15 * 60),
				MaximumRetryAttempts:     jsii.Number(8),
			},
			DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: dead.QueueArn()},
		},
	})
	dead.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("DeadLettersOfTheRule"),
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sqs:SendMessage"),
		Resources:  &[]*string{dead.QueueArn()},
		Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": rule.AttrArn()}},
	}))
	return ruleName, dead
}
