// Package wiring builds, once per execution environment, the clients that all
// functions of a deployment have. Everything a function can get wrong about its
// surroundings fails here or beside it, at the start, before any event.
//
// A client of another service is built from AWS by the package that needs it: what
// is imported here is linked into each function, and initialized whenever one starts.
package wiring

import (
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/awsenv"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/limit"
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
func Load() (Function, error) {
	awsenv.ShareCPU()
	awsenv.ReadRoots()
	deployment, err := config.LoadFunctionFile[config.Deployment]()
	if err != nil {
		return Function{}, err
	}
	f := New(deployment)
	f.connect()
	return f, nil
}

// New is Load for a deployment that is known already.
func New(deployment config.Deployment) Function {
	cfg := awsenv.Config()
	reading, writing := clients()
	cfg.HTTPClient = limit.Answers(awsenv.Whole(reading))
	f := With(deployment, cfg)
	f.writing = limit.Answers(awsenv.Whole(writing))
	return f
}

// clients are the SDK's own client with each of the two timeouts, over the same
// connections: a write goes out over the one on which the reads before it were
// answered. net/http sends no write twice on its own: a POST that has begun to be
// sent on a connection that turns out dead is an error (Transport, "isReplayable").
func clients() (reading, writing aws.HTTPClient) {
	reading = awshttp.NewBuildableClient().WithTimeout(ReadTimeout).Freeze()
	// What Freeze returns; a client of another kind would have its own connections.
	if client, ok := reading.(*http.Client); ok {
		longer := *client
		longer.Timeout = WriteTimeout
		return reading, &longer
	}
	return reading, awshttp.NewBuildableClient().WithTimeout(WriteTimeout)
}

// With is New with the AWS configuration given; its HTTP client serves writes too.
func With(deployment config.Deployment, cfg aws.Config) Function {
	return Function{deployment, cfg, cfg.HTTPClient}
}

// AWS is what any other client is built from; the SDK retries its calls.
func (f Function) AWS() aws.Config { return f.aws }

// Reader reads the accelerator; the SDK retries its reads.
func (f Function) Reader() accelerator.Reader {
	return accelerator.Reader{
		Accelerator: ga.NewFromConfig(f.aws, inControlPlane), Balancers: elb.NewFromConfig(f.aws), Deployment: f.Deployment,
		Seen: &accelerator.Seen{},
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
