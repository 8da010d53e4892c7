package simulation_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/pause"
	"github.com/sitefence/sitefence/internal/secret"
	"github.com/sitefence/sitefence/internal/target"
	"github.com/sitefence/sitefence/local/asl"
	"github.com/sitefence/sitefence/local/simulation"
	"github.com/sitefence/sitefence/statemachine"
)

// seed decides the jitter of the machines.
const seed = 20261124

// row is one line of the matrix: every fault at one place of one scenario.
type row struct {
	scenario
	place
	cells map[simulation.Fault]string
}

// TestFaultMatrix: every fault at every outside call of every function and at
// every task of the machines, once and lasting. In each cell the laws hold after
// every call, nothing hangs, whatever ended well is well and whatever is not
// well has failed loudly; and once the fault is gone, one more alert brings the
// right end, and so does a redrive of a fence that failed in a task. What the
// executions end as is written down in docs/safety.md (go test -update).
func TestFaultMatrix(t *testing.T) {
	t.Logf("seed %d", seed)
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // many short lives
	first := newWorker(t)
	rows := derive(t, first)
	complete(t, rows)
	if raced {
		rows = every(8, rows)
	}
	pool := make(chan worker, runtime.GOMAXPROCS(0))
	pool <- first
	for len(pool) < cap(pool) {
		pool <- newWorker(t)
	}
	var mu sync.Mutex
	ran := 0
	t.Run("cell", func(t *testing.T) {
		for _, r := range rows {
			t.Run(r.name+"/"+r.String(), func(t *testing.T) {
				t.Parallel()
				wk := <-pool
				defer func() { pool <- wk }()
				for _, fault := range faultsAt(r.place) {
					text, n := wk.both(t, r, fault)
					mu.Lock()
					r.cells[fault], ran = text, ran+n
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("%d rows, %d runs", len(rows), ran)
	ingest := ingestRows(t)
	if !t.Failed() && !raced && whole(rows) {
		document(t, rows, ran, ingest)
	}
}

// every is one of n rows, in their order: some of each scenario.
func every(n int, rows []row) []row {
	var some []row
	for i := 0; i < len(rows); i += n {
		some = append(some, rows[i])
	}
	return some
}

// both is a cell's text: the fault hits once, and lasts. It says how many runs
// that took.
func (wk worker) both(t *testing.T, r row, fault simulation.Fault) (text string, runs int) {
	var texts []string
	for _, lasts := range []bool{false, true} {
		name := fmt.Sprintf("%s, lasting %t", fault, lasts)
		t.Run(name, func(t *testing.T) {
			aimed := func() *aim {
				return &aim{at: r.place, fault: fault, lasts: lasts, observer: observer{map[string]int{}}}
			}
			got := wk.cell(t, r.scenario, aimed(), byAlert)
			runs++
			text := got.ended
			if !got.right {
				text += "²"
			}
			if got.redrivable {
				wk.cell(t, r.scenario, aimed(), byRedrive)
				runs++
				text += "↻"
			}
			texts = append(texts, text)
		})
	}
	return joined(texts), runs
}

// faultsAt are the faults that make sense at a place: that it comes too late
// though it was applied is told apart only where something is applied.
func faultsAt(p place) []simulation.Fault {
	call := simulation.Call{Operation: strings.TrimSuffix(p.Operation, " (site)")}
	writes := p.task() || call.Writes()
	return slices.DeleteFunc(slices.Clone(simulation.Faults), func(f simulation.Fault) bool {
		return f == simulation.SlowApplied && !writes
	})
}

// derive runs every scenario without a fault and notes each call and task.
func derive(t *testing.T, wk worker) []row {
	var rows []row
	known := map[place]bool{} // whatever N
	for _, s := range scenarios() {
		synctest.Test(t, func(t *testing.T) {
			w, err := s.begin(simulation.Options{Machines: wk.machines, Infinispan: wk.doubles[len(s.sites)], Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			o := observer{map[string]int{}}
			seen := map[place]bool{}
			note := func(p place) simulation.Fault {
				kind := p
				kind.N = 0
				if !seen[p] && (!known[kind] || s.every != nil && s.every(p)) {
					rows = append(rows, row{s, p, map[simulation.Fault]string{}})
				}
				seen[p], known[kind] = true, true
				return simulation.None
			}
			s.report(w)
			settle(t, w, simulation.Fates{
				Call: func(c *simulation.Call) simulation.Fault { return note(o.call(c)) },
				Task: func(run *simulation.Run, call *asl.Call) simulation.Fault { return note(taskPlace(run, call)) },
			})
			if got := ends(w.Runs, s.reason); got != s.end() || len(s.wrong(w)) > 0 || len(w.Violations()) > 0 {
				t.Fatalf("%s without a fault: %s, %v, %v", s.name, got, s.wrong(w), w.Violations())
			}
		})
	}
	return rows
}

// complete wants every task of the machines' files and every call of the
// functions' interfaces among the rows.
func complete(t *testing.T, rows []row) {
	t.Helper()
	has := func(test func(place) bool) bool {
		return slices.ContainsFunc(rows, func(r row) bool { return test(r.place) })
	}
	for machine, text := range map[string]string{"guard": statemachine.Guard, "fence": statemachine.Fence, "restore": statemachine.Restore} {
		var file struct {
			States map[string]struct{ Type string }
		}
		if err := json.Unmarshal([]byte(text), &file); err != nil {
			t.Fatal(err)
		}
		for name, state := range file.States {
			if state.Type == "Task" && !has(func(p place) bool { return p.task() && p.Machine == machine && p.State == name }) {
				t.Errorf("no scenario reaches the task %s of the %s machine", name, machine)
			}
		}
	}
	// Infinispan's client has no interface; the gate serves no other paths.
	operations := append([]string{"GET container (witness)", "GetSecretValue (witness)"}, simulation.InfinispanCalls...)
	for _, calls := range []reflect.Type{reflect.TypeFor[accelerator.Reading](), reflect.TypeFor[accelerator.Writing](),
		reflect.TypeFor[accelerator.Tags](), reflect.TypeFor[target.Client](), reflect.TypeFor[secret.Client](), reflect.TypeFor[pause.Parameters](), reflect.TypeFor[sfn.ListExecutionsAPIClient]()} {
		for method := range calls.Methods() {
			operations = append(operations, method.Name)
		}
	}
	for _, operation := range operations {
		if !has(func(p place) bool { return strings.TrimSuffix(p.Operation, " (site)") == operation }) {
			t.Errorf("no scenario makes the call %s", operation)
		}
	}
}

// whole reports whether every cell was run, and not only some by -run.
func whole(rows []row) bool {
	return !slices.ContainsFunc(rows, func(r row) bool { return len(r.cells) < len(faultsAt(r.place)) })
}
