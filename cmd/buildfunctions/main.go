// Buildfunctions builds the Lambda functions, byte for byte the same from the
// same sources wherever it runs, so that an unchanged function is not deployed
// again. Run it in the repository's root:
//
//	go run ./cmd/buildfunctions                  for arm64
//	go run ./cmd/buildfunctions -arch amd64
//	go run ./cmd/buildfunctions -config FILE     as the configuration file says
//
// It writes build/functions/<arch>/<function>/bootstrap.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"time"

	"github.com/sitefence/sitefence/cmd/buildfunctions/bootstrap"
	"github.com/sitefence/sitefence/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "buildfunctions:", err)
		os.Exit(1) //nolint:gocritic // stop only unregisters the signal
	}
}

func run(ctx context.Context) error {
	arch := flag.String("arch", string(config.ARM64), "arm64 or amd64")
	file := flag.String("config", "", "take the architecture from this configuration file; build nothing if it does not exist")
	flag.Parse()
	if *file != "" {
		c, err := config.Load(*file)
		if errors.Is(err, fs.ErrNotExist) {
			// `cdk deploy -c config=other`: the CDK app knows the file and builds.
			return nil
		} else if err != nil {
			return err
		}
		*arch = string(c.Tuning.Architecture)
	}
	start := time.Now()
	out, err := bootstrap.Build(ctx, bootstrap.Options{Root: ".", Arch: config.Architecture(*arch)})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "built the functions for %s in %s (%s)\n", *arch, time.Since(start).Round(100*time.Millisecond), out)
	return nil
}
