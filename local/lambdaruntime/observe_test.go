package lambdaruntime_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sitefence/sitefence/local/lambdaruntime"
)

// TestObserve: who measures is told the stages of each invocation in their order,
// and which of them started an environment.
func TestObserve(t *testing.T) {
	var got []lambdaruntime.Invocation
	f := deploy(t, lambdaruntime.Options{Concurrency: 1, Observe: func(i lambdaruntime.Invocation) { got = append(got, i) }})
	for range 2 {
		if _, err := invoke(t, f, `{}`); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 2 || !got[0].New || got[1].New || got[0].Environment != got[1].Environment {
		t.Fatalf("got %+v, want two of one environment, the first of them new", got)
	}
	first, second := got[0], got[1]
	stages := []time.Time{first.Requested, first.Started, first.Ready, first.Taken, first.Answered, second.Requested, second.Taken, second.Answered}
	if !slices.IsSortedFunc(stages, time.Time.Compare) || first.Init() <= 0 || first.Duration() < first.Init() || !second.Ready.Equal(first.Ready) {
		t.Errorf("got %v, want the stages one after the other", stages)
	}
}

// TestLaunch: what is put before the binary runs before it, in the same process.
func TestLaunch(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	f := deploy(t, lambdaruntime.Options{Memory: 128,
		Launch: []string{"/bin/sh", "-c", `printf %s $$ > "$0" && exec "$1"`, file}})
	got, err := invoke(t, f, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if pid, err := os.ReadFile(file); err != nil || string(pid) != strconv.Itoa(got.PID) {
		t.Errorf("the launcher was process %s (%v), the function is %d", pid, err, got.PID)
	}
	if !slices.Contains(got.Environment, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128") {
		t.Errorf("the function is told another memory: %q", got.Environment)
	}
}
