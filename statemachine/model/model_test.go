// Package model_test checks the formal model of guard and fence with spin.
package model_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the table of runs into docs/safety.md")

const (
	atOnce    = 2 // runs side by side
	megabytes = 3000
	timeLimit = 10 * time.Minute // of one run
	report    = "../../docs/safety.md"
	begin     = "<!-- runs of the model: written by go test -update -->\n"
	end       = "<!-- end of runs -->\n"
)

// properties are the assertions of fence.pml as pan prints them, less blanks.
var properties = map[string]string{
	"I1":         "((acc&grp)&(1<<r))",
	"I2":         "(!(((acc&(1<<(1-r)))!=0))&&((acc&(1<<r))!=0))",
	"I3":         "!(((st[j]==1)&&!((redriven&(1<<j)))))",
	"I6":         "!(((acted&&((acc&(1<<(1-r)))!=(1<<(1-r))))&&!(off[r])))",
	"put back":   "(!(off[r])||broke)",
	"one serves": "((((acc==(1<<0))&&off[0])&&!(off[1]))||(((acc==(1<<1))&&off[1])&&!(off[0])))",
}

// run is one exhaustive check. Refutes names the property that it must refute;
// empty: everything must hold.
type run struct {
	name, flags, refutes string
	cycles               bool // look for endless executions instead of assertions
	long                 bool // over a million states: the compiler's work pays
}

const bypass = "-DBYPASS -DG0=0 -DG1=0 "

