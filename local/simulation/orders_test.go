package simulation_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/simulation"
)

// live runs a story in a world of two sites whose link is cut.
func live(t *testing.T, m simulation.Machines, d *infinispan.Double, change func(*simulation.Options), story func(t *testing.T, w *simulation.World)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		opt := pair(m, d)
		opt.Switch = true
		if change != nil {
			change(&opt)
		}
		w, err := simulation.New(opt)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		d.CutBetween("site-a", "site-b")
		story(t, w)
		if v := w.Violations(); len(v) > 0 {
			t.Error(v)
		}
	})
}

func ended(t *testing.T, w *simulation.World, run *simulation.Run, want string) {
	t.Helper()
	settle(t, w, simulation.Fates{})
	if run.Outcome() != want {
		t.Errorf("%s ended %s (%s), want %s", run.Name, run.Outcome(), run.Cause, want)
	}
}

func fences(t *testing.T, w *simulation.World, want ...string) {
	t.Helper()
	var got []string
	for _, f := range w.Fences() {
		got = append(got, f.Outcome())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("fences ended %q, want %q", got, want)
	}
}

func intact(t *testing.T, w *simulation.World) {
	t.Helper()
	if !w.Present(siteA) || !w.Present(siteB) || w.Infinispan.Status("site-a", "site-b") != infinispan.Online {
		t.Error("something was changed")
	}
}

// TestPauseHolds: while it is paused nothing is begun; the next repeat after it is
// handled, whether the pause was ended or has run out.
func TestPauseHolds(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	for name, over := range map[string]func(*simulation.World){
		"resumed": (*simulation.World).Resume,
		"run out": func(*simulation.World) { time.Sleep(time.Hour) },
		"broken":  func(w *simulation.World) { w.BreakSwitch("paused") },
	} {
		t.Run(name, func(t *testing.T) {
			live(t, m, d, nil, func(t *testing.T, w *simulation.World) {
				w.Pause(time.Hour)
				for range 3 {
					ended(t, w, w.Alert(siteA, siteB), "Paused paused")
				}
				ended(t, w, w.Drill(siteA, siteB), "Paused paused")
				intact(t, w)
				over(w)
				ended(t, w, w.Alert(siteA, siteB), "FenceStarted split")
				fences(t, w, "Fenced split")
			})
		})
	}
}

// TestPauseComesBetween: paused after the guard has decided, and before the fence
// has: the fence ends Paused. Paused after the first write: it is finished.
func TestPauseComesBetween(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	for name, tc := range map[string]struct {
		state string // of the fence, when the pause comes
		want  string
	}{
		"before the fence's check": {"CheckHealth", "Paused paused"},
		"before its first write":   {"UpdateAccelerator", "Fenced split"},
		"after it":                 {"TakeOffline", "Fenced split"},
	} {
		t.Run(name, func(t *testing.T) {
			live(t, m, d, nil, func(t *testing.T, w *simulation.World) {
				w.Alert(siteA, siteB)
				there := func() bool { f := w.Fences(); return len(f) > 0 && f[0].State == tc.state && f[0].Call() != nil }
				for range 1000 {
					if there() {
						break
					}
					if !w.Step() {
						w.Sleep()
					}
				}
				if !there() {
					t.Fatalf("the fence never stands in %s", tc.state)
				}
				w.Pause(time.Hour)
				settle(t, w, simulation.Fates{})
				fences(t, w, tc.want)
				if tc.want == "Paused paused" {
					intact(t, w)
				}
			})
		})
	}
}

// TestPauseFinishes: a fence that lost its second half is finished, though it is
// paused: the site is gone already, and the survivor's writes fail.
func TestPauseFinishes(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	live(t, m, d, nil, func(t *testing.T, w *simulation.World) {
		ended(t, w, w.Alert(siteA, siteB), "FenceStarted split")
		d.Forget("site-a")
		w.Pause(time.Hour)
		ended(t, w, w.Alert(siteA, siteB), "FenceStarted fence-lost")
		fences(t, w, "Fenced split", "Fenced fence-lost")
	})
}

