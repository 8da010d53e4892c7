// Package emulator runs the AWS emulator of the local stack: ministack, pinned
// and with its known faults mended. It guarantees that nothing in it reaches
// the real AWS: the emulator and the Lambdas that it runs get an environment
// of their own, whose only endpoints are loopback addresses and whose only
// credentials are dummies; and that Stop leaves no process behind.
package emulator

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sitefence/sitefence/local/proc"
)

//go:embed python/*.txt python/*.py python/mends/*.py
var python embed.FS

// AccountID is the account that everything in the emulator belongs to.
const AccountID = "000000000000"

// Options of an emulator. The zero value is usable.
type Options struct {
	// CacheDir holds the installed emulator; cache.Dir() if empty.
	CacheDir string
	// Region of the clients that AWSConfig and Env configure; us-east-1 if empty.
	Region string
	// GlobalAccelerator is the endpoint that Lambdas use for Global
	// Accelerator, which the emulator does not have. If empty they get the
	// emulator's, where every call fails.
	GlobalAccelerator string
	// WaitScale multiplies every wait and every pause before a retry of the
	// state machines; zero means 1, as on AWS.
	WaitScale float64
	// EnforceIAM checks the roles of the Lambdas.
	EnforceIAM bool
	// Env is added to the environment of the emulator and of the Lambdas, as
	// "NAME=value"; it may replace what is set otherwise.
	Env []string
	// LogFile takes the emulator's and the Lambdas' output; a file that Stop
	// removes if empty.
	LogFile string
	// LeaveOut names mends that are not to be made, or "all"; see python/mends.
	LeaveOut []string
}

// Emulator is a running emulator. Its methods are safe for concurrent use.
type Emulator struct {
	options Options
	port    int
	data    string
	process *proc.Process
	stop    sync.Once
}

// Start installs the emulator if need be (see Setup), starts it on a free
// loopback port and returns when it serves, which takes about a second. ctx
// bounds the start only; the caller ends the emulator with Stop.
func Start(ctx context.Context, options Options) (*Emulator, error) {
	interpreter, err := Setup(ctx, options.CacheDir)
	if err != nil {
		return nil, err
	}
	if options.Region == "" {
		options.Region = "us-east-1"
	}
	if options.WaitScale == 0 {
		options.WaitScale = 1
	}
	// Between finding a port and using it another process may take it.
	const attempts = 3
	for attempt := 1; ; attempt++ {
		e, err := start(ctx, options, interpreter)
		if err == nil || attempt == attempts || !errors.Is(err, errPortTaken) {
			return e, err
		}
	}
}

var errPortTaken = errors.New("another process took the port")

func start(ctx context.Context, options Options, interpreter string) (*Emulator, error) {
	data, err := os.MkdirTemp("", "sitefence-emulator-")
	if err != nil {
		return nil, fmt.Errorf("creating the emulator's folder: %w", err)
	}
	e := &Emulator{options: options, data: data}
	if err := e.launch(ctx, interpreter); err != nil {
		e.Stop()
		return nil, fmt.Errorf("starting the emulator: %w", err)
	}
	return e, nil
}

func (e *Emulator) launch(ctx context.Context, interpreter string) error {
	if err := unpack(e.data); err != nil {
		return err
	}
	port, err := proc.FreePort()
	if err != nil {
		return err
	}
	e.port = port
	if e.options.LogFile == "" {
		e.options.LogFile = filepath.Join(e.data, "emulator.log")
	}
	identity := filepath.Base(e.data)
	e.process, err = proc.Start(proc.Spec{
		Name: "emulator",
		Path: interpreter,
		Args: []string{filepath.Join(e.data, "python", "launcher.py")},
		Env:  append(e.environment(), "SITEFENCE_IDENTITY="+identity, "SITEFENCE_LEAVE_OUT="+strings.Join(e.options.LeaveOut, ",")),
		Dir:  e.data,
		Log:  e.options.LogFile,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 60*time.Second, errors.New("not ready after a minute"))
	defer cancel()
	err = e.process.WaitReady(ctx, func(ctx context.Context) error { return e.ready(ctx, identity) })
	if err != nil && strings.Contains(e.process.Tail(), "already in use") {
		return errors.Join(errPortTaken, err)
	}
	return err
}

// ready asks for our own mark first: a health answer alone might come from
// another emulator that took the port.
func (e *Emulator) ready(ctx context.Context, identity string) error {
	got, err := get(ctx, e.URL()+"/_sitefence/identity")
	if err != nil {
		return err
	}
	if got != identity {
		return fmt.Errorf("the emulator on port %d is another one", e.port)
	}
	_, err = get(ctx, e.URL()+"/_localstack/health")
	return err
}

func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return string(body), nil
}

// environment is all that the emulator and its Lambdas see. Lambdas inherit
// it: without AWS_ENDPOINT_URL theirs would dial the real AWS.
func (e *Emulator) environment() []string {
	accelerator := e.options.GlobalAccelerator
	if accelerator == "" {
		accelerator = e.URL()
	}
	env := []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + e.data,
		"TMPDIR=" + e.data,
		"STATE_DIR=" + filepath.Join(e.data, "state"),
		"S3_DATA_DIR=" + filepath.Join(e.data, "s3"),
		"GATEWAY_PORT=" + strconv.Itoa(e.port),
		"BIND_HOST=127.0.0.1",
		"MINISTACK_REGION=" + e.options.Region,
		"SFN_WAIT_SCALE=" + strconv.FormatFloat(e.options.WaitScale, 'g', -1, 64),
		"AUTH=" + strconv.FormatBool(e.options.EnforceIAM),
		"AWS_ENDPOINT_URL_GLOBAL_ACCELERATOR=" + accelerator,
		"PYTHONUNBUFFERED=1",
	}
	return append(append(env, e.Env()...), e.options.Env...)
}

// unpack writes the launcher, so that the interpreter finds it.
func unpack(dir string) error {
	return fs.WalkDir(python, "python", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := python.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o644)
	})
}

// Stop ends the emulator and the Lambdas that it runs, and removes its data.
// Repeated calls do nothing.
func (e *Emulator) Stop() {
	e.stop.Do(func() {
		if e.process != nil {
			e.process.Stop()
		}
		_ = os.RemoveAll(e.data)
	})
}

// Done is closed when the emulator has ended, by Stop or by itself.
func (e *Emulator) Done() <-chan struct{} { return e.process.Done() }

// Tail is the end of the log, for error messages.
func (e *Emulator) Tail() string { return e.process.Tail() }
