// Release builds what a release consists of, byte for byte the same from the same
// sources wherever it runs. Run it in the repository's root, after `make setup`:
//
//	go run ./cmd/release -tool PATH          into build/release/<version>
//	go run ./cmd/release -tool PATH -check   twice, the second time from a copy of
//	                                         the sources elsewhere, for this
//	                                         machine's platform only, and compares
//
// PATH is that of cyclonedx-gomod. It writes
//
//	function-<name>-<arch>.zip         a Lambda function's bootstrap
//	sitefence-<os>-<arch>.zip          the operator's command
//	sitefence.template.json            the stack of the example configuration
//	*.cdx.json                         what is compiled into each of them: CycloneDX
//	SHA256SUMS                         of all of these
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"

	"github.com/sitefence/sitefence/internal/release"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1) //nolint:gocritic // stop only unregisters the signal
	}
}

func run(ctx context.Context) error {
	tool := flag.String("tool", "", "the path of cyclonedx-gomod")
	check := flag.Bool("check", false, "build twice and compare; keep nothing")
	flag.Parse()
	if *tool == "" {
		return errors.New("-tool: got nothing, want the path of cyclonedx-gomod")
	}
	root, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	start := time.Now()
	r := Release{Root: root, Bill: *tool, Version: release.Version, Platforms: Platforms, Architectures: Architectures}
	if *check {
		r.Platforms, r.Architectures = []Platform{{runtime.GOOS, runtime.GOARCH}}, []string{runtime.GOARCH}
		if err := Check(ctx, r); err != nil {
			return err
		}
		fmt.Printf("two builds in two places are the same, after %.0f s\n", time.Since(start).Seconds())
		return nil
	}
	state, err := readState(ctx, root)
	if err != nil {
		return err
	}
	if err := state.Releasable(r.Version); err != nil {
		return err
	}
	out := filepath.Join(root, "build", "release", r.Version)
	if err := r.Build(ctx, out); err != nil {
		return err
	}
	fmt.Printf("release %s of commit %.12s is in %s, after %.0f s\n", r.Version, state.Commit, out, time.Since(start).Seconds())
	return nil
}
