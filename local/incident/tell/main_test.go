package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/local/incident"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

// screen collects what is told and calls seen once, when want is in it.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	seen func()
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	if s.seen != nil && strings.Contains(s.text.String(), s.want) {
		s.seen()
		s.seen = nil
	}
	return len(p), nil
}

// TestInterrupted: Ctrl-C in the middle of the outage ends all that was started.
// (The story itself is what the package's other tests live through.)
func TestInterrupted(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	needTools(t)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	out := screen{want: "cutting the link", seen: cancel}
	err := incident.Tell(ctx, &out)
	if err == nil || !strings.Contains(err.Error(), "has ended") || !errors.Is(ctx.Err(), context.Canceled) {
		t.Fatalf("got %v, want an error for the interruption\n%s", err, out.text.String())
	}
	leak.Check(t, out.text.String(), stack.WebhookPassword, "admin-secret")
	list, err := exec.CommandContext(t.Context(), "ps", "-eo", "pid,args").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(list)) {
		if strings.Contains(line, os.TempDir()) {
			t.Errorf("still running: %s", line)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "sitefence-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func needTools(t *testing.T) {
	t.Helper()
	root, err := stack.Root()
	if err == nil {
		_, err = os.Stat(filepath.Join(root, "node_modules", ".bin", "cdk"))
	}
	if err == nil {
		err = infinispan.Available()
	}
	if err != nil && os.Getenv("SITEFENCE_REAL") == "1" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
}
