package proc_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sitefence/sitefence/local/proc"
)

func start(t *testing.T, script string) (*proc.Process, string) {
	t.Helper()
	dir := t.TempDir()
	p, err := proc.Start(proc.Spec{Name: "script", Path: "/bin/sh", Args: []string{"-c", script}, Dir: dir,
		Env: []string{"PATH=" + os.Getenv("PATH")}, Log: filepath.Join(dir, "log", "script.log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p, dir
}

// child waits for the pid that the script wrote.
func child(t *testing.T, p *proc.Process, dir string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	pid := 0
	err := p.WaitReady(ctx, func(context.Context) (err error) {
		data, err := os.ReadFile(filepath.Join(dir, "pid"))
		if err == nil {
			pid, err = strconv.Atoi(strings.TrimSpace(string(data)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// gone waits until no such process runs; a zombie that nobody reaps does not.
func gone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if syscall.Kill(pid, 0) != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("process %d still runs", pid)
}

// TestNoneOutlives: children end with the process, stopped, killed or not, also
// those that take no notice of SIGTERM.
func TestNoneOutlives(t *testing.T) {
	const script = `trap '' TERM; (trap '' TERM; sleep 600) & echo $! > pid; `
	t.Run("stopped", func(t *testing.T) {
		p, dir := start(t, `sleep 600 & echo $! > pid; wait`)
		pid := child(t, p, dir)
		p.Stop()
		p.Stop()
		gone(t, pid)
	})
	t.Run("killed", func(t *testing.T) {
		p, dir := start(t, script+"wait")
		pid := child(t, p, dir)
		p.Kill()
		p.Kill()
		gone(t, pid)
	})
	t.Run("ended by itself", func(t *testing.T) {
		p, dir := start(t, script+"sleep 1")
		pid := child(t, p, dir)
		<-p.Done()
		gone(t, pid)
	})
}

func TestWaitReady(t *testing.T) {
	never := func(context.Context) error { return errors.New("not yet") }
	p, _ := start(t, "echo why; exit 3")
	err := p.WaitReady(t.Context(), never)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "why") {
		t.Errorf("got %v, want the status and the log", err)
	}
	p, _ = start(t, "exec sleep 600")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := p.WaitReady(ctx, never); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "not yet") {
		t.Errorf("got %v, want the deadline and the last answer", err)
	}
}

// TestEnvironment: nothing of the user's shell leaks in.
func TestEnvironment(t *testing.T) {
	t.Setenv("AWS_PROFILE", "production")
	p, _ := start(t, "env")
	<-p.Done()
	if strings.Contains(p.Tail(), "production") {
		t.Errorf("inherited: %s", p.Tail())
	}
}
