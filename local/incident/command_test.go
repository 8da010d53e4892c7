package incident_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/local/incident"
	"github.com/sitefence/sitefence/local/stack"
)

// operator is the person on call, with the real command.
type operator struct {
	deployment string
	program    string
	env        []string
}

func newOperator(ctx context.Context, t *testing.T, deployment string) operator {
	t.Helper()
	dir := t.TempDir()
	o := operator{deployment: deployment, program: filepath.Join(dir, "sitefence"), env: append(os.Environ(), stack.EnvHandle+"="+filepath.Join(dir, "local.json"))}
	must(t, local.stack.WriteHandle(filepath.Join(dir, "local.json")))
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", o.program, "../../cmd/sitefence")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the command: %v\n%s", err, out)
	}
	return o
}

// run runs a command about the deployment and returns what it says.
func (o operator) run(ctx context.Context, command string, args ...string) (string, error) {
	all := append([]string{command, "--local", "--deployment", o.deployment}, args...)
	cmd := exec.CommandContext(ctx, o.program, all...)
	cmd.Env = o.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("sitefence %s: %w\n%s", strings.Join(all, " "), err, out)
	}
	return string(out), err
}

// looks wants a command to succeed and to say all of these.
func (o operator) looks(ctx context.Context, t *testing.T, wants []string, command string, args ...string) {
	t.Helper()
	out, err := o.run(ctx, command, args...)
	must(t, err)
	for _, want := range wants {
		if !strings.Contains(out, want) {
			t.Errorf("sitefence %s does not say %q:\n%s", command, want, out)
		}
	}
}

// restore brings the lost site back by the command: what the night after a fence
// consists of, on two real sites.
func (o operator) restore(ctx context.Context, t *testing.T, w *incident.World, fence incident.Fence) {
	t.Helper()
	o.looks(ctx, t, []string{fence.Lost + " is fenced"}, "status")
	o.looks(ctx, t, []string{fence.Execution.Name, fence.Lost, fence.Record[0].Endpoint}, "report", fence.Execution.Name)
	sync := func(ctx context.Context, f incident.Fence) error {
		_, err := o.run(ctx, "restore", "--site", f.Lost, "--keycloak-stopped")
		return err
	}
	rejoin := func(ctx context.Context, f incident.Fence) error {
		_, err := o.run(ctx, "restore", "--site", f.Lost, "--continue")
		return err
	}
	must(t, w.RestoreBy(ctx, fence, sync, rejoin))
	o.looks(ctx, t, []string{"Both sites serve"}, "status")
	o.looks(ctx, t, []string{"rejoined", "fenced"}, "history")
}
