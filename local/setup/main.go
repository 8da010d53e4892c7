// Command setup installs what the demo and the tests run: the AWS emulator, AWS's
// command line, Alertmanager and Prometheus, pinned, into .cache; and Infinispan, if
// SITEFENCE_REAL=1 says that no test may do without. It does nothing that was done
// before.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/local/alertmanager"
	"github.com/sitefence/sitefence/local/awscli"
	"github.com/sitefence/sitefence/local/emulator"
	"github.com/sitefence/sitefence/local/emulator/cache"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/prometheus"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := install(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "setup:", err)
		os.Exit(1)
	}
}

func install(ctx context.Context) error {
	started := time.Now()
	steps := map[string]func(context.Context, string) (string, error){
		"the AWS emulator (10 s the first time)":   emulator.Setup,
		"AWS's command line (10 s the first time)": awscli.Setup,
		"Alertmanager and amtool, built from source (1 to 2 min the first time)": func(ctx context.Context, dir string) (string, error) {
			if _, err := alertmanager.Setup(ctx, dir); err != nil {
				return "", err
			}
			return alertmanager.SetupTool(ctx, dir)
		},
		"Prometheus and promtool, built from source (2 to 3 min the first time)": func(ctx context.Context, dir string) (string, error) {
			programs, err := prometheus.Setup(ctx, dir)
			return programs.Promtool, err
		},
	}
	if os.Getenv("SITEFENCE_REAL") == "1" {
		steps["Infinispan's two releases (120 MB from Maven Central the first time)"] = releases
	}
	group, ctx := errgroup.WithContext(ctx)
	for name, step := range steps {
		group.Go(func() error {
			fmt.Println("setup: installing", name)
			if _, err := step(ctx, ""); err != nil {
				return fmt.Errorf("installing %s: %w", name, err)
			}
			fmt.Printf("setup: installed %s after %.0f s\n", name, time.Since(started).Seconds())
			return nil
		})
	}
	return group.Wait()
}

// releases fetches one after the other: Maven beside Maven would write into the
// same repository.
func releases(ctx context.Context, _ string) (string, error) {
	dir, err := cache.Dir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "infinispan")
	for _, version := range []string{infinispan.Version, infinispan.Newer} {
		if err := infinispan.Setup(ctx, dir, version); err != nil {
			return "", err
		}
	}
	return dir, nil
}
