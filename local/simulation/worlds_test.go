package simulation_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/simulation"
)

// worlds is how many random worlds TestWorlds visits: SITEFENCE_WORLDS, which
// CI sets to 20,000.
func worlds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("SITEFENCE_WORLDS")
	if text == "" {
		return 500
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("SITEFENCE_WORLDS: got %q, want a number above 0", text)
	}
	return n
}

// doubles are the Infinispan sites of a worker, by their number.
type doubles map[int]*infinispan.Double

// TestWorlds: in a random world, with any interleaving of up to four guards and
// their fences and rejoins call by call, any faults, an operator, a link that comes
// and goes: the invariants hold after every call, and when it all calms down with
// the links down, what can be fenced is fenced and nothing is left half done.
func TestWorlds(t *testing.T) {
	workers := max(1, min(runtime.GOMAXPROCS(0), 4))
	each := (worlds(t) + workers - 1) / workers
	if err := flag.Set("rapid.checks", strconv.Itoa(each)); err != nil {
		t.Fatal(err)
	}
	for worker := range workers {
		t.Run(fmt.Sprint("worker ", worker), func(t *testing.T) {
			t.Parallel()
			m, d := machines(t), doubles{}
			for n := 2; n <= 4; n++ {
				d[n] = double(t, siteNames[:n]...)
			}
			rapid.Check(t, func(rt *rapid.T) { visit(t, rt, m, d) })
		})
	}
}

// visit lives through one world in a bubble of its own. A panic of rapid's
// crosses the bubble's edge by hand.
func visit(t *testing.T, rt *rapid.T, m simulation.Machines, d doubles) {
	opt := drawOptions(rt, m, d)
	var thrown any
	var problem string
	synctest.Test(t, func(*testing.T) {
		w, err := simulation.New(opt)
		if err != nil {
			problem = err.Error()
			return
		}
		defer w.Close()
		defer func() { thrown = recover() }()
		c := &chaos{rt: rt, w: w, d: opt.Infinispan}
		c.live()
		c.calm()
		problem = c.report()
	})
	if thrown != nil {
		panic(thrown)
	}
	if problem != "" {
		rt.Fatal(problem)
	}
}

// chaos is one world's life.
type chaos struct {
	rt       *rapid.T
	w        *simulation.World
	d        *infinispan.Double
	log      []string
	alerts   int
	rejoins  int
	problems []string
}

func (c *chaos) note(format string, args ...any) { c.log = append(c.log, fmt.Sprintf(format, args...)) }

