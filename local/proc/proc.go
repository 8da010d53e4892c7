// Package proc runs the helper processes of the local stack (emulator,
// Infinispan, Alertmanager) and guarantees that none outlives its owner: each
// gets a process group of its own, the whole group is ended by Stop, and on
// Linux the kernel kills the leader if the owner dies without a word.
package proc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Spec says what to run. Env is the whole environment: nothing is inherited,
// so that no credential or endpoint of the user's shell leaks in.
type Spec struct {
	Name string // used in errors and as the log file's name
	Path string
	Args []string
	Env  []string
	Dir  string
	Log  string // file that takes stdout and stderr
}

// Process is a running child. Its methods are safe for concurrent use.
type Process struct {
	spec Spec
	cmd  *exec.Cmd
	done chan struct{}
	once sync.Once
}

// Start runs the process. It returns as soon as the process exists, not when
// it is ready: use WaitReady.
func Start(spec Spec) (*Process, error) {
	if err := os.MkdirAll(filepath.Dir(spec.Log), 0o755); err != nil {
		return nil, fmt.Errorf("creating the log folder of %s: %w", spec.Name, err)
	}
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", spec.Name, err)
	}
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = spec.Env, spec.Dir, log, log
	cmd.SysProcAttr = sysProcAttr()
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", spec.Name, err), log.Close())
	}
	p := &Process{spec: spec, cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // its outcome is the ProcessState
		// Children that outlive the leader end with it. Right here, since later
		// the group's number may be another's.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = log.Close()
		close(p.done)
	}()
	return p, nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended says how the process ended, as in "exit status 3"; it waits for that.
func (p *Process) Ended() string {
	<-p.done
	return p.cmd.ProcessState.String()
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop ends the process group: SIGTERM, and after five seconds SIGKILL. It
// returns once the leader is gone. Repeated calls do nothing.
func (p *Process) Stop() {
	p.once.Do(func() {
		p.signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(5 * time.Second):
			p.Kill()
		}
	})
}

// Kill ends the process group at once, as a crash would.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// signal reaches the whole group, unless the process has ended.
func (p *Process) signal(s syscall.Signal) {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, s)
	}
}

// WaitReady calls ready every 50 ms until it returns nil. It fails when the
// process ends or ctx does, and then quotes the end of the log.
func (p *Process) WaitReady(ctx context.Context, ready func(context.Context) error) error {
	var last error
	for {
		if last = ready(ctx); last == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before it was ready (%s):\n%s", p.spec.Name, p.cmd.ProcessState, p.Tail())
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w; last answer: %w\n%s", p.spec.Name, context.Cause(ctx), last, p.Tail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Tail is the end of the process's log, for error messages.
func (p *Process) Tail() string {
	data, err := os.ReadFile(p.spec.Log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) > 20 {
		lines = lines[len(lines)-20:]
	}
	return strings.Join(lines, "\n")
}

// FreePort returns a TCP port of the loopback interface that was free a moment
// ago. Another process may take it first; a caller that starts a server must
// treat "address in use" as a failure to report, not to hide.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
