package lambdaruntime_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sitefence/sitefence/local/lambdaruntime"
)

// TestConcurrency: one invocation an environment, environments up to the limit,
// then throttled at once; what has ended makes room.
func TestConcurrency(t *testing.T) {
	const limit = 3
	f := deploy(t, lambdaruntime.Options{Concurrency: limit})
	gate := filepath.Join(t.TempDir(), "gate")
	wait := fmt.Sprintf(`{"do":"wait","text":%q}`, gate)
	type result struct {
		seen
		err error
	}
	results := make(chan result)
	for range limit {
		go func() {
			s, err := invoke(t, f, wait)
			results <- result{s, err}
		}()
	}
	eventually(t, func() bool { return len(f.Environments()) == limit })
	if _, err := f.Invoke(t.Context(), []byte(`{}`)); !errors.Is(err, lambdaruntime.ErrThrottled) {
		t.Errorf("beyond the limit: got %v, want throttled", err)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	pids := map[int]bool{}
	for range limit {
		r := <-results
		if r.err != nil {
			t.Error(r.err)
		}
		pids[r.PID] = true
	}
	if len(pids) != limit {
		t.Errorf("%d processes for %d invocations at a time", len(pids), limit)
	}
	if !pids[must(t, f, `{}`).PID] {
		t.Error("an environment was started although others were free")
	}
}

// TestCallerLeaves: the invocation goes on and holds its place, as on AWS.
func TestCallerLeaves(t *testing.T) {
	f := deploy(t, lambdaruntime.Options{Concurrency: 1})
	pid := must(t, f, `{}`).PID
	gate := filepath.Join(t.TempDir(), "gate")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.Invoke(ctx, fmt.Appendf(nil, `{"do":"wait","text":%q}`, gate)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the caller's deadline", err)
	}
	if _, err := f.Invoke(t.Context(), []byte(`{}`)); !errors.Is(err, lambdaruntime.ErrThrottled) {
		t.Errorf("got %v, want throttled while the abandoned invocation runs", err)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		s, err := invoke(t, f, `{}`)
		return err == nil && s.PID == pid
	})
}

// TestEndedWhileIdle: an environment that died between two invocations is not used.
func TestEndedWhileIdle(t *testing.T) {
	f := deploy(t, lambdaruntime.Options{Concurrency: 1})
	pid := must(t, f, `{}`).PID
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return !f.Environments()[0].Alive })
	if must(t, f, `{}`).PID == pid {
		t.Error("a dead process answered")
	}
}

// TestClose ends what runs, whoever waits for it, and what is asked later.
func TestClose(t *testing.T) {
	f := deploy(t, lambdaruntime.Options{})
	must(t, f, `{}`)
	done := make(chan error)
	go func() {
		_, err := invoke(t, f, `{"do":"hang","text":"now"}`)
		done <- err
	}()
	eventually(t, func() bool {
		log, err := f.Log()
		return err == nil && strings.Contains(log, "hangs: now")
	})
	f.Close()
	f.Close()
	if err := <-done; !errors.Is(err, lambdaruntime.ErrClosed) {
		t.Errorf("the open invocation: got %v, want that the function is closed", err)
	}
	if _, err := f.Invoke(t.Context(), nil); !errors.Is(err, lambdaruntime.ErrClosed) {
		t.Errorf("an invocation afterwards: got %v, want that the function is closed", err)
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came true")
		}
	}
}
