package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/sitefence/sitefence/internal/config"
)

// machineProps is one state machine.
type machineProps struct {
	Label string // part of the log group's name
	Name  string // physical
	// Definition is the text of the ASL file. It is deployed as it is, so that
	// the console shows the file; only ${Names} in it are substituted.
	Definition    string
	Assets        Assets
	Substitutions map[string]string
	Statements    []awsiam.PolicyStatement
	Tuning        config.Tuning
}

// newMachine makes a Standard state machine with a log group and a role of its
// own: the role may deliver to the log and do what the statements say.
func newMachine(scope constructs.Construct, id string, props machineProps) (awsstepfunctions.StateMachine, error) {
	scope = constructs.NewConstruct(scope, jsii.String(id))
	// Under /aws/vendedlogs/ CloudWatch Logs keeps one policy for all groups;
	// elsewhere each group lengthens a policy that may have 5120 characters
	// (Step Functions' guide, "Avoid the CloudWatch Logs policy size limit").
	group := newLogGroup(scope, "/aws/vendedlogs/states", props.Label, props.Tuning)
	statements := append(props.Statements, deliverLogs())
	if props.Tuning.Tracing {
		// Beside sending segments Step Functions asks X-Ray what to sample.
		statements = append(statements, trace("xray:GetSamplingRules", "xray:GetSamplingTargets"))
	}
	role := newRole(scope, "Role", roleProps{
		Service: "states.amazonaws.com", Description: "Sitefence: " + props.Label,
		SourceARN: machineARN(props.Name), Statements: statements,
	})
	// An asset, for all deployments the same, since in the template the text of
	// eight deployments' machines takes half of what CloudFormation reads.
	definition, err := props.Assets.stageDefinition(id, props.Definition)
	if err != nil {
		return nil, err
	}
	substitutions := map[string]*string{}
	for k, v := range props.Substitutions {
		substitutions[k] = jsii.String(v)
	}
	return awsstepfunctions.NewStateMachine(scope, jsii.String("Machine"), &awsstepfunctions.StateMachineProps{
		StateMachineName:        jsii.String(props.Name),
		StateMachineType:        awsstepfunctions.StateMachineType_STANDARD,
		DefinitionBody:          awsstepfunctions.DefinitionBody_FromFile(jsii.String(definition), nil),
		DefinitionSubstitutions: &substitutions,
		Role:                    role,
		TracingEnabled:          jsii.Bool(props.Tuning.Tracing),
		Logs: &awsstepfunctions.LogOptions{
			Destination: group,
			Level:       awsstepfunctions.LogLevel_ALL,
			// The history of an execution is gone after 90 days; the log is the
			// record. Inputs and outputs hold no secret.
			IncludeExecutionData: jsii.Bool(true),
		},
	}), nil
}

// deliverLogs is what Step Functions needs to send its log to CloudWatch Logs.
func deliverLogs() awsiam.PolicyStatement {
	return allowAny("DeliverLog", "log deliveries have no resource types that these actions take, and the resource policy is the account's "+
		"(Step Functions' guide, \"Logging to CloudWatch Logs\": the resource must be *)",
		"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
		"logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups")
}
