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
// side by side: each has two sites and a deployment of its own, and the links are
// cut in the same moments, but for a random part of the setting's own interval, so
// that no cut keeps step with the scrapes. Progress goes to out.
func Bench(ctx context.Context, out io.Writer, runs int) (_ []Measurement, err error) {
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
	settings := Settings()
	options := stack.Options{Dir: dir, Progress: progress}
	for _, s := range settings {
		sites, err := infinispan.StartReal(ctx, infinispan.Options{
			CacheDir: filepath.Join(cacheDir, "infinispan"), WorkDir: filepath.Join(dir, s.Name), Progress: progress,
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
	measured := make([]Measurement, len(settings))
	worlds := make([]*World, len(settings))
	for i, s := range settings {
		measured[i].Setting = s
		worlds[i], err = Open(ctx, Options{Stack: deployed, Deployment: s.Name, Timing: s.Timing, Scrape: s.Scrape, CacheDir: cacheDir})
		if err != nil {
			return nil, err
		}
		defer worlds[i].Close()
	}
	for run := range runs {
		group, ctx := errgroup.WithContext(ctx)
		for i, w := range worlds {
			group.Go(func() error {
				line, err := w.round(ctx)
				if err != nil {
					return fmt.Errorf("run %d with the settings of %s: %w", run+1, settings[i].Title, err)
				}
				measured[i].Runs = append(measured[i].Runs, line)
				progress(fmt.Sprintf("run %d of %d, %s: %.1f s", run+1, runs, settings[i].Title, line[len(line)-1].At.Sub(line[0].At).Seconds()))
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
	}
	return measured, nil
}

// round is one outage, and all put back as it was.
func (w *World) round(ctx context.Context) ([]Moment, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	select {
	case <-time.After(rand.N(max(w.opt.Scrape, w.opt.Timing.Interval))):
	case <-ctx.Done():
		return nil, ctx.Err()
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
