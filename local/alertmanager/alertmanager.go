// Package alertmanager runs a real Alertmanager for the local stack. It
// guarantees that what arrives at the webhook is what the real program sends,
// configured in the shape that the Prometheus operator makes of the
// AlertmanagerConfig in Keycloak's guide; that it talks to no other
// Alertmanager; and that Stop leaves no process behind.
package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sitefence/sitefence/local/proc"
)

// Options of an Alertmanager. URL or Config is required; the other fields may be
// zero.
type Options struct {
	// CacheDir holds the installed program; cache.Dir() if empty.
	CacheDir string
	// Config is a whole configuration file, taken as it is. It leaves nothing to
	// say for the fields from URL to FiringOnly.
	Config []byte
	// URL of the webhook, with User and Password for Basic auth (none if both
	// are empty).
	URL, User, Password string
	// GroupWait, GroupInterval and RepeatInterval of the route. Zero means
	// what the guide has: a minute, a minute and a half, and (by leaving it
	// out) Alertmanager's own 4 hours. Milliseconds are the smallest unit.
	GroupWait, GroupInterval, RepeatInterval time.Duration
	// FiringOnly keeps alerts that are over from the webhook
	// (send_resolved: false); the guide lets it hear of them.
	FiringOnly bool
	// LogFile takes the program's output; a file that Stop removes if empty.
	LogFile string
}

// Alertmanager is a running Alertmanager. Its methods are safe for concurrent
// use.
type Alertmanager struct {
	options Options
	port    int
	data    string
	process *proc.Process
	stop    sync.Once
}

// Start installs Alertmanager if need be (see Setup), starts it on a free
// loopback port and returns when it is ready, which takes about a second. ctx
// bounds the start only; the caller ends it with Stop.
func Start(ctx context.Context, options Options) (*Alertmanager, error) {
	config, err := configuration(options)
	if err != nil {
		return nil, fmt.Errorf("configuring Alertmanager: %w", err)
	}
	program, err := Setup(ctx, options.CacheDir)
	if err != nil {
		return nil, err
	}
	// Between finding a port and using it another process may take it.
	const attempts = 3
	for attempt := 1; ; attempt++ {
		a, err := start(ctx, options, program, config)
		if err == nil || attempt == attempts || !strings.Contains(err.Error(), "address already in use") {
			return a, err
		}
	}
}

func start(ctx context.Context, options Options, program string, config []byte) (*Alertmanager, error) {
	data, err := os.MkdirTemp("", "sitefence-alertmanager-")
	if err != nil {
		return nil, fmt.Errorf("creating Alertmanager's folder: %w", err)
	}
	a := &Alertmanager{options: options, data: data}
	if err := a.launch(ctx, program, config); err != nil {
		a.Stop()
		return nil, fmt.Errorf("starting Alertmanager: %w", err)
	}
	return a, nil
}

func (a *Alertmanager) launch(ctx context.Context, program string, config []byte) error {
	file := filepath.Join(a.data, "alertmanager.yml")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return err
	}
	port, err := proc.FreePort()
	if err != nil {
		return err
	}
	a.port = port
	if a.options.LogFile == "" {
		a.options.LogFile = filepath.Join(a.data, "alertmanager.log")
	}
	a.process, err = proc.Start(proc.Spec{
		Name: "alertmanager",
		Path: program,
		Args: []string{
			"--config.file=" + file,
			"--storage.path=" + filepath.Join(a.data, "storage"),
			fmt.Sprintf("--web.listen-address=127.0.0.1:%d", port),
			"--cluster.listen-address=", // no gossip
		},
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + a.data, "TMPDIR=" + a.data},
		Dir: a.data,
		Log: a.options.LogFile,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("not ready after 30 seconds"))
	defer cancel()
	return a.process.WaitReady(ctx, a.ready)
}

func (a *Alertmanager) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL()+"/-/ready", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("readiness: %s", resp.Status)
	}
	return nil
}

// URL of its API and user interface, without a slash at its end.
func (a *Alertmanager) URL() string { return fmt.Sprintf("http://127.0.0.1:%d", a.port) }

// Stop ends it and removes its data. Repeated calls do nothing.
func (a *Alertmanager) Stop() {
	a.stop.Do(func() {
		if a.process != nil {
			a.process.Stop()
		}
		_ = os.RemoveAll(a.data)
	})
}

// Done is closed when it has ended, by Stop or by itself.
func (a *Alertmanager) Done() <-chan struct{} { return a.process.Done() }

// Tail is the end of the log, for error messages.
func (a *Alertmanager) Tail() string { return a.process.Tail() }
