package costs_test

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/balancers"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/simulation"
)

const (
	siteA = contract.Site("site-a")
	siteB = contract.Site("site-b")
)

func TestMain(m *testing.M) {
	for name, value := range simulation.Environment() {
		if err := os.Setenv(name, value); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// work is what AWS counts of executions.
type work struct{ transitions, invocations, events int }

func (w work) plus(o work, times int) work {
	return work{w.transitions + times*o.transitions, w.invocations + times*o.invocations, w.events + times*o.events}
}

// fenced counts what a split takes, from both reports to their ends, and then a
// repeated report: ingest and its event included.
func fenced(t *testing.T) (fence, repeat work) {
	t.Helper()
	machines, err := simulation.ReadMachines()
	if err != nil {
		t.Fatal(err)
	}
	double, err := infinispan.NewDouble(infinispan.Options{Sites: []string{string(siteA), string(siteB)}, Password: simulation.Password})
	if err != nil {
		t.Fatal(err)
	}
	defer double.Close()
	const region = "eu-west-1"
	a, b := balancers.ARN(region, "a"), balancers.ARN(region, "b")
	synctest.Test(t, func(t *testing.T) {
		w, err := simulation.New(simulation.Options{Machines: machines, Infinispan: double,
			Listeners: []ga.Listener{ga.NewListener(443, ga.NewGroup(region, ga.NewEndpoint(a), ga.NewEndpoint(b)))},
			Tags:      map[string]map[string]string{a: {"site": string(siteA)}, b: {"site": string(siteB)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		double.CutBetween(string(siteA), string(siteB))
		first := w.Alert(siteA, siteB)
		w.Alert(siteB, siteA)
		settle(t, w)
		fence = done(w).plus(work{invocations: 1, events: 1}, 2)
		if first.Outcome() != "FenceStarted split" || len(w.Fences()) != 1 {
			t.Fatalf("the first report ended %s, with %d fences", first.Outcome(), len(w.Fences()))
		}
		again := w.Alert(siteA, siteB)
		settle(t, w)
		if again.Outcome() != "Ignored already-fenced" {
			t.Fatalf("the repeat ended %s", again.Outcome())
		}
		repeat = done(w).plus(work{invocations: 1, events: 1}, 1).plus(fence, -1).plus(work{invocations: 1, events: 1}, 2)
	})
	return fence, repeat
}

func settle(t *testing.T, w *simulation.World) {
	t.Helper()
	if !w.Settle(simulation.Fates{}, 10_000) {
		t.Fatal("it never ends")
	}
}

// done is all that the world's executions did: each state entered is a
// transition, each call of a function an invocation.
func done(w *simulation.World) work {
	sum := work{invocations: w.Invoked(), events: len(w.Events)}
	for _, run := range w.Runs {
		sum.transitions += len(run.Trace)
	}
	return sum
}