var runs = []run{
	// What must hold.
	{name: "three alerts, both sites", flags: "-DG0=2 -DG1=1", long: true},
	{name: "four alerts, no faults", flags: "-DG0=2 -DG1=2 -DFAULTS=0", long: true},
	{name: "two faults, three flaps", flags: "-DFAULTS=2 -DFLAPS=3", long: true},
	{name: "two listeners", flags: "-DNL=2 -DFAULTS=2", long: true},
	{name: "names of a removed deployment", flags: "-DGHOST -DGENS=4"},
	{name: "redrive", flags: "-DREDRIVES=1 -DFAULTS=2 -DLAG=1", long: true},
	{name: "guard bypassed, three fences at once", flags: bypass + "-DREDRIVES=1 -DFAULTS=2 -DLAG=1", long: true},
	{name: "endpoints put back, Infinispan forgets", flags: "-DPUTBACKS=1 -DFORGETS=1"},
	{name: "rejoin", flags: "-DREJOIN -DFLAPS=3"},
	{name: "rejoin and redrive", flags: "-DREJOIN -DREDRIVES=1 -DFLAPS=3 -DLAG=1"},
	{name: "site brought back by hand", flags: "-DOPJOIN -DFLAPS=3"},
	{name: "link down for good", flags: "-DREPEAT=2 -DGENS=8 -DFAULTS=2", long: true},
	{name: "link down for good, two listeners", flags: "-DREPEAT=2 -DGENS=6 -DNL=2"},
	{name: "link down for good, redrive", flags: "-DREPEAT=2 -DGENS=6 -DREDRIVES=1 -DLAG=1"},
	{name: "link down for good, Infinispan forgets", flags: "-DREPEAT=2 -DGENS=6 -DFORGETS=1"},
	{name: "link down for good, alerts repeated once", flags: "-DREPEAT=1 -DGENS=6 -DLAG=1"},
	{name: "every alert is decided", flags: "-DLOOPS=2"},
	{name: "every execution ends", flags: "-DLOOPS=2", cycles: true, long: true},
	// Mutants: a rule less.
	{name: "(a) no name check", flags: "-DNO_NAME_CHECK", refutes: "I3"},
	{name: "(b) n+1 without seeing n closed", flags: "-DNO_CLOSED", refutes: "I3"},
	{name: "(c) the list's RUNNING ignored", flags: "-DNO_RUNNING", refutes: "I3"},
	{name: "(d) no read in takeoffline", flags: "-DNO_REREAD -DPUTBACKS=1", refutes: "I2"},
	{name: "(d) the same, no operator", flags: "-DNO_REREAD"},
	{name: "(e) no reserved concurrency, redrive", flags: "-DNO_RESERVED -DREDRIVES=1 -DLAG=0 -DONLY_I1", refutes: "I1"},
	{name: "(e) no reserved concurrency, guard bypassed", flags: "-DNO_RESERVED -DFAULTS=0 -DLAG=0 -DONLY_I1 " + bypass, refutes: "I1"},
	{name: "(e) no reserved concurrency, late function", flags: "-DNO_RESERVED -DLAG=0 -DONLY_I1", refutes: "I1"},
	{name: "(f) no newest-only, redrive beside rejoin", flags: "-DNO_NEWEST -DREJOIN -DREDRIVES=1 -DLAG=1", refutes: "I2"},
	{name: "(f) no newest-only, redrive, no rejoin", flags: "-DNO_NEWEST -DREDRIVES=1 -DLAG=1"},
	{name: "(g) ensure without the visibility test", flags: "-DNO_VISIBILITY -DOPJOIN -DG0=2 -DFAULTS=0", refutes: "put back"},
	{name: "(h) ignore ends a fence that has begun", flags: "-DNO_PURSUIT -DPUTBACKS=1 -DFORGETS=1"},
	{name: "(i) site-visible ends a fence that has begun", flags: "-DNO_PURSUIT_VISIBLE", refutes: "I6"},
	{name: "(j) rejoin does not wait", flags: "-DNO_WAITING_OUT -DREJOIN -DREDRIVES=1 -DLAG=1", refutes: "I2"},
	// Assumptions: AWS behaves worse than assumed.
	{name: "(k) rejoin waits for functions, not for lists", flags: "-DSHORT_WAIT -DREJOIN -DREDRIVES=1 -DLAG=1", refutes: "I2"},
	{name: "(l) an open fence is unknown for a minute", flags: "-DSLOW_DESCRIBE -DG0=2", refutes: "I3"},
	{name: "(m) reads lag after the function, redrive", flags: "-DREDRIVES=1 -DLAG=2 -DONLY_I1", refutes: "I1"},
	{name: "(m) reads lag after the function, guard bypassed", flags: "-DLAG=2 -DONLY_I1 " + bypass, refutes: "I1"},
	{name: "(n) reads lag after the execution", flags: "-DLAG=3 -DONLY_I1", refutes: "I1"},
	{name: "(o) alerts are not repeated", flags: "-DREPEAT=0", refutes: "one serves"},
	{name: "(p) alerts repeated once, reads lag", flags: "-DREPEAT=1 -DGENS=6", refutes: "one serves"},
	{name: "(q) loops without a count", flags: "-DFAULTS=0", refutes: "end", cycles: true},
}

type verdict struct {
	refuted, states, depth string
	took                   time.Duration
}

func TestModel(t *testing.T) {
	for _, tool := range []string{"spin", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("SITEFENCE_REAL") == "1" {
				t.Fatalf("SITEFENCE_REAL=1, but %s is missing: apt-get install spin gcc", tool)
			}
			t.Skipf("%s is missing, so the model is not checked: apt-get install spin gcc", tool)
		}
	}
	if testing.Short() {
		t.Skip("takes a minute or two")
	}
	model, err := filepath.Abs("fence.pml")
	if err != nil {
		t.Fatal(err)
	}
	verdicts := make([]verdict, len(runs))
	var group sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i, r := range runs {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			v, err := r.check(t.Context(), t.TempDir(), model)
			verdicts[i] = v
			switch {
			case err != nil:
				t.Errorf("%s (%s): %v", r.name, r.flags, err)
			case v.refuted != r.refutes:
				t.Errorf("%s (%s): refuted %q, want %q", r.name, r.flags, v.refuted, r.refutes)
			default:
				t.Logf("%-50s refuted %-12q %9s states %6.1fs", r.name, v.refuted, v.states, v.took.Seconds())
			}
		})
	}
	group.Wait()
	if !t.Failed() {
		document(t, verdicts)
	}
}

