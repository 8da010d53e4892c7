package lambdaruntime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sitefence/sitefence/local/lambdaruntime"
)

// patience bounds what should take no time.
const patience = 20 * time.Second

var probe string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "probe-")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	probe = filepath.Join(dir, "bootstrap")
	if out, err := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", probe, "./testdata/probe").CombinedOutput(); err != nil {
		fmt.Printf("building the probe: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// deploy is the probe as a function; when the test ends no process is left.
func deploy(t *testing.T, o lambdaruntime.Options) *lambdaruntime.Function {
	t.Helper()
	o.Name, o.Binary, o.Logs = "probe", probe, t.TempDir()
	if o.Timeout == 0 {
		o.Timeout = patience
	}
	if o.Concurrency == 0 {
		o.Concurrency = 10
	}
	f, err := lambdaruntime.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Close()
		for _, e := range f.Environments() {
			if e.Alive || syscall.Kill(e.PID, 0) == nil {
				t.Errorf("environment %s outlives its function", e.Name)
			}
		}
	})
	return f
}

type seen struct {
	PID                   int
	RequestID, ARN, Trace string
	Left                  time.Duration
	Environment           []string
}

func invoke(t *testing.T, f *lambdaruntime.Function, payload string) (seen, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	answer, err := f.Invoke(ctx, []byte(payload))
	var s seen
	if err == nil && json.Unmarshal(answer, &s) != nil {
		t.Fatalf("got %s, want what the probe saw", answer)
	}
	return s, err
}

func must(t *testing.T, f *lambdaruntime.Function, payload string) seen {
	t.Helper()
	s, err := invoke(t, f, payload)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantFailure wants a function error whose message holds the text.
func wantFailure(t *testing.T, err error, kind, text string) {
	t.Helper()
	failed, ok := errors.AsType[*lambdaruntime.FunctionError](err)
	if !ok || failed.Type != kind || !strings.Contains(failed.Message, text) {
		t.Errorf("got %v, want %s with %q", err, kind, text)
	}
}

// TestAnswer: the handler sees what AWS shows it, and an environment is used again.
func TestAnswer(t *testing.T) {
	t.Setenv("AWS_PROFILE", "production")
	f := deploy(t, lambdaruntime.Options{Env: []string{"SETTING=value"}, Timeout: 15 * time.Second})
	first, second := must(t, f, `{}`), must(t, f, `{}`)
	if first.PID != second.PID || len(f.Environments()) != 1 {
		t.Errorf("two invocations one after the other used two environments")
	}
	if first.RequestID == second.RequestID || len(first.RequestID) != 36 {
		t.Errorf("request ids %q and %q, want two UUIDs", first.RequestID, second.RequestID)
	}
	if first.ARN != "arn:aws:lambda:eu-west-1:000000000000:function:probe" || !strings.HasPrefix(first.Trace, "Root=1-") {
		t.Errorf("ARN %q, trace %q", first.ARN, first.Trace)
	}
	if first.Left <= 10*time.Second || first.Left > 15*time.Second {
		t.Errorf("%v left, want nearly all of the timeout", first.Left)
	}
	for _, want := range []string{"SETTING=value", "AWS_LAMBDA_FUNCTION_NAME=probe", "AWS_REGION=eu-west-1",
		"AWS_ACCESS_KEY_ID=" + f.Environments()[0].Name, "AWS_CONFIG_FILE=/dev/null"} {
		if !slices.Contains(first.Environment, want) {
			t.Errorf("no %s in the environment", want)
		}
	}
	if strings.Contains(strings.Join(first.Environment, "\n"), "production") {
		t.Error("the user's environment was inherited")
	}
	if served := f.Environments()[0].Served; served != 2 {
		t.Errorf("served %d, want 2", served)
	}
}

// TestFailure: each failure has its type, and the next invocation is served, by
// the same environment only if the process is as good as before.
func TestFailure(t *testing.T) {
	for _, tc := range []struct {
		name, do, kind, text string
		reused               bool
	}{
		{"typed error", `{"do":"error","text":"not \"now\""}`, "Transient", `not "now"`, true},
		{"input of the wrong type", `{"do":1}`, "UnmarshalTypeError", "do", true},
		{"panic", `{"do":"panic","text":"help"}`, "string", "help", false},
		{"exit", `{"do":"exit"}`, lambdaruntime.Exited, "exit status 3", false},
		{"timeout", `{"do":"hang"}`, lambdaruntime.TimedOut, "timed out after 1.00 seconds", false},
		{"answer too large", fmt.Sprintf(`{"do":"large","size":%d}`, lambdaruntime.MaxPayload), lambdaruntime.ResponseTooLarge, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := lambdaruntime.Options{Concurrency: 1}
			if tc.kind == lambdaruntime.TimedOut {
				o.Timeout = time.Second
			}
			f := deploy(t, o)
			before := must(t, f, `{}`).PID
			_, err := invoke(t, f, tc.do)
			wantFailure(t, err, tc.kind, tc.text)
			if gone := syscall.Kill(before, 0) != nil; gone == tc.reused {
				t.Errorf("the process is gone: %v, want %v", gone, !tc.reused)
			}
			if after := must(t, f, `{}`).PID; (after == before) != tc.reused {
				t.Errorf("the next invocation in process %d after %d, want the same: %v", after, before, tc.reused)
			}
		})
	}
}