// TestForced: an operator's order goes over a link that is well and over a pause,
// and over nothing else.
func TestForced(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	for name, tc := range map[string]struct {
		prepare func(*simulation.World)
		want    string // of the guard
		fences  []string
	}{
		"a healthy pair":       {func(*simulation.World) {}, "FenceStarted split", []string{"Fenced split"}},
		"paused":               {func(w *simulation.World) { w.Pause(time.Hour) }, "FenceStarted split", []string{"Fenced split"}},
		"the survivor is mute": {func(w *simulation.World) { w.Reach(siteA, false) }, "Undecided", nil},
		"would go dark":        {func(w *simulation.World) { drain(w, siteA) }, "Refused", nil},
	} {
		t.Run(name, func(t *testing.T) {
			live(t, m, d, nil, func(t *testing.T, w *simulation.World) {
				d.HealBetween("site-a", "site-b")
				tc.prepare(w)
				ended(t, w, w.Force(siteA, siteB), tc.want)
				fences(t, w, tc.fences...)
				if tc.fences == nil {
					intact(t, w)
				}
			})
		})
	}
}

// TestDrillBesideOutage: rehearsals and real alerts at the same moment, in either
// order: the site is fenced, once, and no rehearsal counts as a fence.
func TestDrillBesideOutage(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	for _, first := range []string{"drill", "alert"} {
		t.Run(first+" first", func(t *testing.T) {
			live(t, m, d, nil, func(t *testing.T, w *simulation.World) {
				reports := []func(){func() { w.Drill(siteA, siteB) }, func() { w.Alert(siteA, siteB) }}
				if first == "alert" {
					reports[0], reports[1] = reports[1], reports[0]
				}
				for _, report := range reports {
					report()
				}
				settle(t, w, simulation.Fates{})
				fenced := 0
				for _, f := range w.Fences() {
					if f.Outcome() == "Fenced split" {
						fenced++
					}
				}
				if fenced != 1 || w.Present(siteB) || d.Status("site-a", "site-b") != infinispan.Offline {
					t.Errorf("fenced %d times, site-b present %t", fenced, w.Present(siteB))
				}
			})
		})
	}
}

// TestTieBreak: both sites report a true split, the one against the preferred site
// first by any skew below the delay: the preferred site survives. Alone, the
// report against it wins after the delay.
func TestTieBreak(t *testing.T) {
	const delay = 10 * time.Second
	m, d := machines(t), double(t, "site-a", "site-b")
	prefer := func(site contract.Site, seed uint64) func(*simulation.Options) {
		return func(opt *simulation.Options) { opt.Preferred, opt.Delay, opt.Seed = site, delay, seed }
	}
	random := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // a seed of the test's
	for round := range uint64(200) {
		preferred, other := siteA, siteB
		if round%2 == 1 {
			preferred, other = siteB, siteA
		}
		skew := time.Duration(random.Int64N(int64(delay)))
		if round < 2 {
			skew = 0
		}
		live(t, m, d, prefer(preferred, round), func(t *testing.T, w *simulation.World) {
			w.Alert(other, preferred)
			began := time.Now()
			for w.Step() || time.Since(began) < skew {
				if !w.Step() {
					time.Sleep(min(100*time.Millisecond, max(skew-time.Since(began), time.Millisecond)))
				}
			}
			w.Alert(preferred, other)
			settle(t, w, simulation.Fates{})
			if !w.Present(preferred) || w.Present(other) {
				t.Errorf("round %d, skew %s: %s present %t, %s present %t; the preferred %s must survive",
					round, skew, siteA, w.Present(siteA), siteB, w.Present(siteB), preferred)
			}
			fences(t, w, "Fenced split")
		})
	}
	live(t, m, d, prefer(siteB, 1), func(t *testing.T, w *simulation.World) {
		began := time.Now()
		ended(t, w, w.Alert(siteA, siteB), "FenceStarted split")
		fences(t, w, "Fenced split")
		if waited := time.Since(began); waited < delay || waited > 2*delay {
			t.Errorf("alone it took %s, want the delay of %s and little more", waited, delay)
		}
	})
	live(t, m, d, prefer(siteA, 1), func(t *testing.T, w *simulation.World) {
		began := time.Now()
		ended(t, w, w.Alert(siteA, siteB), "FenceStarted split")
		if waited := time.Since(began); waited >= delay {
			t.Errorf("the preferred site's own report took %s", waited)
		}
	})
}

func drain(w *simulation.World, site contract.Site) {
	w.Edit(func(g *ga.Group) {
		for i := range g.Endpoints {
			if w.Owner(g.Endpoints[i].ID) == site {
				g.Endpoints[i].Weight = 0
			}
		}
	})
}
