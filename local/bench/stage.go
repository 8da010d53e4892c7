package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/lambdaruntime"
)

// Stage is where functions are deployed to be measured.
type Stage struct {
	World    *World
	Dir      string
	Binaries string  // folder of <function>/bootstrap
	Shares   *Shares // nil: the CPU cannot be limited
}

// Copy puts the functions with their configuration into folders of their own.
func (s Stage) Copy(functions []string) error {
	for _, name := range functions {
		dir := filepath.Join(s.Dir, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := copyFile(filepath.Join(s.Binaries, name, "bootstrap"), filepath.Join(dir, "bootstrap")); err != nil {
			return err
		}
		data, err := json.Marshal(s.World.File(name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "config.json"), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// timeouts are the functions' own.
var timeouts = map[string]time.Duration{
	ingest:            contract.IngestTimeout * time.Second,
	checkHealth:       contract.CheckHealthTimeout * time.Second,
	updateAccelerator: contract.UpdateAcceleratorTimeout * time.Second,
	takeOffline:       contract.TakeOfflineTimeout * time.Second,
	"inspect":         contract.InspectTimeout * time.Second,
	"resync":          contract.ResyncTimeout * time.Second,
}

// Deployed are functions with one environment each, which starts when it is first
// invoked.
type Deployed struct {
	functions map[string]*lambdaruntime.Function
	shares    map[string]*Share

	mu   sync.Mutex
	last lambdaruntime.Invocation
}

// Deploy deploys functions with the CPU share of a memory size. Close them.
func (s Stage) Deploy(memory int, names ...string) (*Deployed, error) {
	d := &Deployed{functions: map[string]*lambdaruntime.Function{}, shares: map[string]*Share{}}
	for _, name := range names {
		o := lambdaruntime.Options{
			Name: name, Binary: filepath.Join(s.Dir, name, "bootstrap"), Env: s.World.Environment(name),
			Logs: filepath.Join(s.Dir, "logs"), Timeout: timeouts[name], Concurrency: 1, Memory: cmp.Or(memory, FullCore), Observe: d.observe,
		}
		if memory != Unlimited {
			made, err := s.Shares.New(name, memory)
			if err != nil {
				d.Close()
				return nil, err
			}
			d.shares[name], o.Launch = made, made.Launch()
		}
		f, err := lambdaruntime.New(o)
		if err != nil {
			d.Close()
			return nil, err
		}
		d.functions[name] = f
	}
	return d, nil
}

func (d *Deployed) observe(i lambdaruntime.Invocation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = i
}

// Close ends all environments.
func (d *Deployed) Close() {
	for _, f := range d.functions {
		f.Close()
	}
	for _, s := range d.shares {
		s.Close()
	}
}

// Invoke has one invocation, and says how it went.
func (d *Deployed) Invoke(ctx context.Context, name string, payload any) ([]byte, lambdaruntime.Invocation, error) {
	f, ok := d.functions[name]
	if !ok {
		return nil, lambdaruntime.Invocation{}, fmt.Errorf("%s is not deployed", name)
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		return nil, lambdaruntime.Invocation{}, err
	}
	answer, err := f.Invoke(ctx, raw)
	if err != nil {
		log, _ := f.Log()
		return nil, lambdaruntime.Invocation{}, fmt.Errorf("invoking %s: %w\n%s", name, err, tail(log))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return answer, d.last, nil
}

func tail(log string) string { return log[max(0, len(log)-2000):] }

// Resident is how much memory a function's process has in use, and had at most, in
// bytes; 0 where the system does not say.
func (d *Deployed) Resident(name string) (now, most int) {
	for _, e := range d.functions[name].Environments() {
		if e.Alive {
			return residentOf(e.PID)
		}
	}
	return 0, 0
}

// Used is how much CPU time a function's process has taken since it began; 0 where the
// system does not say.
func (d *Deployed) Used(name string) time.Duration {
	for _, e := range d.functions[name].Environments() {
		if e.Alive {
			return usedBy(e.PID)
		}
	}
	return 0
}

// usedBy adds up the threads of a process, none of which ends before it does (Go keeps
// its own). The kernel counts in nanoseconds there (Documentation/scheduler/sched-stats).
func usedBy(pid int) time.Duration {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	var all time.Duration
	for _, thread := range threads {
		data, err := os.ReadFile(thread)
		if err != nil {
			continue // it has just ended
		}
		first, _, _ := strings.Cut(string(data), " ")
		n, _ := strconv.ParseInt(first, 10, 64)
		all += time.Duration(n)
	}
	return all
}

func residentOf(pid int) (now, most int) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		kilobytes, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		switch name {
		case "VmRSS":
			now = kilobytes << 10
		case "VmHWM":
			most = kilobytes << 10
		}
	}
	return now, most
}

// Starts measures the start of the functions that are not on the way of a fence:
// each is invoked with an input that is not theirs, which they answer with an error.
func (s Stage) Starts(ctx context.Context, runs int) ([]Start, error) {
	var all []Start
	for _, name := range others {
		var inits []time.Duration
		for range runs {
			d, err := s.Deploy(Unlimited, name)
			if err != nil {
				return nil, err
			}
			_, err = d.functions[name].Invoke(ctx, []byte(`"no input"`))
			_, refused := errors.AsType[*lambdaruntime.FunctionError](err)
			d.mu.Lock()
			inits = append(inits, d.last.Init())
			d.mu.Unlock()
			d.Close()
			if !refused || inits[len(inits)-1] <= 0 {
				return nil, fmt.Errorf("starting %s: got %w, want its refusal", name, err)
			}
		}
		all = append(all, Start{Function: name, Init: SpreadOf(inits)})
	}
	return all, nil
}
