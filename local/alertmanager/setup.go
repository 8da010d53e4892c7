package alertmanager

import (
	"context"
	"path/filepath"

	"github.com/sitefence/sitefence/local/gotool"
)

// Version that is installed. Newer ones cannot be built from the Go module:
// their user interface is not in it.
const Version = "v0.28.1"

// ErrUnavailable says that this machine cannot have Alertmanager; the error
// that wraps it says what is missing: a Go toolchain, or a module proxy.
var ErrUnavailable = gotool.ErrUnavailable

// Setup installs Alertmanager into the cache folder (cache.Dir() if cacheDir
// is empty) unless that has been done before, and returns the path of the
// program. It needs a Go module proxy the first time: one to two minutes.
func Setup(ctx context.Context, cacheDir string) (program string, err error) {
	return setup(ctx, cacheDir, "alertmanager")
}

// SetupTool is Setup for amtool, of the same version: seconds after Setup.
func SetupTool(ctx context.Context, cacheDir string) (program string, err error) {
	return setup(ctx, cacheDir, "amtool")
}

func setup(ctx context.Context, cacheDir, name string) (string, error) {
	dir, err := gotool.Setup(ctx, cacheDir, gotool.Tool{
		Name: name, Version: Version,
		Packages: []string{"github.com/prometheus/alertmanager/cmd/" + name},
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, name), nil
}