var (
	failure = regexp.MustCompile(`(?m)^pan:\d*:? (assertion violated|invalid end state|non-progress cycle)(.*?)(?: \(at depth \d+\))?$`)
	states  = regexp.MustCompile(`(?m)^\s*(\d+) states, stored`)
	depth   = regexp.MustCompile(`depth reached (\d+)`)
	missed  = regexp.MustCompile(`(?m)^(error: max search depth too small|pan: (reached -DMEMLIM|out of memory).*|\s*hint:.*)$`)
)

func (r run) check(ctx context.Context, dir, model string) (verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	command := func(name string, args ...string) ([]byte, error) {
		c := exec.CommandContext(ctx, name, args...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		if err != nil {
			return out, fmt.Errorf("%s: %w\n%.2000s", name, err, out)
		}
		return out, nil
	}
	if out, err := command("spin", append(append([]string{"-a"}, strings.Fields(r.flags)...), model)...); err != nil || bytes.Contains(out, []byte("Error")) {
		return verdict{}, fmt.Errorf("spin: %w\n%s", err, out)
	}
	optimise, table := "-O0", "-w20"
	if r.long {
		optimise, table = "-O2", "-w23"
	}
	// States are stored whole: compressed, they would take half the memory and
	// twice the time.
	build := []string{optimise, "-o", "pan", "pan.c", fmt.Sprintf("-DMEMLIM=%d", megabytes)}
	search := []string{"-m100000", table}
	if r.cycles {
		build, search = append(build, "-DNP"), append(search, "-A", "-l")
	} else {
		build = append(build, "-DSAFETY")
	}
	if _, err := command("gcc", build...); err != nil {
		return verdict{}, err
	}
	started := time.Now()
	out, err := command("./pan", search...)
	took := time.Since(started)
	stored := states.FindSubmatch(out)
	if stored == nil || missed.Match(out) {
		return verdict{}, fmt.Errorf("the search was not exhaustive: %w\n%.3000s", err, out)
	}
	v := verdict{states: string(stored[1]), depth: string(depth.FindSubmatch(out)[1]), took: took}
	if m := failure.FindSubmatch(out); m != nil {
		v.refuted = property(string(m[1]), string(m[2]))
	} else if !bytes.Contains(out, []byte("errors: 0")) {
		return verdict{}, fmt.Errorf("no verdict: %w\n%.3000s", err, out)
	}
	return v, nil
}

func property(kind, text string) string {
	text = strings.ReplaceAll(text, " ", "")
	if kind == "non-progress cycle" {
		return "end"
	}
	for name, assertion := range properties {
		if text == assertion {
			return name
		}
	}
	return kind + " " + text
}

// document writes the table, or holds its rows (not the figures, which differ
// between machines and versions of spin) against the runs.
func document(t *testing.T, verdicts []verdict) {
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	table, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s: the markers of the table are missing", report)
	}
	var b strings.Builder
	b.WriteString("| Run | Switches | Verdict | States | Depth | Seconds |\n| --- | --- | --- | ---: | ---: | ---: |\n")
	var total time.Duration
	for i, r := range runs {
		says := "holds"
		if r.refutes != "" {
			says = "refutes: " + r.refutes
		}
		row := fmt.Sprintf("| %s | `%s` | %s |", r.name, strings.TrimSpace(r.flags), says)
		if !*update && !strings.Contains(table, row) {
			t.Errorf("%s has no row %q: run go test ./statemachine/model -update", report, row)
		}
		v := verdicts[i]
		total += v.took
		fmt.Fprintf(&b, "%s %s | %s | %.1f |\n", row, v.states, v.depth, v.took.Seconds())
	}
	fmt.Fprintf(&b, "\n%d runs, %.0f s of search, two at a time.\n", len(runs), total.Seconds())
	if *update {
		if err := os.WriteFile(report, []byte(head+begin+b.String()+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
