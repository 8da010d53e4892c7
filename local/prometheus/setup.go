// Package prometheus installs a real Prometheus for the local stack, and its
// promtool. It guarantees that what the tests say of a rule is what the real
// program does with it.
package prometheus

import (
	"context"
	"path/filepath"

	"github.com/sitefence/sitefence/local/gotool"
)

// Version of the Go module: v0.3NN is Prometheus 3.NN.
const Version = "v0.316.0"

// ErrUnavailable says that this machine cannot have Prometheus; the error that
// wraps it says what is missing: a Go toolchain, or a module proxy.
var ErrUnavailable = gotool.ErrUnavailable

// Programs are the paths of the installed programs.
type Programs struct {
	Prometheus string // the server, without its web pages; it finds targets by static_configs only
	Promtool   string
}

// Setup installs both into the cache folder (cache.Dir() if cacheDir is empty)
// unless that has been done before. It needs a Go module proxy the first time:
// two to three minutes of two cores.
func Setup(ctx context.Context, cacheDir string) (Programs, error) {
	const commands = "github.com/prometheus/prometheus/cmd/"
	dir, err := gotool.Setup(ctx, cacheDir, gotool.Tool{
		Name: "prometheus", Version: Version,
		// Without the clients of every cloud: half of the time, and of the size.
		Tags:     "remove_all_sd",
		Packages: []string{commands + "prometheus", commands + "promtool"},
	})
	if err != nil {
		return Programs{}, err
	}
	return Programs{filepath.Join(dir, "prometheus"), filepath.Join(dir, "promtool")}, nil
}
