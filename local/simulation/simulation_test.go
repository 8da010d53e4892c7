package simulation_test

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
	west  = "eu-west-1"
)

// TestMain gives the acting functions the one thing they take from outside.
func TestMain(m *testing.M) {
	for name, value := range simulation.Environment() {
		if err := os.Setenv(name, value); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func machines(t testing.TB) simulation.Machines {
	t.Helper()
	m, err := simulation.ReadMachines()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// double is made outside a bubble, since it listens.
func double(t testing.TB, sites ...string) *infinispan.Double {
	t.Helper()
	d, err := infinispan.NewDouble(infinispan.Options{Sites: sites, Password: simulation.Password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func lb(name string) string { return balancers.ARN(west, name) }

func pair(m simulation.Machines, d *infinispan.Double) simulation.Options {
	return simulation.Options{Machines: m, Infinispan: d,
		Listeners: []ga.Listener{ga.NewListener(443, ga.NewGroup(west, ga.NewEndpoint(lb("a")), ga.NewEndpoint(lb("b"))))},
		Tags:      map[string]map[string]string{lb("a"): {"site": "site-a"}, lb("b"): {"site": "site-b"}},
	}
}

// TestBothReport: both sites report each other at the same moment. One is
// fenced, the other report ends Ignored.
func TestBothReport(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	synctest.Test(t, func(t *testing.T) {
		w, err := simulation.New(pair(m, d))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		d.CutBetween("site-a", "site-b")
		first, second := w.Alert(siteA, siteB), w.Alert(siteB, siteA)
		if !w.Settle(simulation.Fates{}, 10_000) {
			t.Fatal("it never ends")
		}
		fence := w.Fences()[0]
		for run, want := range map[*simulation.Run]string{first: "FenceStarted split", second: "Ignored reporter-absent", fence: "Fenced split"} {
			if run.Outcome() != want {
				t.Errorf("%s ended %s (%s), want %s", run.Name, run.Outcome(), run.Cause, want)
			}
		}
		if w.Present(siteB) || d.Status("site-a", "site-b") != infinispan.Offline || d.Status("site-b", "site-a") != infinispan.Online {
			t.Errorf("site-b present %v, backups %s and %s", w.Present(siteB), d.Status("site-a", "site-b"), d.Status("site-b", "site-a"))
		}
		if v := w.Violations(); len(v) > 0 {
			t.Error(v)
		}
	})
}
