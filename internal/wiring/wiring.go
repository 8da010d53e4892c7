// Package wiring builds, once per execution environment, the clients that the
// functions of a deployment share in kind. Everything a function can get wrong
// about its surroundings fails here, at the start, before any event.
package wiring

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/generation"
	"github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/limit"
	"github.com/sitefence/sitefence/internal/pause"
	"github.com/sitefence/sitefence/internal/secret"
)

// ReadTimeout and WriteTimeout bound one HTTP call to AWS. A read is sent again
// by the SDK, so that one hung connection does not use up the invocation; a
// write is waited for.
const (
	ReadTimeout  = 6 * time.Second
	WriteTimeout = 25 * time.Second
)

// Function is what the functions of one deployment are made of.
type Function struct {
	Deployment config.Deployment
	aws        aws.Config
	writing    aws.HTTPClient // waits longer, see WriteTimeout
}

// Load reads the configuration beside the binary and the AWS environment.
func Load(ctx context.Context) (Function, error) {
	deployment, err := config.LoadFunctionFile[config.Deployment]()
	if err != nil {
		return Function{}, err
	}
	return New(ctx, deployment)
}

// New is Load for a deployment that is known already.
func New(ctx context.Context, deployment config.Deployment) (Function, error) {
	cfg, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(ReadTimeout)))
	if err != nil {
		return Function{}, fmt.Errorf("loading the AWS configuration: %w", err)
	}
	cfg.HTTPClient = limit.Answers(cfg.HTTPClient)
	f := With(deployment, cfg)
	f.writing = limit.Answers(awshttp.NewBuildableClient().WithTimeout(WriteTimeout))
	return f, nil
}

// With is New with the AWS configuration given; its HTTP client serves writes too.
func With(deployment config.Deployment, cfg aws.Config) Function {
	return Function{deployment, cfg, cfg.HTTPClient}
}

// Reader reads the accelerator; the SDK retries its reads.
func (f Function) Reader() accelerator.Reader {
	return accelerator.Reader{
		Accelerator: ga.NewFromConfig(f.aws, inControlPlane), Balancers: elb.NewFromConfig(f.aws), Deployment: f.Deployment,
	}
}

// Writer writes the accelerator and never sends a write twice by itself.
func (f Function) Writer() accelerator.Writing {
	return ga.NewFromConfig(f.aws, inControlPlane, func(o *ga.Options) {
		o.Retryer = aws.NopRetryer{}
		o.HTTPClient = f.writing
	})
}

func inControlPlane(o *ga.Options) { o.Region = accelerator.Region }

// Generation lists the fence machine's executions.
func (f Function) Generation() (generation.Guard, error) {
	machine := os.Getenv(config.EnvFenceMachine)
	if machine == "" {
		return generation.Guard{}, fmt.Errorf("environment variable %s: got nothing, want the fence machine's ARN", config.EnvFenceMachine)
	}
	return generation.Guard{Executions: sfn.NewFromConfig(f.aws), Machine: machine}, nil
}

// Pauses reads the deployment's pause parameter. It is false where none is
// named: then nothing can be paused, which stops no fence.
func (f Function) Pauses() (pause.Reader, bool) {
	name := os.Getenv(config.EnvPauseParameter)
	client := ssm.NewFromConfig(f.aws, func(o *ssm.Options) { o.Retryer = aws.NopRetryer{} })
	return pause.Reader{Parameters: client, Name: name}, name != ""
}

// Clusters are the clients of the sites that have an Infinispan.
func (f Function) Clusters() (map[contract.Site]*infinispan.Client, error) {
	return f.clusters(func(r *secret.Reader) *secret.Reader { return r })
}

func (f Function) clusters(with func(*secret.Reader) *secret.Reader) (map[contract.Site]*infinispan.Client, error) {
	secrets := secretsmanager.NewFromConfig(f.aws)
	clusters := map[contract.Site]*infinispan.Client{}
	for _, site := range f.Deployment.Sites {
		if site.Infinispan == nil {
			continue
		}
		password := secret.Password{Reader: with(secret.New(secrets, site.Infinispan.PasswordSecret))}
		client, err := infinispan.New(site.Name, *site.Infinispan, password)
		if err != nil {
			return nil, err
		}
		if id := site.Infinispan.CASecret; id != "" {
			client = client.Trusting(secret.Password{Reader: secret.NewAuthority(secrets, id)})
		}
		clusters[site.Name] = client
	}
	return clusters, nil
}
