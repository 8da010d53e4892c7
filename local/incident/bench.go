package incident

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/manifests"
	"github.com/sitefence/sitefence/local/emulator/cache"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

// Setting is what a measurement compares.
type Setting struct {
	Name   string // of the deployment
	Title  string
	Timing manifests.Timing
	Scrape time.Duration
}

// Settings are those of Keycloak's guide, and the ones that Sitefence generates.
func Settings() []Setting {
	guide, ours := manifests.Guide(), manifests.Defaults()
	return []Setting{
		{"guide", "Keycloak's guide", guide, guide.Interval},
		{"sitefence", "sitefence manifests", ours, ours.Interval},
	}
}

// Measurement is what the runs of one setting showed.
type Measurement struct {
	Setting Setting
	Runs    [][]Moment
}

// Spread of a span over the runs; of "total", from the cut to the first working
// write; of "undetected", the same without JGroups' failure detection.
func (m Measurement) Spread(span string) Spread {
	var all []time.Duration
	for _, line := range m.Runs {
		d := Durations(line)
		total := line[len(line)-1].At.Sub(line[0].At)
		d["total"], d["undetected"] = total, total-d["detection"]
		all = append(all, d[span])
	}
	return SpreadOf(all)
}

// Bench cuts the link the given number of times under each setting, the settings
// side by side: each has two sites and a deployment of its own. Whatever watches
// starts afresh for each cut, since an Alertmanager that has heard of the alert
// lately waits otherwise than one that has not. Progress goes to out.
func Bench(ctx context.Context, out io.Writer, runs int) ([]Measurement, error) {
	dir, err := os.MkdirTemp("", "sitefence-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	cacheDir, err := cache.Dir()
	if err != nil {
		return nil, err
	}
	progress := func(s string) { _, _ = fmt.Fprintln(out, "bench:", s) }
	options := stack.Options{Dir: dir, Progress: progress}
	for _, s := range Settings() {
		sites, err := infinispan.StartReal(ctx, infinispan.Options{
			CacheDir: filepath.Join(cacheDir, "infinispan"), WorkDir: filepath.Join(dir, s.Name),
		})
		if err != nil {
			return nil, err
		}
		defer sites.Close()
		options.Deployments = append(options.Deployments, stack.Spec{Name: s.Name, World: sites})
	}
	deployed, err := stack.Start(ctx, options)
	if err != nil {
		return nil, err
	}
	defer deployed.Close()
	measured := make([]Measurement, len(Settings()))
	for run := range runs {
		group, ctx := errgroup.WithContext(ctx)
		for i, s := range Settings() {
			group.Go(func() error {
				line, err := s.measure(ctx, deployed)
				if err != nil {
					return fmt.Errorf("run %d with the settings of %s: %w", run+1, s.Title, err)
				}
				measured[i].Setting, measured[i].Runs = s, append(measured[i].Runs, line)
				progress(fmt.Sprintf("run %d of %d, %s: %.1f s", run+1, runs, s.Title, line[len(line)-1].At.Sub(line[0].At).Seconds()))
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
	}
	return measured, nil
}

// measure lives through one outage and puts all back as it was. The cut waits for a
// random part of the longest interval, so that it keeps no step with the scrapes.
func (s Setting) measure(ctx context.Context, deployed *stack.Stack) ([]Moment, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	w, err := Open(ctx, Options{Stack: deployed, Deployment: s.Name, Timing: s.Timing, Scrape: s.Scrape})
	if err != nil {
		return nil, err
	}
	defer w.Close()
	select {
	case <-time.After(rand.N(max(s.Scrape, s.Timing.Interval))):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if err := w.Cut(ctx); err != nil {
		return nil, err
	}
	fence, err := w.AwaitFence(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.CheckWrites(ctx, fence, w.Began()); err != nil {
		return nil, err
	}
	line, err := w.Timeline(ctx, fence)
	if err != nil {
		return nil, err
	}
	if err := w.Heal(ctx); err != nil {
		return nil, err
	}
	if err := w.Check(ctx, fence); err != nil {
		return nil, err
	}
	return line, w.Restore(ctx, fence)
}