func (c *chaos) wrong(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func (c *chaos) report() string {
	problems := slices.Concat(c.w.Violations(), c.problems)
	if len(problems) == 0 {
		return ""
	}
	var ends []string
	for _, r := range c.w.Runs {
		ends = append(ends, fmt.Sprintf("%s: %s %v", r.Name, r.Outcome(), r.Trace))
	}
	return strings.Join(problems, "\n") + "\n\n" + strings.Join(c.log, "\n") + "\n\n" + strings.Join(ends, "\n") + "\n" + describe(c.w)
}

func (c *chaos) sites() []contract.Site {
	var all []contract.Site
	for _, s := range c.w.Config.Sites {
		all = append(all, s.Name)
	}
	return all
}

func (c *chaos) site(label string) contract.Site {
	return rapid.SampledFrom(c.sites()).Draw(c.rt, label)
}

func (c *chaos) two() (a, b contract.Site) {
	a = c.site("one site")
	others := slices.DeleteFunc(c.sites(), func(s contract.Site) bool { return s == a })
	return a, rapid.SampledFrom(others).Draw(c.rt, "another")
}

// live lets things happen, one at a time.
func (c *chaos) live() {
	if often(c.rt, "all links down", 80) {
		c.cutAll()
	}
	c.alert()
	for range rapid.IntRange(0, 80).Draw(c.rt, "moments") {
		synctest.Wait()
		if len(c.w.Violations()) > 0 {
			return
		}
		switch what := rapid.IntRange(0, 99).Draw(c.rt, "what"); {
		case what < 6:
			c.alert()
		case what < 22:
			c.operate()
		case what < 32:
			c.infinispan()
		case what < 38:
			c.meddle()
		case what < 43:
			c.rejoin()
		case what < 47:
			c.flip()
		default:
			c.progress()
		}
	}
}

func (c *chaos) alert() {
	if c.alerts == 4 {
		return
	}
	c.alerts++
	reporter, site := c.two()
	switch what := rapid.IntRange(0, 99).Draw(c.rt, "report"); {
	case what < 75:
		c.note("%s says that it cannot see %s", reporter, site)
		c.w.Alert(reporter, site)
	case what < 92:
		c.note("a drill: %s as if it could not see %s", reporter, site)
		c.w.Drill(reporter, site)
	default:
		c.note("an operator wants %s out, beside %s", site, reporter)
		c.w.Force(reporter, site)
	}
}

// flip is an operator's hand at the pause.
func (c *chaos) flip() {
	switch rapid.IntRange(0, 3).Draw(c.rt, "switch") {
	case 0, 1:
		length := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 2 * time.Hour}).Draw(c.rt, "for")
		c.note("paused for %s", length)
		c.w.Pause(length)
	case 2:
		c.note("resumed")
		c.w.Resume()
	case 3:
		c.note("the switch breaks")
		c.w.BreakSwitch(rapid.SampledFrom([]string{"", "null", "paused", `{"reason":"x"}`, `{}}`}).Draw(c.rt, "as"))
	}
}

func (c *chaos) cutAll() {
	for i, a := range c.sites() {
		for _, b := range c.sites()[i+1:] {
			c.d.CutBetween(string(a), string(b))
		}
	}
	c.note("all links are down")
}

// progress lets one execution go on for a while, alone; the last thing that it
// does may go wrong.
func (c *chaos) progress() {
	movable := c.movable()
	if len(movable) == 0 {
		c.w.Sleep()
		return
	}
	run := rapid.SampledFrom(movable).Draw(c.rt, "who")
	for left := rapid.SampledFrom([]int{1, 1, 2, 4, 8, 16, 32}).Draw(c.rt, "steps"); left > 0; left-- {
		if !slices.Contains(c.movable(), run) || len(c.w.Violations()) > 0 {
			return
		}
		fault := simulation.None
		if left == 1 {
			c.lag()
			fault = c.fault()
		}
		c.step(run, fault)
		synctest.Wait()
	}
}

// movable are the runs that can go on, and those whose function can.
func (c *chaos) movable() []*simulation.Run {
	runs := c.w.Ready()
	for _, call := range c.w.Parked() {
		if !slices.Contains(runs, call.By.Run) {
			runs = append(runs, call.By.Run)
		}
	}
	slices.SortFunc(runs, func(a, b *simulation.Run) int { return strings.Compare(a.Name, b.Name) })
	return runs
}

func (c *chaos) step(run *simulation.Run, fault simulation.Fault) {
	for _, call := range c.w.Parked() {
		if call.By.Run == run {
			c.note("%s %s", call, fault)
			c.w.Release(call, fault)
			return
		}
	}
	c.note("%s at %s goes on %s", run.Name, run.State, fault)
	c.w.GoOn(run, fault)
}

func (c *chaos) fault() simulation.Fault {
	if !often(c.rt, "fault", 25) {
		return simulation.None
	}
	return rapid.SampledFrom(simulation.Faults).Draw(c.rt, "which")
}

// lag draws which of the executions the next answer about them shows as they
// were. Only what changed within the last half minute can be shown so.
func (c *chaos) lag() {
	mask := 0
	if often(c.rt, "lag", 20) {
		mask = rapid.IntRange(1, 15).Draw(c.rt, "of")
	}
	c.w.Lags = func(r *simulation.Run) bool {
		i := slices.Index(c.w.Runs, r)
		return mask&(1<<(i%4)) != 0 && time.Since(r.Changed()) < 30*time.Second
	}
}
