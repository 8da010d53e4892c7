// Package stack runs the whole of Sitefence on one machine: the real CDK app,
// deployed by the real `cdk deploy` into the AWS emulator, with the fake Global
// Accelerator and Infinispan sites around it. There is no second wiring: what
// is deployed here is what is deployed to AWS, but for the architecture.
//
// Close ends everything that Start started.
package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/sitefence/sitefence/local/emulator"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
)

// Region of the local stack.
const Region = "eu-west-1"

// The local webhook's credentials; they protect nothing.
const (
	WebhookUser     = "keycloak"
	WebhookPassword = "local-webhook-password"
	webhookSecret   = "sitefence-local/webhook"
)

// Spec is one deployment to make. Sites are the world's, or Stateless if World
// is nil (`infinispan: none`).
type Spec struct {
	Name      string
	World     infinispan.World
	Stateless []string
	Preferred string // the site that goes on when both could; "" for none
}

// Options of a Stack. Deployments is required.
type Options struct {
	Deployments []Spec
	// WaitScale multiplies every wait of the state machines; zero means 1.
	WaitScale float64
	// EnforceIAM lets the emulator check the functions' roles, also for the calls
	// of the fake Global Accelerator.
	EnforceIAM bool
	// Env is added to the functions' environment, as "NAME=value".
	Env []string
	// Progress is told of each slow step; may be nil.
	Progress func(string)
	// Dir takes configuration and logs; a temporary folder that Close removes if empty.
	Dir string
}

// Stack is a running local stack. It is safe for concurrent use.
type Stack struct {
	Emulator    *emulator.Emulator
	Accelerator *ga.Fake
	Outputs     Outputs
	AWS         aws.Config
	Dir         string

	deployments map[string]*Deployment
	root        string
	ownDir      bool
	progress    func(string)
}

// Deployment is one accelerator with its sites, and its three machines.
type Deployment struct {
	Name        string
	World       infinispan.World // nil for stateless sites
	Sites       []string
	Accelerator ga.Accelerator
	Balancers   map[string]string // a load balancer's ARN by site
	Guard       string            // machine ARN
	Fence       string            // machine ARN
	Restore     string            // machine ARN

	stack     *Stack
	preferred string
}

// Start brings everything up: about 30 seconds once the tools are installed.
// Whatever was started is ended if it fails.
func Start(ctx context.Context, opt Options) (_ *Stack, err error) {
	s := &Stack{deployments: map[string]*Deployment{}, Dir: opt.Dir, progress: opt.Progress}
	if s.progress == nil {
		s.progress = func(string) {}
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.root, err = Root(); err != nil {
		return nil, err
	}
	if s.Dir == "" {
		s.ownDir = true
		if s.Dir, err = os.MkdirTemp("", "sitefence-stack-"); err != nil {
			return nil, fmt.Errorf("creating the stack's folder: %w", err)
		}
	}
	if err := s.startAWS(ctx, opt); err != nil {
		return nil, err
	}
	for _, spec := range opt.Deployments {
		if err := s.build(ctx, spec); err != nil {
			return nil, fmt.Errorf("building the world of %s: %w", spec.Name, err)
		}
	}
	path := filepath.Join(s.Dir, "sitefence.yaml")
	if err := s.writeConfig(path); err != nil {
		return nil, err
	}
	return s, s.deploy(ctx, path, opt.EnforceIAM)
}

func (s *Stack) startAWS(ctx context.Context, opt Options) error {
	// Nothing probes here: what is put back is found well.
	options := ga.Options{Account: emulator.AccountID, Resolve: s.resolve, NewEndpointHealth: ga.Healthy}
	if opt.EnforceIAM {
		options.Authorize = s.authorize
	}
	s.Accelerator = ga.New(options)
	if err := s.Accelerator.Start(); err != nil {
		return fmt.Errorf("starting the fake Global Accelerator: %w", err)
	}
	s.progress("starting the AWS emulator")
	var err error
	s.Emulator, err = emulator.Start(ctx, emulator.Options{
		Region: Region, GlobalAccelerator: s.Accelerator.URL(), WaitScale: opt.WaitScale,
		EnforceIAM: opt.EnforceIAM, Env: opt.Env, LogFile: filepath.Join(s.Dir, "emulator.log"),
	})
	if err != nil {
		return fmt.Errorf("starting the AWS emulator: %w", err)
	}
	s.AWS = s.Emulator.AWSConfig(ctx)
	return s.createSecret(ctx, webhookSecret, WebhookPassword)
}

// Deployment returns a deployment by its name. It panics on an unknown one.
func (s *Stack) Deployment(name string) *Deployment {
	d, ok := s.deployments[name]
	if !ok {
		panic("stack: no deployment " + name)
	}
	return d
}

// States returns a client of the emulator's Step Functions.
func (s *Stack) States() *sfn.Client { return sfn.NewFromConfig(s.AWS) }

// Close ends the emulator and the fake; the worlds are the caller's.
func (s *Stack) Close() {
	if s.Emulator != nil {
		s.Emulator.Stop()
	}
	if s.Accelerator != nil {
		_ = s.Accelerator.Close()
	}
	if s.ownDir {
		_ = os.RemoveAll(s.Dir)
	}
}

// Root is the repository's root: the folder above the working directory that
// holds cdk.json.
func Root() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "cdk.json")); missing == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			err = errors.New("no cdk.json above the working directory")
		}
		dir = parent
	}
	return "", fmt.Errorf("looking for the repository's root: %w", err)
}
