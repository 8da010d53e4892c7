package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// A flood from strangers can take this much of the account's concurrency
// and no more, so that the fence's own functions still find some.
const ingestConcurrency = 50

// IngestProps is the door: the function that takes Alertmanager's webhook.
type IngestProps struct {
	Config config.Config
	Assets Assets
	Bus    Bus
}

// Ingest is what others need of the door.
type Ingest struct {
	Function awslambda.Function
	URL      string
	Secret   string // the ARN, or the name as configured
}

func NewIngest(scope constructs.Construct, props IngestProps) (Ingest, error) {
	scope = constructs.NewConstruct(scope, jsii.String("Ingest"))
	code, err := props.Assets.Stage("stack", "ingest", props.Config.Ingest())
	if err != nil {
		return Ingest{}, err
	}
	secret := props.Config.Webhook.PasswordSecret
	if secret == "" {
		secret = newPassword(scope)
	}
	function := newFunction(scope, "Ingest", functionProps{
		Label:          "ingest",
		Description:    "Sitefence: takes Alertmanager's webhook and puts an event on the bus for each site that is offline",
		Code:           code,
		TimeoutSeconds: contract.IngestTimeout,
		Environment:    map[string]string{config.EnvBus: props.Bus.Name, config.EnvWebhookSecret: secret},
		Statements:     []awsiam.PolicyStatement{readSecrets(secret), props.Bus.mayPut()},
		Reserved:       ingestConcurrency,
		Tuning:         props.Config.Tuning,
	})
	// Alertmanager cannot sign requests with SigV4, so the function itself
	// authenticates (Basic, over the URL's TLS). The CDK adds the two
	// permissions that a URL without IAM needs.
	url := function.AddFunctionUrl(&awslambda.FunctionUrlOptions{AuthType: awslambda.FunctionUrlAuthType_NONE})
	return Ingest{Function: function, URL: *url.Url(), Secret: secret}, nil
}

// newPassword makes a secret whose whole string is a random password: letters
// and digits, which every YAML file and every shell takes as they are.
func newPassword(scope constructs.Construct) string {
	secret := awssecretsmanager.NewSecret(scope, jsii.String("WebhookPassword"), &awssecretsmanager.SecretProps{
		Description: jsii.String("Sitefence: the password with which Alertmanager posts to the ingest URL"),
		GenerateSecretString: &awssecretsmanager.SecretStringGenerator{
			PasswordLength:     jsii.Number(40),
			ExcludePunctuation: jsii.Bool(true),
		},
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	return *secret.SecretArn()
}
