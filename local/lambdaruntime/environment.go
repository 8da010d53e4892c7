package lambdaruntime

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sitefence/sitefence/local/proc"
)

// environment is one process with its Runtime API. Its owner sees to it that
// invoke is never called twice at a time.
type environment struct {
	name    string
	options Options
	process *proc.Process
	server  *http.Server
	log     string

	ready  chan struct{}    // closed when the process asks for work for the first time
	failed chan struct{}    // closed when it reports that it cannot start
	work   chan *invocation // taken by the process that waits for work

	mu        sync.Mutex
	current   *invocation    // what the process has taken and not completed
	initError *FunctionError // why it cannot start
	served    int
	started   time.Time
	readyAt   time.Time // zero until it asks for work
}

// invocation is complete when the process asks for the next one: until then it
// may still work on it.
type invocation struct {
	id, trace string
	payload   []byte
	requested time.Time
	fresh     bool // its environment was started for it
	deadline  time.Time
	complete  chan struct{}
	// Of the environment, under its lock.
	taken, answeredAt time.Time

	answered bool
	answer   []byte
	err      error
}

func startEnvironment(name string, o Options) (*environment, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the Runtime API of %s: %w", name, err)
	}
	e := &environment{
		name: name, options: o, log: filepath.Join(o.Logs, name+".log"),
		ready: make(chan struct{}), failed: make(chan struct{}), work: make(chan *invocation),
	}
	e.server = &http.Server{Handler: e.api(), ReadHeaderTimeout: time.Minute}
	go func() { _ = e.server.Serve(listener) }()
	command := append(slices.Clone(o.Launch), o.Binary)
	e.started = time.Now()
	e.process, err = proc.Start(proc.Spec{
		Name: name, Path: command[0], Args: command[1:], Dir: filepath.Dir(o.Binary), Log: e.log,
		Env: e.environ(listener.Addr().String()),
	})
	if err != nil {
		return nil, errors.Join(err, e.server.Close())
	}
	return e, nil
}

// environ is what Lambda sets, before what the function's configuration adds.
func (e *environment) environ(api string) []string {
	return append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + api,
		"AWS_LAMBDA_FUNCTION_NAME=" + e.options.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(cmp.Or(e.options.Memory, 512)),
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + e.options.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME=" + e.name,
		"AWS_REGION=" + Region,
		"AWS_DEFAULT_REGION=" + Region,
		"AWS_ACCESS_KEY_ID=" + e.name,
		"AWS_SECRET_ACCESS_KEY=example",
		// No profile and no role of this machine, whatever HOME is.
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true",
		"LAMBDA_TASK_ROOT=" + filepath.Dir(e.options.Binary),
		"_HANDLER=" + filepath.Base(e.options.Binary),
		"PATH=/usr/local/bin:/usr/bin:/bin",
		"TZ=:UTC",
	}, e.options.Env...)
}

// invoke has one invocation. The environment is reusable if the process waits
// for the next one; else it must be ended.
func (e *environment) invoke(ctx context.Context, i *invocation) (answer []byte, reusable bool, err error) {
	init := time.NewTimer(InitTimeout)
	defer init.Stop()
	select {
	case <-e.ready:
	case <-e.failed:
		return nil, false, e.initError
	case <-e.process.Done():
		return nil, false, e.exit(i)
	case <-init.C:
		return nil, false, &FunctionError{TimedOut, fmt.Sprintf("RequestId: %s Error: Init timed out after %v", i.id, InitTimeout)}
	case <-ctx.Done():
		return nil, false, ErrClosed
	}
	i.deadline = time.Now().Add(e.options.Timeout)
	timer := time.NewTimer(e.options.Timeout)
	defer timer.Stop()
	work := e.work
	for {
		select {
		case work <- i:
			work = nil
		case <-i.complete:
			return i.answer, true, i.err
		case <-e.process.Done():
			return e.answerOr(i, e.exit(i))
		case <-timer.C:
			return e.answerOr(i, &FunctionError{TimedOut,
				fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", i.id, e.options.Timeout.Seconds())})
		case <-ctx.Done():
			return nil, false, ErrClosed
		}
	}
}

// answerOr is the answer that came before the environment had to be given up,
// or err.
func (e *environment) answerOr(i *invocation, err error) ([]byte, bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i.answered {
		return i.answer, false, i.err
	}
	return nil, false, err
}

// exit is how the process ended, in AWS's words.
func (e *environment) exit(i *invocation) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.initError != nil {
		return e.initError
	}
	return &FunctionError{Exited, fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %s", i.id, e.process.Ended())}
}

func (e *environment) alive() bool {
	select {
	case <-e.process.Done():
		return false
	default:
		return true
	}
}

// end kills the process and returns when it is gone.
func (e *environment) end() {
	e.process.Kill()
	_ = e.server.Close()
}

func (e *environment) describe() Environment {
	e.mu.Lock()
	defer e.mu.Unlock()
	return Environment{Name: e.name, PID: e.process.PID(), Log: e.log, Served: e.served, Alive: e.alive()}
}

func (e *environment) observed(i *invocation) Invocation {
	e.mu.Lock()
	defer e.mu.Unlock()
	return Invocation{Function: e.options.Name, Environment: e.name, New: i.fresh, Started: e.started, Ready: e.readyAt,
		Requested: i.requested, Taken: i.taken, Answered: i.answeredAt}
}

func digits(n int) string {
	b := make([]byte, n/2)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func uuid() string {
	d := digits(32)
	return d[:8] + "-" + d[8:12] + "-4" + d[13:16] + "-a" + d[17:20] + "-" + d[20:]
}

// trace is an X-Ray header of a trace that is not sampled.
func trace() string {
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", time.Now().Unix(), digits(24), digits(16))
}
