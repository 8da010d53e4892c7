package emulator_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sitefence/sitefence/local/emulator"
)

// Two emulators serve all tests: one as everybody uses it, and one without
// any mend, which shows that the faults are still there to be mended.
var (
	mended = &shared{}
	bare   = &shared{leaveOut: []string{"all"}}
)

type shared struct {
	leaveOut []string
	once     sync.Once
	emulator *emulator.Emulator
	err      error
}

func (s *shared) get(t *testing.T) *emulator.Emulator {
	t.Helper()
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		s.emulator, s.err = emulator.Start(ctx, emulator.Options{WaitScale: 0.05, LeaveOut: s.leaveOut})
	})
	require(t, s.err)
	return s.emulator
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, s := range []*shared{mended, bare} {
		if s.emulator != nil {
			s.emulator.Stop()
		}
	}
	os.Exit(code)
}

// require fails on an error, except that a machine that cannot have the
// emulator skips, unless the real parts are demanded.
func require(t *testing.T, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, emulator.ErrUnavailable) && os.Getenv("SITEFENCE_REAL") != "1":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// both runs a test with the mend and without it.
func both(t *testing.T, test func(t *testing.T, e *emulator.Emulator, isMended bool)) {
	t.Run("mended", func(t *testing.T) { test(t, mended.get(t), true) })
	t.Run("as shipped", func(t *testing.T) { test(t, bare.get(t), false) })
}

// eventually polls until what is observed is as wanted.
func eventually(t *testing.T, within time.Duration, observe func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := observe()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not so after %v: %v", within, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestStartAndStop(t *testing.T) {
	started := time.Now()
	e, err := emulator.Start(t.Context(), emulator.Options{})
	require(t, err)
	defer e.Stop()
	t.Logf("up after %v", time.Since(started).Round(time.Millisecond))

	if !strings.HasPrefix(e.URL(), "http://127.0.0.1:") {
		t.Errorf("URL %q is not on the loopback interface", e.URL())
	}
	stopping := time.Now()
	e.Stop()
	e.Stop()
	t.Logf("down after %v", time.Since(stopping).Round(time.Millisecond))
	select {
	case <-e.Done():
	default:
		t.Error("Done is open after Stop")
	}
	if resp, err := http.Get(e.URL()); err == nil {
		_ = resp.Body.Close()
		t.Error("something still answers after Stop")
	}
}

func TestUnknownMendIsRefused(t *testing.T) {
	e, err := emulator.Start(t.Context(), emulator.Options{LeaveOut: []string{"no-such-mend"}})
	if err == nil {
		e.Stop()
		t.Fatal("started")
	}
	if errors.Is(err, emulator.ErrUnavailable) {
		require(t, err)
	}
	if !strings.Contains(err.Error(), "no such mends: no-such-mend") {
		t.Errorf("error does not quote the launcher: %v", err)
	}
}

func TestMissingPythonIsSaid(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := emulator.Setup(t.Context(), t.TempDir())
	if !errors.Is(err, emulator.ErrUnavailable) || !strings.Contains(err.Error(), "python3, version 3.10 or newer") {
		t.Errorf("error %v, want one that says what is missing", err)
	}
}

func TestFunctionURL(t *testing.T) {
	e := mended.get(t)
	for _, tt := range []struct{ in, want string }{
		{"https://abc123.lambda-url.eu-central-1.on.aws/", e.URL() + "/_aws/lambda-url/abc123/"},
		{"https://abc123.lambda-url.eu-central-1.on.aws", e.URL() + "/_aws/lambda-url/abc123/"},
		{"abc123", e.URL() + "/_aws/lambda-url/abc123/"},
		{"https://example.com/", ""},
		{"", ""},
	} {
		got, err := e.FunctionURL(tt.in)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("FunctionURL(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
}

// The emulator must not let anything of the user's environment in.
func TestEnvironmentIsClean(t *testing.T) {
	t.Setenv("AWS_SESSION_TOKEN", "leak")
	t.Setenv("HTTPS_PROXY", "http://leak.invalid")
	e, err := emulator.Start(t.Context(), emulator.Options{
		GlobalAccelerator: "http://127.0.0.1:9",
		Env:               []string{"SITEFENCE_EXTRA=1"},
	})
	require(t, err)
	defer e.Stop()
	probe := deployProbe(t, e, "")
	var environment []string
	probe.invoke(t, map[string]any{"do": "environment"}, &environment)
	all := strings.Join(environment, "\n")
	for _, want := range []string{
		"AWS_ENDPOINT_URL=" + e.URL(), "AWS_ENDPOINT_URL_GLOBAL_ACCELERATOR=http://127.0.0.1:9",
		"AWS_EC2_METADATA_DISABLED=true", "SITEFENCE_EXTRA=1",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("a Lambda does not see %s", want)
		}
	}
	for _, unwanted := range []string{"leak", "SITEFENCE_IDENTITY", "SITEFENCE_LEAVE_OUT"} {
		if strings.Contains(all, unwanted) {
			t.Errorf("a Lambda sees %s:\n%s", unwanted, all)
		}
	}
}

// Lambdas are processes of their own, busy ones too.
func TestStopLeavesNoLambdaBehind(t *testing.T) {
	e, err := emulator.Start(t.Context(), emulator.Options{})
	require(t, err)
	defer e.Stop()
	probe := deployProbe(t, e, "")
	// One gets the first one's environment, the other a new one.
	pids := []int{0}
	probe.invoke(t, map[string]any{"do": "pid"}, &pids[0])
	marks := t.TempDir()
	for _, name := range []string{"1", "2"} {
		go func() { // ends with the emulator
			_, _ = probe.post(context.WithoutCancel(t.Context()),
				map[string]any{"do": "mark", "name": filepath.Join(marks, name), "millis": 60_000})
		}()
	}
	for _, name := range []string{"1", "2"} {
		eventually(t, 10*time.Second, func() error {
			data, err := os.ReadFile(filepath.Join(marks, name))
			if err != nil {
				return err
			}
			pid, err := strconv.Atoi(string(data))
			pids = append(pids, pid)
			return err
		})
	}
	stopping := time.Now()
	e.Stop()
	if took := time.Since(stopping); took > 4*time.Second {
		t.Errorf("stopping took %v: it waited for the busy Lambda", took)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("the Lambda's process %d is alive, or a zombie", pid)
		}
	}
}
