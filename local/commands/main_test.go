package commands_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

const (
	siteA, siteB = "site-a", "site-b"
	// waitScale shortens the waits of the machines; their number stays.
	waitScale = 0.02
	// patience bounds one command of a script. It is a deadline for conditions.
	patience = 2 * time.Minute
)

// The stack that all scripts share, and what they need of it.
var (
	deployed *stack.Stack
	double   *infinispan.Double
	programs string // the folder with the built sitefence
	handle   string // the file that SITEFENCE_LOCAL names
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if err := prerequisites(); err != nil {
		if os.Getenv("SITEFENCE_REAL") == "1" {
			fmt.Println("commands:", err)
			return 1
		}
		fmt.Println("commands: skipped:", err)
		return 0
	}
	dir, err := os.MkdirTemp("", "sitefence-commands-")
	if err != nil {
		fmt.Println("commands:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := setUp(dir); err != nil {
		fmt.Println("commands:", err)
		return 1
	}
	defer func() {
		deployed.Close()
		double.Close()
	}()
	return m.Run()
}

func prerequisites() error {
	root, err := stack.Root()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(root, "node_modules", ".bin", "cdk")); err != nil {
		return errors.New("the CDK command line is not installed: run make setup")
	}
	return nil
}

// setUp builds the command and deploys the stack.
func setUp(dir string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	root, err := stack.Root()
	if err != nil {
		return err
	}
	programs = filepath.Join(dir, "bin")
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", filepath.Join(programs, "sitefence"), "./cmd/sitefence")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the command: %w\n%s", err, out)
	}
	if double, err = infinispan.NewDouble(infinispan.Options{Sites: []string{siteA, siteB}}); err != nil {
		return err
	}
	deployed, err = stack.Start(ctx, stack.Options{
		Deployments: []stack.Spec{
			{Name: "keycloak", World: double},
			{Name: "stateless", Stateless: []string{siteA, siteB}},
		},
		WaitScale: waitScale, EnforceIAM: true,
		Progress: func(s string) { fmt.Println("commands:", s) },
	})
	if err != nil {
		double.Close()
		return err
	}
	handle = filepath.Join(dir, "local.json")
	return deployed.WriteHandle(handle)
}
