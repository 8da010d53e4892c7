package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sitefence/sitefence/local/emulator/cache"
)

// Version that is installed. Newer ones cannot be built from the Go module:
// their user interface is not in it.
const Version = "v0.28.1"

// ErrUnavailable says that this machine cannot have Alertmanager; the error
// that wraps it says what is missing: a Go toolchain, or a module proxy.
var ErrUnavailable = errors.New("Alertmanager cannot be installed")

// Setup installs Alertmanager into the cache folder (cache.Dir() if cacheDir
// is empty) unless that has been done before, and returns the path of the
// program. It needs a Go module proxy the first time: one to two minutes.
func Setup(ctx context.Context, cacheDir string) (program string, err error) {
	if cacheDir == "" {
		if cacheDir, err = cache.Dir(); err != nil {
			return "", err
		}
	}
	dir, err := cache.Install(ctx, cacheDir, "alertmanager/"+Version, install)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "alertmanager"), nil
}

func install(ctx context.Context, dir string) error {
	compiler, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("%w: no go on PATH to build it with", ErrUnavailable)
	}
	cmd := exec.CommandContext(ctx, compiler, "install", "github.com/prometheus/alertmanager/cmd/alertmanager@"+Version)
	// A workspace or module around the cache must not choose its dependencies,
	// nor a cross-compiling shell its platform.
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOWORK=off", "GOFLAGS=-buildvcs=false", "GOOS=", "GOARCH=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: go install: %w\n%s", ErrUnavailable, err, strings.TrimSpace(string(out)))
	}
	return nil
}
