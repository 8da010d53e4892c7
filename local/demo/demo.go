// Package demo tells the product's story on one machine, with real parts, and
// succeeds only if every step of it was observed. It ends what it started on
// every way out.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sitefence/sitefence/local/alertmanager"
	"github.com/sitefence/sitefence/local/emulator/cache"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

// Options of a demo.
type Options struct {
	Keep   bool // wait for the end of ctx after the story
	Double bool // no real Infinispan, even if there could be one
	// Lines heals, and then cuts, the link at each line of it while everything is
	// kept running; nil: never.
	Lines io.Reader
}

const (
	deployment   = "keycloak"
	siteA, siteB = "site-a", "site-b"
)

// demo is one run.
type demo struct {
	out     io.Writer
	opt     Options
	started time.Time
	world   infinispan.World
	stack   *stack.Stack
	alerts  *alertmanager.Alertmanager
	dir     string
}

// Run sets everything up, tells the story on out and ends everything.
func Run(ctx context.Context, out io.Writer, opt Options) (err error) {
	d := &demo{out: out, opt: opt, started: time.Now()}
	told := false
	defer func() {
		d.close()
		if ctx.Err() != nil && !told {
			err = errors.New("stopped before the end; everything that was started has ended")
		}
	}()
	if err := d.setUp(ctx); err != nil {
		return err
	}
	if err := d.story(ctx); err != nil {
		return err
	}
	told = true
	if opt.Keep {
		handle, err := stack.HandlePath()
		if err == nil {
			err = d.stack.WriteHandle(handle)
		}
		if err != nil {
			return err
		}
		defer os.Remove(handle) //nolint:errcheck // a handle that leads nowhere says so
		d.howTo()
		d.obey(ctx)
		d.say("\nStopping everything.")
	}
	return nil
}

func (d *demo) setUp(ctx context.Context) error {
	cacheDir, err := cache.Dir()
	if err != nil {
		return err
	}
	if d.dir, err = os.MkdirTemp("", "sitefence-demo-"); err != nil {
		return fmt.Errorf("creating the demo's folder: %w", err)
	}
	// Installing is set-up, not story: the clock of the story starts behind it.
	d.progress("installing what is missing (Alertmanager, a minute or two the first time)")
	if _, err := alertmanager.Setup(ctx, cacheDir); err != nil {
		return err
	}
	if err := d.startWorld(ctx, cacheDir); err != nil {
		return err
	}
	d.stack, err = stack.Start(ctx, stack.Options{
		Deployments: []stack.Spec{{Name: deployment, World: d.world}},
		Progress:    d.progress, Dir: d.dir,
	})
	if err != nil {
		return err
	}
	url, err := d.stack.IngestURL()
	if err != nil {
		return err
	}
	d.progress("starting Alertmanager")
	d.alerts, err = alertmanager.Start(ctx, alertmanager.Options{
		CacheDir: cacheDir, URL: url, User: stack.WebhookUser, Password: stack.WebhookPassword,
		// The guide waits a minute, and 90 s between two posts of a group. The
		// pipeline needs no such wait. What keeps firing is posted again.
		GroupWait: time.Second, GroupInterval: 5 * time.Second, RepeatInterval: 5 * time.Minute, LogFile: filepath.Join(d.dir, "alertmanager.log"),
	})
	return err
}

func (d *demo) startWorld(ctx context.Context, cacheDir string) (err error) {
	missing := infinispan.Available()
	if d.opt.Double || missing != nil {
		if missing != nil {
			d.progress(fmt.Sprintf("real Infinispan is not to be had here (%v): using a double of its REST interface instead", missing))
		}
		d.world, err = infinispan.NewDouble(infinispan.Options{})
		return err
	}
	d.progress("starting two Infinispan sites and the gossip router between them")
	d.world, err = infinispan.StartReal(ctx, infinispan.Options{
		CacheDir: filepath.Join(cacheDir, "infinispan"), WorkDir: filepath.Join(d.dir, "infinispan"), Progress: d.progress,
	})
	return err
}

func (d *demo) close() {
	if d.alerts != nil {
		d.alerts.Stop()
	}
	if d.stack != nil {
		d.stack.Close()
	}
	if d.world != nil {
		d.world.Close()
	}
	if d.dir != "" {
		_ = os.RemoveAll(d.dir)
	}
}

func (d *demo) say(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) progress(text string) {
	d.say("  [%5.1f s] %s", time.Since(d.started).Seconds(), text)
}

// serving lists the sites with an endpoint in the accelerator.
func (d *demo) serving() string {
	dep := d.stack.Deployment(deployment)
	var sites []string
	for _, site := range dep.Sites {
		if len(d.stack.Accelerator.Snapshot().Holding(dep.Balancers[site])) > 0 {
			sites = append(sites, site)
		}
	}
	return strings.Join(sites, ", ")
}

// accelerated is when the accelerator was first written through its API.
func (d *demo) accelerated() (time.Time, bool) {
	for _, e := range d.stack.Accelerator.History() {
		if e.Operation == ga.UpdateEndpointGroup || e.Operation == ga.RemoveEndpoints {
			return e.At, true
		}
	}
	return time.Time{}, false
}
