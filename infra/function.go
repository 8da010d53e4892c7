package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/sitefence/sitefence/internal/config"
)

// functionProps is one Lambda function.
type functionProps struct {
	Label          string // part of the log group's name
	Description    string
	Code           string // the staged folder
	TimeoutSeconds int
	Environment    map[string]string
	Statements     []awsiam.PolicyStatement
	Reserved       int // concurrency; 0: none reserved
	Tuning         config.Tuning
	// Package is the function's name in tuning.functions; "" for one that has none.
	Package string
	Network network // the zero value: none
}

// newFunction makes a function with a log group and a role of its own: the role
// may write to that group and do what the statements say.
func newFunction(scope constructs.Construct, id string, props functionProps) awslambda.Function {
	scope = constructs.NewConstruct(scope, jsii.String(id))
	group := newLogGroup(scope, "/aws/lambda", props.Label, props.Tuning)
	// The group exists, so logs:CreateLogGroup is not needed (AWS's managed
	// policy for Lambda allows all three on every group).
	statements := append([]awsiam.PolicyStatement{
		allow("WriteOwnLog", *group.LogGroupArn(), "logs:CreateLogStream", "logs:PutLogEvents"),
	}, props.Statements...)
	tracing := awslambda.Tracing_DISABLED
	if props.Tuning.Tracing {
		tracing = awslambda.Tracing_ACTIVE
		statements = append(statements, trace())
	}
	statements = append(statements, props.Network.statements()...)
	tuned := props.Tuning.Of(props.Package, props.TimeoutSeconds)
	role := newRole(scope, "Role", roleProps{
		Service: "lambda.amazonaws.com", Description: "Sitefence: " + props.Label, Statements: statements,
	})
	environment := map[string]*string{}
	for k, v := range props.Environment {
		environment[k] = jsii.String(v)
	}
	p := &awslambda.FunctionProps{
		Description:  jsii.String(props.Description),
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture: architecture(props.Tuning.Architecture),
		Handler:      jsii.String("bootstrap"),
		Code:         awslambda.Code_FromAsset(jsii.String(props.Code), &awss3assets.AssetOptions{}),
		MemorySize:   jsii.Number(tuned.MemoryMB),
		Timeout:      awscdk.Duration_Seconds(jsii.Number(tuned.TimeoutSeconds)),
		Environment:  &environment,
		Role:         role,
		Tracing:      tracing,
		LogGroup:     group,
		// Lambda's own lines (start, report, timeout) become JSON too, so that
		// one query reads all of the log.
		LoggingFormat: awslambda.LoggingFormat_JSON,
	}
	if props.Reserved > 0 && props.Tuning.ReservedConcurrency {
		p.ReservedConcurrentExecutions = jsii.Number(props.Reserved)
	}
	function := awslambda.NewFunction(scope, jsii.String("Function"), p)
	props.Network.put(function)
	return function
}

func architecture(a config.Architecture) awslambda.Architecture {
	if a == config.AMD64 {
		return awslambda.Architecture_X86_64()
	}
	return awslambda.Architecture_ARM_64()
}

// newLogGroup makes a log group that outlives the stack: what a fence did must
// stay readable after `cdk destroy`, until the retention has passed.
func newLogGroup(scope constructs.Construct, prefix, label string, tuning config.Tuning) awslogs.LogGroup {
	var key awskms.IKey
	if tuning.LogKeyARN != "" {
		// CloudWatch Logs itself uses the key: its policy must admit that service.
		key = awskms.Key_FromKeyArn(scope, jsii.String("LogKey"), jsii.String(tuning.LogKeyARN))
	}
	return awslogs.NewLogGroup(scope, jsii.String("Log"), &awslogs.LogGroupProps{
		EncryptionKey: key,
		LogGroupName:  jsii.String(logGroupName(prefix, owner(scope), label, suffix())),
		Retention:     retention(tuning.LogRetentionDays),
		RemovalPolicy: awscdk.RemovalPolicy_RETAIN,
	})
}

// retention is the CDK's name of a number of days, which configuration checked.
func retention(days int) awslogs.RetentionDays {
	return map[int]awslogs.RetentionDays{
		1: awslogs.RetentionDays_ONE_DAY, 3: awslogs.RetentionDays_THREE_DAYS, 5: awslogs.RetentionDays_FIVE_DAYS,
		7: awslogs.RetentionDays_ONE_WEEK, 14: awslogs.RetentionDays_TWO_WEEKS, 30: awslogs.RetentionDays_ONE_MONTH,
		60: awslogs.RetentionDays_TWO_MONTHS, 90: awslogs.RetentionDays_THREE_MONTHS, 120: awslogs.RetentionDays_FOUR_MONTHS,
		150: awslogs.RetentionDays_FIVE_MONTHS, 180: awslogs.RetentionDays_SIX_MONTHS, 365: awslogs.RetentionDays_ONE_YEAR,
		400: awslogs.RetentionDays_THIRTEEN_MONTHS, 545: awslogs.RetentionDays_EIGHTEEN_MONTHS, 731: awslogs.RetentionDays_TWO_YEARS,
		1096: awslogs.RetentionDays_THREE_YEARS, 1827: awslogs.RetentionDays_FIVE_YEARS, 2192: awslogs.RetentionDays_SIX_YEARS,
		2557: awslogs.RetentionDays_SEVEN_YEARS, 2922: awslogs.RetentionDays_EIGHT_YEARS, 3288: awslogs.RetentionDays_NINE_YEARS,
		3653: awslogs.RetentionDays_TEN_YEARS,
	}[days]
}
