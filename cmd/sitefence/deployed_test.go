package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/sitefence/sitefence/local/emulator"
)

// The stack as far as the command knows it. Like the real one it names the
// secret by what the template knows of it.
const stackTemplate = `{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": {
	"IngestUrl": {"Value": "https://abcdefghij.lambda-url.eu-west-1.on.aws/"}, "WebhookSecretArn": {"Value": "webhook"}}}`

// The scripts' account is made by hand; this one is the emulator's.
func TestManifestsOfADeployedStack(t *testing.T) {
	e, err := emulator.Start(t.Context(), emulator.Options{Region: "eu-west-1"})
	if errors.Is(err, emulator.ErrUnavailable) && os.Getenv("SITEFENCE_REAL") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	account := e.AWSConfig(t.Context())
	if _, err := secretsmanager.NewFromConfig(account).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String("webhook"), SecretString: aws.String(password),
	}); err != nil {
		t.Fatal(err)
	}
	stacks := cloudformation.NewFromConfig(account)
	if _, err := stacks.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: aws.String("sitefence"), TemplateBody: aws.String(stackTemplate),
	}); err != nil {
		t.Fatal(err)
	}
	if err := cloudformation.NewStackCreateCompleteWaiter(stacks, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay = 100 * time.Millisecond
	}).Wait(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("sitefence")}, time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, variable := range e.Env() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	var out, notes bytes.Buffer
	root := newRoot()
	root.SetArgs([]string{"manifests", "--config", "../../sitefence.example.yaml", "--site", "site-a", "--stack", "sitefence", "--password-from-stack"})
	root.SetOut(&out)
	root.SetErr(&notes)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"url: https://abcdefghij.lambda-url.eu-west-1.on.aws/\n", "  password: " + password + "\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if notes.Len() > 0 {
		t.Errorf("notes: %s", notes.String())
	}
}
