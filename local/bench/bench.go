// Package bench measures what of an outage is Sitefence's own share: the real
// function binaries, driven over the Runtime API along the straight way of a
// fence, against fakes that take their time for each call and each connection.
//
// It guarantees:
//   - Nothing is assumed: a fence that takes another way than the straight one, or
//     an answer other than expected, ends the measurement with an error.
//   - The CPU is limited by the kernel (cgroup) or not at all, and the result says
//     which; a limit that cannot be set is never imitated.
//   - A target is met or missed by what was measured in this run.
//
// What it does not measure: Lambda's download of the code and start of a sandbox,
// which come before the process, and the machines' own transitions.
package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/sitefence/sitefence/internal/config"
)

// Options say how to measure.
type Options struct {
	Root     string        // of the repository
	Runs     int           // of each measurement; of each micro benchmark too
	Trip     time.Duration // of one call; a new connection takes two more
	Incident string        // file of bench-incident's figures
	Webhooks int           // how many the ingest function is sent
	Memory   []int         // MB: the points of the curve
	Micro    bool          // run the micro benchmarks
	Scale    bool          // run the simulation of a hundred deployments
	Progress func(string)
}

// The functions on the way of a fence, in its order.
const (
	ingest            = "ingest"
	checkHealth       = "checkhealth"
	updateAccelerator = "updateaccelerator"
	takeOffline       = "takeoffline"
)

// way are these functions; others are the rest, whose start and size are measured
// too.
var (
	way    = []string{ingest, checkHealth, updateAccelerator, takeOffline}
	others = []string{"inspect", "resync"}
)

// FullCore is the memory in MB at which Lambda gives one whole vCPU (AWS Lambda
// Developer Guide, "Configure Lambda function memory").
const FullCore = 1769

// Unlimited stands for a memory size that limits no CPU.
const Unlimited = 0

// Run measures everything.
func Run(ctx context.Context, o Options) (Result, error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	dir, err := os.MkdirTemp("", "sitefence-bench-")
	if err != nil {
		return Result{}, fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // temporary
	r := Result{Machine: Describe(), Runs: o.Runs, Trip: milliseconds(o.Trip)}
	o.Progress("building the functions")
	if r.Binaries, err = Build(ctx, o.Root); err != nil {
		return Result{}, err
	}
	shares, err := FindShares()
	if err != nil {
		r.Machine.Limit = "not limited: " + err.Error()
	} else {
		r.Machine.Limit = shares.String()
	}
	world, err := NewWorld(dir, o.Trip)
	if err != nil {
		return Result{}, err
	}
	defer world.Close()
	stage := Stage{World: world, Dir: dir, Binaries: filepath.Join(o.Root, "build", "functions", runtime.GOARCH), Shares: shares}
	if err := stage.Copy(append(way, others...)); err != nil {
		return Result{}, err
	}
	if err := r.measure(ctx, o, stage); err != nil {
		return Result{}, err
	}
	if r.Emulator, err = ReadEmulator(o.Incident); err != nil {
		return Result{}, err
	}
	if o.Micro {
		o.Progress("micro benchmarks")
		if r.Micro, err = Micro(ctx, o.Root, o.Runs); err != nil {
			return Result{}, err
		}
	}
	if o.Scale {
		o.Progress("a hundred deployments at once")
		if r.Scale, err = Scale(ctx, o.Root); r.Scale == nil {
			return Result{}, err
		}
		if err != nil {
			o.Progress(err.Error())
		}
	}
	return r, nil
}

func (r *Result) measure(ctx context.Context, o Options, stage Stage) error {
	sizes := []int{Unlimited}
	if stage.Shares != nil {
		sizes = append(sizes, o.Memory...)
	}
	for _, memory := range sizes {
		o.Progress("fences with " + share(memory))
		point, err := stage.Fences(ctx, memory, o.Runs)
		if err != nil {
			return fmt.Errorf("with %s: %w", share(memory), err)
		}
		r.Fences = append(r.Fences, point)
	}
	o.Progress("starts of the other functions")
	starts, err := stage.Starts(ctx, o.Runs)
	if err != nil {
		return err
	}
	r.Starts = starts
	o.Progress("webhooks")
	r.Ingest, err = stage.Ingest(ctx, o)
	return err
}

// share names a memory size for a reader.
func share(memory int) string {
	if memory == Unlimited {
		return "all CPUs"
	}
	return fmt.Sprintf("the CPU share of %d MB", memory)
}

// architectures are those that can be deployed; the first is the default.
var architectures = []config.Architecture{config.ARM64, config.AMD64}
