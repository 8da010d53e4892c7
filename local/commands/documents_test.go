package commands_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/sitefence/sitefence/internal/document"
	"github.com/sitefence/sitefence/local/awscli"
	"github.com/sitefence/sitefence/local/emulator"
	"github.com/sitefence/sitefence/local/stack"
)

// TestDocuments pastes what the documents tell an operator to type at AWS: the
// blocks of each document that ask AWS and need nothing else, one after the
// other in one shell, after a fence. Only names that are the reader's own are
// replaced; passwords come from standard input, as there is no terminal to ask.
func TestDocuments(t *testing.T) {
	bin, err := awscli.Setup(t.Context(), "")
	if errors.Is(err, emulator.ErrUnavailable) && os.Getenv("SITEFENCE_REAL") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := document.Blocks("../..")
	if err != nil {
		t.Fatal(err)
	}
	removeNewSecrets(t)
	env := append(fencedWorld(t), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "AWS_PAGER=")
	run := 0
	for len(blocks) > 0 {
		file := blocks[0].File
		end := slices.IndexFunc(blocks, func(b document.Block) bool { return b.File != file })
		if end < 0 {
			end = len(blocks)
		}
		if script := script(t, blocks[:end]); script != "" {
			run++
			t.Run(file, func(t *testing.T) { paste(t, script, env) })
		}
		blocks = blocks[end:]
	}
	if run < 10 {
		t.Errorf("%d documents: most are not found", run)
	}
}

// removeNewSecrets deletes, when the test has ended, what the documents have the
// reader make: `sitefence init` would find it.
func removeNewSecrets(t *testing.T) {
	t.Helper()
	client := secretsmanager.NewFromConfig(deployed.AWS)
	names := func(ctx context.Context) []string {
		out, err := client.ListSecrets(ctx, &secretsmanager.ListSecretsInput{})
		if err != nil {
			t.Fatalf("listing secrets: %v", err)
		}
		var all []string
		for _, s := range out.SecretList {
			all = append(all, aws.ToString(s.Name))
		}
		return all
	}
	before := names(t.Context())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for _, name := range names(ctx) {
			if slices.Contains(before, name) {
				continue
			}
			if _, err := client.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{
				SecretId: aws.String(name), ForceDeleteWithoutRecovery: aws.Bool(true),
			}); err != nil {
				t.Errorf("deleting %s: %v", name, err)
			}
		}
	})
}

// script is all that asks AWS in one document.
func script(t *testing.T, blocks []document.Block) string {
	t.Helper()
	var all strings.Builder
	for _, b := range blocks {
		if b.Language != "sh" || b.Needs != "" {
			continue
		}
		commands, err := b.Commands()
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(commands, document.Command.AsksAWS) {
			// A password is asked for at most once a block.
			fmt.Fprintf(&all, "echo '## %s' >&2\n{\n%s} <<< \"$TYPED\"\n", b.Place(), b.Script())
		}
	}
	return all.String()
}

// paste runs the script and shows all that it said if it fails.
func paste(t *testing.T, script string, env []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	names := strings.NewReplacer("keycloak-prod", "keycloak",
		"a1234567890abcdef.awsglobalaccelerator.com", deployed.Deployment("keycloak").Accelerator.DNSName,
		"--user alertmanager", "--user "+stack.WebhookUser)
	// A document before may have rotated it.
	if _, err := secretsmanager.NewFromConfig(deployed.AWS).PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: aws.String(deployed.Outputs["WebhookSecretArn"]), SecretString: aws.String(stack.WebhookPassword),
	}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(script, "remove-endpoints") { // by hand, so both must be there
		if err := reset(ctx); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", names.Replace(script))
	cmd.Dir, cmd.Env = dir, append(env, "HOME="+dir, "TYPED="+stack.WebhookPassword)
	// Without a terminal, as it would be asked there for the password.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if code := strings.TrimSpace(line); len(code) == 3 && code != "204" && strings.Contains("45", code[:1]) {
			t.Errorf("ingest answered %s\n%s", code, out)
		}
	}
}

// fencedWorld makes a fence of site-b, and is the environment in which a reader
// stands then: the way to the stack, and the outputs and ARNs that the documents
// call by these names.
func fencedWorld(t *testing.T) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	must(reset(ctx))
	must(double.CutLink(ctx))
	d := deployed.Deployment("keycloak")
	before, err := deployed.Executions(ctx, d.Guard)
	must(err)
	must(post(ctx, d, siteA, siteB))
	guard, err := started(ctx, d.Guard, before)
	must(err)
	fences, err := deployed.Executions(ctx, d.Fence)
	must(err)
	fence, err := deployed.Wait(ctx, fences[0].ARN)
	must(err)
	if fence.Outcome() != "Fenced" {
		t.Fatalf("the fence ended %s", fence.Outcome())
	}
	url, err := deployed.IngestURL()
	must(err)
	t.Setenv(stack.EnvHandle, handle)
	reach, err := stack.ReadHandle()
	must(err)
	listener := d.Accelerator.ARN + "/listener/00000001"
	return append(slices.DeleteFunc(reach.Env, func(kv string) bool { return strings.HasSuffix(kv, "=") }), // unset in a handle

		"GUARD="+d.Guard, "FENCE="+d.Fence, "RESTORE="+d.Restore,
		"EXECUTION="+fence.ARN, "FENCE_EXECUTION="+fence.ARN, "GUARD_EXECUTION="+guard.ARN,
		"BUS="+deployed.Outputs["BusName"], "RULE=keycloak-site-offline",
		"ACCELERATOR="+d.Accelerator.ARN, "LISTENER="+listener, "GROUP="+listener+"/endpoint-group/000000000001",
		"ENDPOINT="+d.Balancers[siteB], "WEIGHT=128", "PRESERVE=true",
		"NLB_OF_SITE_A="+d.Balancers[siteA], "NLB_OF_SITE_B="+d.Balancers[siteB],
		"TOPIC="+deployed.Outputs["TopicArn"], "TOPIC_ARN="+deployed.Outputs["TopicArn"],
		"WEBHOOK_SECRET_ARN="+deployed.Outputs["WebhookSecretArn"], "INGEST_URL="+url, "PARAMETER="+deployed.Outputs["PauseParameterKeycloak"],
	)
}