// TestAnswerWithoutEnd: an environment that answers and goes on is killed when
// the time is up. The answer counts.
func TestAnswerWithoutEnd(t *testing.T) {
	f := deploy(t, lambdaruntime.Options{Timeout: time.Second, Concurrency: 1})
	must(t, f, `{"do":"answer and hang"}`)
	if must(t, f, `{}`).PID == f.Environments()[0].PID {
		t.Error("an environment that had not completed an invocation had another")
	}
}

func TestStartFails(t *testing.T) {
	for how, want := range map[string][2]string{
		"exit":  {lambdaruntime.Exited, "exit status 4"},
		"error": {"Misconfigured", "no configuration"},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			f := deploy(t, lambdaruntime.Options{Env: []string{"INIT=" + how}, Concurrency: 1})
			for range 2 { // the failed one took no concurrency
				_, err := invoke(t, f, `{}`)
				wantFailure(t, err, want[0], want[1])
			}
			if len(f.Environments()) != 2 {
				t.Errorf("%d environments, want a fresh one each time", len(f.Environments()))
			}
		})
	}
	o := lambdaruntime.Options{Name: "none", Binary: "/none", Logs: t.TempDir(), Timeout: time.Second, Concurrency: 1}
	f, err := lambdaruntime.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Invoke(t.Context(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that there is no binary", err)
	}
}

// TestRuntimeAPI: what a runtime must not do is refused and spoils nothing.
func TestRuntimeAPI(t *testing.T) {
	f := deploy(t, lambdaruntime.Options{})
	answer, err := f.Invoke(t.Context(), []byte(`{"do":"break the rules"}`))
	if err != nil || string(answer) != "[403,400,400,404]" {
		t.Errorf("got %s, %v", answer, err)
	}
	log, err := f.Log()
	if err != nil || !strings.Contains(log, "statuses: [403 400 400 404 202 403]") {
		t.Errorf("got %v and the log\n%s", err, log)
	}
}

func TestRefused(t *testing.T) {
	_, err := lambdaruntime.New(lambdaruntime.Options{Binary: "bootstrap"})
	for _, field := range []string{"name", "binary", "logs", "timeout", "concurrency"} {
		if err == nil || !strings.Contains(err.Error(), field+": got") {
			t.Errorf("got %v, want a word about %s", err, field)
		}
	}
	f := deploy(t, lambdaruntime.Options{})
	if _, err := f.Invoke(t.Context(), make([]byte, lambdaruntime.MaxPayload+1)); !errors.Is(err, lambdaruntime.ErrTooLarge) {
		t.Errorf("got %v, want too large", err)
	}
}
