package simulation_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/local/asl"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/simulation"
)

// patience bounds the steps of one run; the longest take about a tenth of it.
const patience = 100_000

// place is where a fault hits: the n-th call of an operation by the function
// that a state has called, or, without an operation, the state's own task.
type place struct {
	Machine, State string
	Function       string
	Operation      string
	N              int
}

func (p place) task() bool { return p.Operation == "" }

// observer names the calls and tasks of a run as they come.
type observer struct {
	seen map[string]int
}

func machineOf(run *simulation.Run) string {
	switch {
	case run.Fence:
		return "fence"
	case run.Restore:
		return "restore"
	}
	return "guard"
}

// call names a call; a call to a site that is not the reporter is told apart.
func (o *observer) call(c *simulation.Call) place {
	p := place{Machine: machineOf(c.By.Run), State: c.By.Run.State, Function: c.By.Function, Operation: c.Operation}
	if strings.HasSuffix(c.Target, string(siteC)) {
		p.Operation += " (witness)"
	}
	if p.Machine == "restore" && strings.HasSuffix(c.Target, string(siteB)) {
		p.Operation += " (site)"
	}
	key := fmt.Sprintf("%p %s", c.By, p.Operation)
	o.seen[key]++
	p.N = o.seen[key]
	return p
}

func taskPlace(run *simulation.Run, call *asl.Call) place {
	return place{Machine: machineOf(run), State: call.State}
}

// aim is one fault at one place: the first time only, or from then on at every
// such call of the function, or task of the state.
type aim struct {
	at    place
	fault simulation.Fault
	lasts bool

	observer
	hit bool
}

func (a *aim) fates() simulation.Fates {
	return simulation.Fates{
		Call: func(c *simulation.Call) simulation.Fault {
			p := a.call(c)
			again := a.hit && a.lasts && p.Function == a.at.Function && p.Operation == a.at.Operation
			if again || !a.hit && p == a.at {
				a.hit = true
				return a.fault
			}
			return simulation.None
		},
		Task: func(run *simulation.Run, call *asl.Call) simulation.Fault {
			if taskPlace(run, call) != a.at || a.hit && !a.lasts {
				return simulation.None
			}
			a.hit = true
			if a.fault == simulation.Slow {
				time.Sleep(call.Timeout)
			}
			return a.fault
		},
	}
}

// worker is what runs one cell after the other: neither a parsed machine nor a
// double may be shared by two of them.
type worker struct {
	machines simulation.Machines
	doubles  map[int]*infinispan.Double // by number of sites
}

func newWorker(t *testing.T) worker {
	return worker{machines(t), map[int]*infinispan.Double{2: double(t, "site-a", "site-b"), 3: double(t, "site-a", "site-b", "site-c")}}
}

// way is how the end is reached once the fault is gone.
type way string

const (
	byAlert   way = "one more alert"
	byRedrive way = "a redrive"
)

// result is what one run of a cell came to.
type result struct {
	ended      string // what the executions ended as under the fault
	right      bool   // the world was right by then
	redrivable bool   // the fence failed in a task
}

// cell runs a scenario with a fault, takes the fault away, and lets the
// executions go the way. Everything that must hold in every cell is asserted
// here.
func (wk worker) cell(t *testing.T, s scenario, a *aim, then way) (r result) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		w, err := s.begin(simulation.Options{Machines: wk.machines, Infinispan: wk.doubles[len(s.sites)], Seed: seed, Log: &log})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		s.report(w)
		settle(t, w, a.fates())
		if !a.hit {
			t.Fatal("the fault hit nothing")
		}
		r = result{ended: ends(w.Runs, s.reason), right: len(s.wrong(w)) == 0}
		quiet := !slices.ContainsFunc(w.Runs, func(run *simulation.Run) bool { return run.Status != asl.Succeeded })
		if quiet && !r.right {
			t.Errorf("I6: all ended well (%s), so that nobody is told, but: %v", r.ended, s.wrong(w))
		}
		s.goOn(t, w, then, &r)
		if v := w.Violations(); len(v) > 0 {
			t.Errorf("violations: %v", v)
		}
		noSecret(t, w, log.String())
	})
	return r
}

// goOn goes one way without the fault, and wants the right end of it.
func (s scenario) goOn(t *testing.T, w *simulation.World, then way, r *result) {
	t.Helper()
	if s.syncs() {
		s.syncOn(t, w, then, r)
		return
	}
	before := len(w.Runs)
	failed := slices.IndexFunc(w.Runs, func(run *simulation.Run) bool { return run.Fence && run.FailedInTask })
	r.redrivable = failed >= 0
	if then == byRedrive {
		if !r.redrivable {
			return
		}
		w.Redrive(w.Runs[failed])
		settle(t, w, simulation.Fates{})
		if got := w.Runs[failed]; got.Outcome() != s.end()+" "+s.reason {
			t.Errorf("after %s and a redrive the fence ended %s: %s", r.ended, got.Outcome(), got.Cause)
		}
		if wrong := s.wrong(w); len(wrong) > 0 {
			t.Errorf("after %s and a redrive: %v", r.ended, wrong)
		}
	}
	s.report(w)
	settle(t, w, simulation.Fates{})
	if wrong := s.wrong(w); len(wrong) > 0 {
		t.Errorf("after %s and one more alert, which ended %s: %v", r.ended, ends(w.Runs[before:], s.reason), wrong)
	}
	done := r.right || then == byRedrive
	for i, run := range w.Runs[before:] {
		if run.Status != asl.Succeeded {
			t.Errorf("one more alert: %s ended %s: %s", run.Name, run.Outcome(), run.Cause)
		}
		if i == 0 && done && run.Outcome() != s.idle() {
			t.Errorf("one more alert, all being well: %s ended %s, want %s", run.Name, run.Outcome(), s.idle())
		}
	}
}

func settle(t *testing.T, w *simulation.World, fates simulation.Fates) {
	t.Helper()
	if !w.Settle(fates, patience) {
		t.Fatalf("it never ends: %s", ends(w.Runs, ""))
	}
	for _, run := range w.Runs {
		if run.Status == asl.TimedOut {
			t.Errorf("%s runs into the machine's timeout in %s", run.Name, run.State)
		}
	}
}

var undecided = regexp.MustCompile(`^Nothing was changed[^:]*: ([a-z-]+)\.`)

// ends tells how executions ended: the last state, with the reason or error
// where it is not the usual one. A guard is told of when it started no fence.
func ends(runs []*simulation.Run, usual string) string {
	var all []string
	for _, run := range runs {
		text := run.State
		switch {
		case run.Status == asl.Aborted:
			text = "stopped in " + run.State
		case run.Status != asl.Succeeded:
			why := run.Error
			if hit := undecided.FindStringSubmatch(run.Cause); hit != nil {
				why = hit[1]
			}
			text += " (" + why + ")"
		case run.State == "FenceStarted":
			continue
		case run.Restore:
		case run.Outcome() != run.State+" "+usual:
			text = strings.Replace(run.Outcome(), " ", " (", 1) + ")"
		}
		if !run.Fence && !run.Restore {
			text = "guard: " + text
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// noSecret looks for the password in all that anybody can read.
func noSecret(t *testing.T, w *simulation.World, log string) {
	t.Helper()
	leak.Check(t, log, simulation.Password)
	for _, run := range w.Runs {
		data, err := json.Marshal(map[string]any{"in": run.Input, "out": run.Output, "error": run.Error, "cause": run.Cause})
		if err != nil {
			t.Fatal(err)
		}
		leak.Check(t, string(data), simulation.Password)
	}
}
