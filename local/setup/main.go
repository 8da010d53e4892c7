// Command setup installs what the demo and the tests run: the AWS emulator and
// Alertmanager, pinned, into .cache. It does nothing that was done before.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/local/alertmanager"
	"github.com/sitefence/sitefence/local/emulator"
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
		"the AWS emulator (10 s the first time)":                      emulator.Setup,
		"Alertmanager, built from source (1 to 2 min the first time)": alertmanager.Setup,
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
