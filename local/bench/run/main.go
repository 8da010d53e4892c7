// Command run measures what of an outage is Sitefence's own share, and writes
// docs/performance.md with its tables and its picture: see package bench.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sitefence/sitefence/local/bench"
)

func main() {
	o := bench.Options{Root: ".", Memory: []int{128, 256, 512, 1024}, Progress: func(s string) { fmt.Fprintln(os.Stderr, "bench:", s) }}
	flag.IntVar(&o.Runs, "runs", 10, "how often each thing is measured")
	flag.DurationVar(&o.Trip, "trip", 20*time.Millisecond, "what a call takes; a new connection takes two more")
	flag.IntVar(&o.Webhooks, "webhooks", 5000, "how many webhooks the ingest function is sent")
	flag.BoolVar(&o.Micro, "micro", true, "run the micro benchmarks")
	flag.BoolVar(&o.Scale, "scale", true, "simulate a hundred deployments that lose a link at once")
	docs := flag.String("into", "docs", "the folder of performance.md; img/ below it takes bench.json, bench.txt and fence.svg")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	err := run(ctx, o, *docs)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o bench.Options, docs string) error {
	if o.Runs < 1 || o.Webhooks < 100 || o.Trip <= 0 {
		return fmt.Errorf("-runs, -webhooks, -trip: got %d, %d and %s, want at least 1, 100 and more than 0", o.Runs, o.Webhooks, o.Trip)
	}
	root, err := filepath.Abs(o.Root)
	if err != nil {
		return err
	}
	o.Root = root
	page, err := os.ReadFile(filepath.Join(docs, "performance.md"))
	if err != nil {
		return err
	}
	o.Incident = filepath.Join(docs, "img", "incident.json")
	r, err := bench.Run(ctx, o)
	if err != nil {
		return err
	}
	fmt.Print("\n", r.Summary())
	files, err := r.Files(string(page))
	if err != nil {
		return err
	}
	// Only now: a run that failed leaves the last figures as they are.
	if err := os.MkdirAll(filepath.Join(docs, "img"), 0o755); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(docs, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
