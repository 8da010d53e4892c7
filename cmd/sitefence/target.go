package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"github.com/sitefence/sitefence/internal/deployed"
	"github.com/sitefence/sitefence/internal/screen"
	"github.com/sitefence/sitefence/local/stack"
)

// target is which deployed stack a command is about, and how it answers. Every
// command against AWS has these flags.
type target struct {
	stack, deployment, output string
	local                     bool
}

const (
	outputTable = "table"
	outputJSON  = "json"
)

func (t *target) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&t.stack, "stack", "sitefence", "The name of the deployed stack.")
	flags.StringVar(&t.deployment, "deployment", "", "The deployment, when the stack has several.")
	flags.BoolVar(&t.local, "local", false, "The local stack that sitefence demo --keep keeps, instead of AWS.")
	flags.StringVarP(&t.output, "output", "o", outputTable, "table, or json for programs.")
	if err := cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{outputTable, outputJSON}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is defined above
	}
}

// screen is where the command's answer goes.
func (t *target) screen(cmd *cobra.Command) (*screen.Screen, error) {
	if t.output != outputTable && t.output != outputJSON {
		return nil, usagef("--output: got %.60q, want table or json", t.output)
	}
	return screen.New(cmd.OutOrStdout(), t.output == outputJSON), nil
}

// connection is AWS, or the local stack, with what is deployed there.
type connection struct {
	aws     aws.Config
	outputs deployed.Outputs
	// postURL is the ingest URL in a form that reaches it from here.
	postURL string
	// config is the path of the configuration that was deployed, if it is known.
	config string
}

// open finds the stack and reads its outputs.
func (t *target) open(ctx context.Context) (connection, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, errors.New("AWS did not answer within a minute"))
	defer cancel()
	var a connection
	var handle stack.Handle
	var err error
	if t.local {
		if handle, err = stack.ReadHandle(); err == nil {
			err = handle.Export()
		}
		if err != nil {
			return connection{}, fmt.Errorf("--local: %w", err)
		}
		a.config = handle.Config
	}
	if a.aws, err = awsAccount(ctx); err != nil {
		return connection{}, err
	}
	if a.outputs, err = deployed.Read(ctx, cloudformation.NewFromConfig(a.aws), t.stack); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return connection{}, cause
		}
		return connection{}, unread(err, t.stack, a.aws.Region)
	}
	a.postURL = a.outputs.IngestURL
	if t.local {
		a.postURL = handle.IngestURL
	}
	return a, nil
}

// awsAccount is AWS as its own command line finds it.
func awsAccount(ctx context.Context) (aws.Config, error) {
	// The SDK's own warnings are no answer to a person.
	cfg, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithLogger(logging.Nop{}))
	if err != nil {
		return aws.Config{}, fmt.Errorf("finding AWS credentials: %w", err)
	}
	if cfg.Region == "" {
		return aws.Config{}, errors.New("AWS_REGION: got nothing, want the Region of the stack (or a profile that has one)")
	}
	return cfg, nil
}

// unread says in one line why a stack could not be read, and what to do.
func unread(err error, stack, region string) error {
	if api, answered := errors.AsType[smithy.APIError](err); answered {
		if strings.Contains(api.ErrorMessage(), "does not exist") {
			return fmt.Errorf("stack %s does not exist in %s: name the stack by --stack, its Region by AWS_REGION, its account by AWS_PROFILE", stack, region)
		}
		return fmt.Errorf("reading the outputs of stack %s in %s: %.100s: %.300s; look whose credentials these are (aws sts get-caller-identity)",
			stack, region, api.ErrorCode(), api.ErrorMessage())
	}
	if strings.Contains(err.Error(), "get credentials") {
		return errors.New("no AWS credentials were found: log in (aws sso login), or name a profile by AWS_PROFILE")
	}
	if lost, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("AWS cannot be reached (%w): look at the network, AWS_REGION and AWS_ENDPOINT_URL", lost.Err)
	}
	return err
}
