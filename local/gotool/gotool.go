// Package gotool builds pinned programs of other Go modules into the cache. It
// guarantees that neither this repository's modules nor the shell choose what
// they are built of.
package gotool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/sitefence/sitefence/local/emulator/cache"
)

// ErrUnavailable says that this machine cannot have the program; the error that
// wraps it says what is missing: a Go toolchain, or a module proxy.
var ErrUnavailable = errors.New("the program cannot be installed")

// Tool is what to build.
type Tool struct {
	Name     string   // of its folder in the cache, without the version
	Version  string   // of the packages' module
	Tags     string   // build tags, comma-separated
	Packages []string // mains of one module
}

// Setup builds the tool into the cache folder (cache.Dir() if cacheDir is empty)
// unless that has been done before, and returns the folder of its programs. It
// needs a Go module proxy the first time.
func Setup(ctx context.Context, cacheDir string, tool Tool) (dir string, err error) {
	if cacheDir == "" {
		if cacheDir, err = cache.Dir(); err != nil {
			return "", err
		}
	}
	return cache.Install(ctx, cacheDir, tool.Name+"/"+tool.Version, func(ctx context.Context, dir string) error {
		if err := install(ctx, dir, tool); err != nil {
			return fmt.Errorf("%s %s: %w: %w", tool.Name, tool.Version, ErrUnavailable, err)
		}
		return nil
	})
}

func install(ctx context.Context, dir string, tool Tool) error {
	compiler, err := exec.LookPath("go")
	if err != nil {
		return errors.New("no go on PATH to build it with")
	}
	args := []string{"install", "-tags=" + tool.Tags, "-ldflags=-s -w"}
	for _, p := range tool.Packages {
		args = append(args, p+"@"+tool.Version)
	}
	cmd := exec.CommandContext(ctx, compiler, args...)
	// A workspace or module around the cache must not choose its dependencies,
	// nor a cross-compiling shell its platform.
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOWORK=off", "GOFLAGS=-buildvcs=false", "GOOS=", "GOARCH=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go install: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
