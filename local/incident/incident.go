// Package incident makes an outage real: two Infinispan sites, each scraped by a
// Prometheus of its own with the generated rules, each Prometheus with an
// Alertmanager of its own and the generated route, both posting to the ingest URL
// of the deployed stack. Nobody makes an alert by hand: what the pipeline does,
// it does because a link was cut or a process killed.
//
// It guarantees that the times it tells come from where things happened (stored
// samples, executions, the accelerator's history, writes over new connections),
// and that Close leaves no process behind.
package incident

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/manifests"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

// Options of a World. Stack and Deployment are required.
type Options struct {
	Stack      *stack.Stack
	Deployment string // of the stack; its sites are two real ones
	// Timing of the generated files; manifests.Defaults() if zero.
	Timing manifests.Timing
	// Scrape is the interval of the scrapes; that of the rule if zero.
	Scrape time.Duration
	// CacheDir holds the installed programs; cache.Dir() if empty.
	CacheDir string
}

// World is one deployment of a stack with all that watches it. Its methods are
// for one goroutine, but Close.
type World struct {
	Deployment *stack.Deployment
	Sites      infinispan.World

	stack    *stack.Stack
	opt      Options
	dir      string
	monitors map[string]*monitor // by site
	writers  map[string]*writer  // by site
	close    sync.Once
	outage   outage
}

// outage is what was there when something was broken.
type outage struct {
	what    string
	at      time.Time            // before anything was done
	done    time.Time            // when all was that breaks it
	blind   map[string]time.Time // when each site lost sight of the other, by its own account
	known   map[string]bool      // ARNs of executions from before
	history int                  // length of the accelerator's history
}

// Open starts what watches the sites of a deployed stack, and the writers, and
// returns once both sites are seen well: a few seconds. Both sites must serve.
// The stack and the sites stay the caller's.
func Open(ctx context.Context, opt Options) (_ *World, err error) {
	d := opt.Stack.Deployment(opt.Deployment)
	if len(d.Sites) != 2 || d.World == nil {
		return nil, fmt.Errorf("deployment %s: want two sites with Infinispan", d.Name)
	}
	if opt.Timing == (manifests.Timing{}) {
		opt.Timing = manifests.Defaults()
	}
	if opt.Scrape == 0 {
		opt.Scrape = opt.Timing.Interval
	}
	w := &World{Deployment: d, Sites: d.World, stack: opt.Stack, opt: opt, monitors: map[string]*monitor{}, writers: map[string]*writer{}}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	if w.dir, err = os.MkdirTemp("", "sitefence-incident-"); err != nil {
		return nil, fmt.Errorf("making a folder for the incident: %w", err)
	}
	if err := w.watch(ctx); err != nil {
		return nil, err
	}
	if err := w.AwaitQuiet(ctx); err != nil {
		return nil, err
	}
	for _, site := range d.Sites {
		w.writers[site] = startWriter(d.World, site)
	}
	w.mark("nothing")
	return w, nil
}

// watch makes each site's files from the stack's own configuration, as an
// operator does, and starts what reads them.
func (w *World) watch(ctx context.Context) error {
	c, err := config.Load(filepath.Join(w.stack.Dir, "sitefence.yaml"))
	if err != nil {
		return err
	}
	url, err := w.stack.IngestURL()
	if err != nil {
		return err
	}
	started := make([]*monitor, len(w.Deployment.Sites))
	group, ctx := errgroup.WithContext(ctx)
	for i, site := range w.Deployment.Sites {
		group.Go(func() (err error) {
			started[i], err = startMonitor(ctx, w.Sites.Site(site), filepath.Join(w.dir, site), w.opt, manifests.Input{
				Config: c, Deployment: w.Deployment.Name, Site: contract.Site(site), IngestURL: url, Timing: w.opt.Timing,
			})
			return err
		})
	}
	err = group.Wait()
	for i, site := range w.Deployment.Sites {
		if started[i] != nil {
			w.monitors[site] = started[i]
		}
	}
	return err
}

// Close ends what Open started. Repeated calls do nothing.
func (w *World) Close() {
	w.close.Do(func() {
		for _, wr := range w.writers {
			wr.stop()
		}
		var wait sync.WaitGroup
		for _, m := range w.monitors {
			wait.Go(m.stop)
		}
		wait.Wait()
		_ = os.RemoveAll(w.dir)
	})
}

// Other is the site that is not this one.
func (w *World) Other(site string) string {
	return w.Deployment.Sites[1-slices.Index(w.Deployment.Sites, site)]
}

// AwaitQuiet waits until each running site sees the other by its metric, and no
// alert is left, neither in a Prometheus nor in an Alertmanager.
func (w *World) AwaitQuiet(ctx context.Context) error {
	for site, m := range w.monitors {
		if err := await(ctx, "no alert of "+site, func(ctx context.Context) error { return m.quiet(ctx, w.Other(site)) }); err != nil {
			return err
		}
	}
	return nil
}

// Serving lists the sites with an endpoint in the accelerator.
func (w *World) Serving() []string {
	var sites []string
	for _, site := range w.Deployment.Sites {
		if len(w.stack.Accelerator.Snapshot().Holding(w.Deployment.Balancers[site])) > 0 {
			sites = append(sites, site)
		}
	}
	return sites
}

// writes are the writes through the accelerator's API since the outage began.
func (w *World) writes() []ga.Entry {
	var found []ga.Entry
	for _, e := range w.stack.Accelerator.History()[w.outage.history:] {
		api := e.Operation == ga.UpdateEndpointGroup || e.Operation == ga.RemoveEndpoints || e.Operation == ga.AddEndpoints
		if api && within(e.Target, w.Deployment.Accelerator.ARN) {
			found = append(found, e)
		}
	}
	return found
}

// within reports whether an ARN is of that accelerator.
func within(arn, accelerator string) bool {
	return len(arn) > len(accelerator) && arn[:len(accelerator)] == accelerator && arn[len(accelerator)] == '/'
}

// await polls until ready returns nil or ctx ends; the error then holds the last
// one of ready.
func await(ctx context.Context, what string, ready func(context.Context) error) error {
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w; last: %w", what, context.Cause(ctx), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
