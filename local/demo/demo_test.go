package demo_test

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
	"github.com/sitefence/sitefence/local/demo"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

// secrets of the demo, which even it does not show: people paste what it prints.
var secrets = []string{stack.WebhookPassword, "admin-secret", "viewer-secret"}

// screen collects what the demo prints and tells when a text was seen.
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

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func needTools(t *testing.T) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
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

// children lists the processes that work in this test's temporary folder, where
// the demo puts everything.
func children(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ps", "-eo", "pid,args").Output()
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, os.TempDir()) {
			left = append(left, line)
		}
	}
	return strings.Join(left, "")
}

// TestDemo runs the demo as it is, with real Infinispan and real Alertmanager.
func TestDemo(t *testing.T) {
	needTools(t)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	var out screen
	if err := demo.Run(ctx, &out, demo.Options{}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		"accelerator: site-a, site-b", "FAILS", "Fenced split", "Ignored reporter-absent", ": offline", ": ok", "To the first working write",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story does not tell %q:\n%s", want, out.String())
		}
	}
	leak.Check(t, out.String(), secrets...)
	if lines := strings.Count(out.String(), "\n"); lines > 60 {
		t.Errorf("%d lines do not fit on a screen", lines)
	}
	if left := children(t); left != "" {
		t.Errorf("still running:\n%s", left)
	}
}

// TestKeep: after the story Ctrl-C is a good end.
func TestKeep(t *testing.T) {
	needTools(t)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	out := screen{want: "The link is cut: ", seen: cancel}
	if err := demo.Run(ctx, &out, demo.Options{Keep: true, Double: true, Lines: strings.NewReader("\n\n")}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"api/v2/alerts", "ListExecutions", "StartExecution", "sitefence restore --site site-b --local", "The link is healed: "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say how to use %s", want)
		}
	}
	leak.Check(t, out.String(), secrets...)
	if left := children(t); left != "" {
		t.Errorf("still running:\n%s", left)
	}
}

// TestInterrupted: Ctrl-C in the middle of the story ends all that was started.
func TestInterrupted(t *testing.T) {
	needTools(t)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	out := screen{want: "2. The link", seen: cancel}
	err := demo.Run(ctx, &out, demo.Options{})
	if err == nil || !errors.Is(ctx.Err(), context.Canceled) {
		t.Fatalf("got %v, want an error for the interruption\n%s", err, out.String())
	}
	if left := children(t); left != "" {
		t.Errorf("still running:\n%s", left)
	}
}
