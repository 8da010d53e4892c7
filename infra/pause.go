package infra

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// noPause is the parameter's value while nothing is paused.
const noPause = "{}"

// newPause makes a deployment's pause parameter and returns its name. `sitefence
// pause` and `resume` write it; CloudFormation does so only when it makes it, since
// the value in the template never changes: a deployment ends no pause.
func newPause(scope constructs.Construct, deployment string) string {
	name := fmt.Sprintf("/sitefence/%s/%s/pause-%s", owner(scope), deployment, suffix())
	awsssm.NewCfnParameter(scope, jsii.String("Pause"), &awsssm.CfnParameterProps{
		Name:        jsii.String(name),
		Type:        jsii.String("String"),
		Value:       jsii.String(noPause),
		Description: jsii.String("Sitefence: while this holds a pause, no fence of " + deployment + " is begun. {} is none."),
	})
	return name
}

// readPause allows reading that parameter and no other.
func readPause(name string) awsiam.PolicyStatement {
	return allow("ReadPause", regionalARN("ssm", "parameter"+name), "ssm:GetParameter")
}
