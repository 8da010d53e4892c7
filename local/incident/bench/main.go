// Command bench measures how long an outage lasts with the settings of Keycloak's
// guide and with those that Sitefence generates, side by side.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/sitefence/sitefence/local/incident"
)

func main() {
	runs := flag.Int("runs", 5, "how often the link is cut")
	dir := flag.String("into", "docs/img", "the folder that takes incident.json and incident.svg")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	err := bench(ctx, *runs, *dir)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, runs int, dir string) error {
	if runs < 1 {
		return fmt.Errorf("-runs: expected 1 or more, not %d", runs)
	}
	measured, err := incident.Bench(ctx, os.Stdout, runs)
	if err != nil {
		return err
	}
	fmt.Print("\n", incident.Report(measured))
	data, err := incident.JSON(measured)
	if err != nil {
		return fmt.Errorf("encoding the measurement: %w", err)
	}
	// Only now: a run that failed leaves the last figures as they are.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, content := range map[string][]byte{"incident.json": append(data, '\n'), "incident.svg": incident.SVG(measured)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
