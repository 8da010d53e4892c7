package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sitefence/sitefence/local/proc"
)

// Target is what to scrape: a server's /metrics over TLS, with Basic auth.
type Target struct {
	URL            string // https://host:port, nothing behind it
	CA             []byte // PEM that the certificate verifies against
	User, Password string
	Labels         map[string]string // put on every sample, as an operator's namespace
}

// Options of a Prometheus. Target and Interval are required.
type Options struct {
	// CacheDir holds the installed program; cache.Dir() if empty.
	CacheDir string
	Target   Target
	// Interval between two scrapes, and between two evaluations of a rule group
	// that names none. Whole milliseconds.
	Interval time.Duration
	// Rules is the content of a rule file; none if empty.
	Rules []byte
	// Alertmanager is the URL that alerts go to; nowhere if empty.
	Alertmanager string
	// LogFile takes the program's output; a file that Stop removes if empty.
	LogFile string
}

// Prometheus is a running Prometheus. Its methods are safe for concurrent use.
type Prometheus struct {
	port    int
	data    string
	process *proc.Process
	stop    sync.Once
}

// Start installs Prometheus if need be (see Setup), starts it on a free loopback
// port and returns when it is ready, a second later. ctx bounds the start only;
// the caller ends it with Stop.
func Start(ctx context.Context, options Options) (*Prometheus, error) {
	config, err := configuration(options)
	if err != nil {
		return nil, fmt.Errorf("configuring Prometheus: %w", err)
	}
	programs, err := Setup(ctx, options.CacheDir)
	if err != nil {
		return nil, err
	}
	// Between finding a port and using it another process may take it.
	const attempts = 3
	for attempt := 1; ; attempt++ {
		p, err := start(ctx, options, programs.Prometheus, config)
		if err == nil || attempt == attempts || !strings.Contains(err.Error(), "address already in use") {
			return p, err
		}
	}
}

func start(ctx context.Context, options Options, program string, config []byte) (*Prometheus, error) {
	data, err := os.MkdirTemp("", "sitefence-prometheus-")
	if err != nil {
		return nil, fmt.Errorf("creating Prometheus' folder: %w", err)
	}
	p := &Prometheus{data: data}
	if err := p.launch(ctx, options, program, config); err != nil {
		p.Stop()
		return nil, fmt.Errorf("starting Prometheus: %w", err)
	}
	return p, nil
}

func (p *Prometheus) launch(ctx context.Context, options Options, program string, config []byte) error {
	// The names that the configuration has for them, beside it.
	for name, content := range map[string][]byte{
		configFile: config, rulesFile: options.Rules, caFile: options.Target.CA, passwordFile: []byte(options.Target.Password),
	} {
		if err := os.WriteFile(filepath.Join(p.data, name), content, 0o600); err != nil {
			return err
		}
	}
	port, err := proc.FreePort()
	if err != nil {
		return err
	}
	p.port = port
	if options.LogFile == "" {
		options.LogFile = filepath.Join(p.data, "prometheus.log")
	}
	p.process, err = proc.Start(proc.Spec{
		Name: "prometheus",
		Path: program,
		Args: []string{
			"--config.file=" + filepath.Join(p.data, configFile),
			"--storage.tsdb.path=" + filepath.Join(p.data, "data"),
			fmt.Sprintf("--web.listen-address=127.0.0.1:%d", port),
			"--log.level=warn",
		},
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.data, "TMPDIR=" + p.data},
		Dir: p.data,
		Log: options.LogFile,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("not ready after a minute"))
	defer cancel()
	return p.process.WaitReady(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := p.get(ctx, "/-/ready", nil)
		return err
	})
}

// URL of its API, without a slash at its end.
func (p *Prometheus) URL() string { return fmt.Sprintf("http://127.0.0.1:%d", p.port) }

// Stop ends it and removes its data. Repeated calls do nothing.
func (p *Prometheus) Stop() {
	p.stop.Do(func() {
		if p.process != nil {
			p.process.Kill() // its data goes with it: nothing is worth an orderly end
		}
		_ = os.RemoveAll(p.data)
	})
}

// Done is closed when it has ended, by Stop or by itself.
func (p *Prometheus) Done() <-chan struct{} { return p.process.Done() }

// Tail is the end of the log, for error messages.
func (p *Prometheus) Tail() string { return p.process.Tail() }

// host is host:port of a URL with nothing behind it.
func host(text, scheme string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != scheme || u.Port() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" {
		return "", fmt.Errorf("expected %s://host:port, not %q", scheme, text)
	}
	return u.Host, nil
}
