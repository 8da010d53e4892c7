package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/sitefence/sitefence/local/emulator"
)

// stackName is the CloudFormation stack's.
const stackName = "sitefence"

// Outputs are the deployed stack's outputs, by their keys.
type Outputs map[string]string

func architecture() string { return runtime.GOARCH }

// deploy runs the real CDK command line against the emulator.
func (s *Stack) deploy(ctx context.Context, config string, enforceIAM bool) error {
	args := []string{"--context", "config=" + config}
	if enforceIAM {
		// The bootstrap roles would have to be right in the emulator too; the
		// functions' roles are what is to be checked.
		bucket := "sitefence-local-assets"
		if err := s.createBucket(ctx, bucket); err != nil {
			return err
		}
		args = append(args, "--context", "assetsBucket="+bucket)
	} else {
		s.progress("cdk bootstrap")
		// Away from cdk.json: an explicit environment needs no synthesis.
		if _, err := s.cdk(ctx, s.Dir, "bootstrap", "aws://"+emulator.AccountID+"/"+Region); err != nil {
			return err
		}
	}
	s.progress("cdk deploy (builds the functions and synthesises the stack; a minute the first time)")
	outputs := filepath.Join(s.Dir, "outputs.json")
	args = append(args, "--require-approval", "never", "--outputs-file", outputs)
	if _, err := s.cdk(ctx, s.root, "deploy", args...); err != nil {
		return err
	}
	data, err := os.ReadFile(outputs)
	if err != nil {
		return fmt.Errorf("reading the stack's outputs: %w", err)
	}
	var stacks map[string]Outputs
	if err := json.Unmarshal(data, &stacks); err != nil {
		return fmt.Errorf("reading the stack's outputs: %w", err)
	}
	s.Outputs = stacks[stackName]
	for _, d := range s.deployments {
		if d.Guard, d.Fence = s.output("GuardMachineArn", d.Name), s.output("FenceMachineArn", d.Name); d.Guard == "" || d.Fence == "" {
			return fmt.Errorf("the stack has no machine of %s among its outputs %v", d.Name, s.Outputs)
		}
		if d.Restore = s.output("RestoreMachineArn", d.Name); d.Restore == "" {
			return fmt.Errorf("the stack has no restore machine of %s among its outputs %v", d.Name, s.Outputs)
		}
	}
	return nil
}

// output finds an output by its key's start and the deployment's name, whose
// dashes a key cannot hold.
func (s *Stack) output(key, deployment string) string {
	want := strings.ToLower(key + strings.ReplaceAll(deployment, "-", ""))
	for k, v := range s.Outputs {
		if strings.ToLower(k) == want {
			return v
		}
	}
	return ""
}

// Destroy runs `cdk destroy`.
func (s *Stack) Destroy(ctx context.Context) error {
	_, err := s.cdk(ctx, s.root, "destroy", "--context", "config="+filepath.Join(s.Dir, "sitefence.yaml"), "--force")
	return err
}

// IngestURL is the deployed Function URL in a form that reaches the emulator.
func (s *Stack) IngestURL() (string, error) { return s.Emulator.FunctionURL(s.Outputs["IngestUrl"]) }

func (s *Stack) cdk(ctx context.Context, dir, command string, args ...string) (string, error) {
	bin := filepath.Join(s.root, "node_modules", ".bin", "cdk")
	if _, err := os.Stat(bin); err != nil {
		return "", fmt.Errorf("the CDK command line is not installed, run `npm ci`: %w", err)
	}
	args = append([]string{command, "--output", filepath.Join(s.Dir, "cdk.out"), "--no-color", "--no-notices", "--ci"}, args...)
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Dir = dir
	cmd.Env = append(s.toolEnv(), s.Emulator.Env()...)
	// The command starts others (node, go, the app): all of them end with ctx.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if logErr := os.WriteFile(filepath.Join(s.Dir, "cdk-"+command+".log"), out, 0o600); logErr != nil {
		err = errors.Join(err, logErr)
	}
	if err != nil {
		return string(out), fmt.Errorf("running cdk %s: %w\n%s", command, err, tail(string(out), 60))
	}
	return string(out), nil
}

// toolEnv is what node and go need, and nothing that leads to the real AWS.
func (s *Stack) toolEnv() []string {
	env := []string{"CI=true", "CDK_DISABLE_CLI_TELEMETRY=true", "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION=1",
		"JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION=1"}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "CDK_") {
			continue
		}
		env = append(env, kv)
	}
	return env
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// createBucket makes the bucket for assets; the emulator takes S3's plain HTTP.
func (s *Stack) createBucket(ctx context.Context, name string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, s.Emulator.URL()+"/"+name, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("creating bucket %s: %w", name, err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was read
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("creating bucket %s: the emulator answered %s", name, resp.Status)
	}
	return nil
}
