package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go/logging"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/deployed"
	"github.com/sitefence/sitefence/internal/manifests"
	"github.com/sitefence/sitefence/internal/secret"
)

// askTimeout bounds all that AWS is asked for.
const askTimeout = time.Minute

// input is what all sites share. It asks AWS, and reads standard input, only
// when a flag says so.
func (f *manifestsFlags) input(ctx context.Context, c config.Config) (manifests.Input, error) {
	in := manifests.Input{
		Config: c, IngestURL: f.ingestURL, RunbookURL: f.runbookURL,
		Namespace: f.namespace, Labels: f.labels, PasswordFile: f.passwordFile,
	}
	if f.format != formatPrometheus {
		in.Platform = manifests.Platform(f.format)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, errors.New("AWS did not answer within a minute"))
	defer cancel()
	var err error
	secretName := f.passwordSecret
	if f.stack != "" || secretName != "" {
		if err := f.ask(ctx, &in, secretName); err != nil {
			return manifests.Input{}, err
		}
	}
	if f.passwordStdin {
		if in.Password, err = secret.Read(f.stdin); err != nil {
			return manifests.Input{}, fmt.Errorf("password-stdin: %w", err)
		}
	}
	return in, nil
}

// ask fills in what AWS knows.
func (f *manifestsFlags) ask(ctx context.Context, in *manifests.Input, secretName string) error {
	account, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithLogger(logging.Nop{}))
	if err != nil {
		return fmt.Errorf("finding AWS credentials: %w", err)
	}
	if account.Region == "" {
		return errors.New("AWS_REGION: got nothing, want the Region of the stack (or a profile that has one)")
	}
	if f.stack != "" {
		out, err := deployed.Read(ctx, cloudformation.NewFromConfig(account), f.stack)
		if err != nil {
			return unread(err, f.stack, account.Region)
		}
		in.IngestURL = out.IngestURL
		if f.passwordFromStack {
			secretName = out.WebhookSecret
		}
	}
	if secretName != "" {
		in.Password, err = readSecret(ctx, account, secretName)
	}
	return err
}

// advice is for whoever runs the command; there is nothing to replay.
var advice = secret.Advice{
	Sort: awserr.Advice{
		Denied:  "whoever runs this command needs secretsmanager:GetSecretValue, and kms:Decrypt if the secret has a key of its own",
		Missing: "compare the secret's name with the account and the Region that the command asks (AWS_PROFILE, AWS_REGION)",
	}.Sort,
	Unusable: "put the password there as plain text, then run the command again",
}

func readSecret(ctx context.Context, account aws.Config, name string) (secret.Value, error) {
	v, err := secret.NewAdvising(secretsmanager.NewFromConfig(account), name, advice).Get(ctx)
	if err != nil {
		return secret.Value{}, fmt.Errorf("the webhook's password: %w", err)
	}
	return v, nil
}
