package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// newInspect makes the function that reads all there is to see of a deployment,
// so that an operator needs neither Infinispan's password nor a way to it. It is
// read only; the operator's command calls it, and the schedule that checks for
// drift.
func newInspect(scope constructs.Construct, props DeploymentProps, pause string) (awslambda.Function, error) {
	d := props.Deployment
	file := config.InspectFile{Deployment: d, WebhookUser: props.WebhookUser}
	code, err := props.Assets.Stage(d.Name, "inspect", file)
	if err != nil {
		return nil, err
	}
	environment, statements := lookAfter(props)
	environment[config.EnvPauseParameter] = pause
	return newFunction(scope, "Inspect", functionProps{
		Label:          d.Name + "-inspect",
		Description:    "Sitefence: reads all there is to see of a deployment, for the operator, and whether it has drifted; read only",
		Code:           code,
		TimeoutSeconds: contract.InspectTimeout,
		Environment:    environment,
		Statements: append(append(readAccelerator(d.Accelerator.ARN), []awsiam.PolicyStatement{
			readStatus(d.Accelerator.ARN),
			readTargets(),
			readPause(pause),
		}...), append(statements, infinispanSecrets(d, props.Tuning)...)...),
		Tuning:  props.Tuning,
		Package: "inspect",
		Network: props.network,
	}), nil
}
