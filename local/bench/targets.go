package bench

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Target is one thing to reach, and what was measured.
type Target struct {
	What     string
	Want     float64
	Got      float64
	Unit     string
	Least    bool   // at least, not at most
	Replaced string // the same of the Lambda that Sitefence replaces, as measured before
	Missing  string // why it was not measured
}

// Met says whether the target was reached.
func (t Target) Met() bool {
	if t.Missing != "" {
		return false
	}
	if t.Least {
		return t.Got >= t.Want
	}
	return t.Got <= t.Want
}

func (t Target) verdict() string {
	switch {
	case t.Missing != "":
		return "not measured: " + t.Missing
	case t.Met():
		return "met"
	}
	return "**missed**"
}

func (t Target) want() string {
	word := "≤"
	if t.Least {
		word = "≥"
	}
	return word + " " + number(t.Want) + unit(t.Unit)
}

func unit(u string) string {
	if u == "" {
		return ""
	}
	return " " + u
}

// number is a value in as many digits as say something.
func number(v float64) string {
	switch {
	case v == math.Trunc(v), v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 1:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// smallest is the memory size with the smallest CPU share.
const smallest = 128

// Targets are all, in the order in which an alert meets them.
func (r Result) Targets() []Target {
	all := r.sizes()
	full, _ := r.At(Unlimited)
	cold, warm := full.Cold, full.Warm
	all = append(all,
		Target{What: "calls in sequence to the accelerator write, warm", Want: 11, Got: float64(warm.SequenceWritten), Replaced: "11 to the end"},
		Target{What: "calls in sequence to the accelerator write, cold", Want: 11, Got: float64(cold.SequenceWritten)},
		Target{What: "calls in sequence in one function, to the write", Want: 5, Got: float64(max(warm.MostWritten, cold.MostWritten))},
		Target{What: "webhook to accelerator write, warm", Want: 280, Got: warm.Written.Median, Unit: "ms", Replaced: "590 ms"},
		Target{What: "webhook to accelerator write, cold", Want: 650, Got: cold.Written.Median, Unit: "ms", Replaced: "1020 ms"},
		Target{What: "webhook to replication proven offline, warm", Want: 450, Got: warm.Proven.Median, Unit: "ms", Replaced: "950 ms"},
		Target{What: "webhook to replication proven offline, cold", Want: 1000, Got: cold.Proven.Median, Unit: "ms", Replaced: "1290 ms"},
	)
	all = append(all, r.small()...)
	all = append(all, r.door()...)
	return append(all,
		Target{What: "states of the guard machine", Want: 7, Got: float64(max(warm.Guard, cold.Guard))},
		Target{What: "states of the fence machine", Want: 8, Got: float64(max(warm.Fence, cold.Fence))},
		r.hundred(),
	)
}

// hundred is how many of a hundred deployments are fenced, where it was fewest.
func (r Result) hundred() Target {
	t := Target{What: "a hundred deployments at once: fenced", Want: 100, Got: math.Inf(1), Least: true}
	if len(r.Scale) == 0 {
		t.Missing = "no simulation"
	}
	for _, report := range r.Scale {
		t.Got = min(t.Got, float64(report.Fenced))
	}
	return t
}

// sizes are the targets of each function by itself: the worst of them counts.
func (r Result) sizes() []Target {
	binary := slices.MaxFunc(r.Binaries, func(a, b Binary) int { return cmp.Compare(a.Bytes, b.Bytes) })
	zipped := slices.MaxFunc(r.Binaries, func(a, b Binary) int { return cmp.Compare(a.Zip, b.Zip) })
	slowest := slices.MaxFunc(r.inits(), func(a, b Start) int { return cmp.Compare(a.Init.Median, b.Init.Median) })
	full, _ := r.At(Unlimited)
	largest := slices.MaxFunc(full.Resident, func(a, b Resident) int { return cmp.Compare(a.Bytes, b.Bytes) })
	return []Target{
		{What: "start of a function (" + slowest.Function + ")", Want: 40, Got: slowest.Init.Median, Unit: "ms"},
		{What: "binary (" + binary.Function + ", " + binary.Architecture + ")", Want: 10, Got: megabytes(binary.Bytes), Unit: "MB"},
		{What: "zip (" + zipped.Function + ", " + zipped.Architecture + ")", Want: 4, Got: megabytes(zipped.Zip), Unit: "MB"},
		{What: "memory after a warm invocation (" + largest.Function + ")", Want: 40, Got: megabytes(largest.Bytes), Unit: "MB"},
	}
}

// inits are the starts of all functions, with all CPUs.
func (r Result) inits() []Start {
	full, _ := r.At(Unlimited)
	var all []Start
	for _, p := range full.Cold.Parts {
		if p.Init != (Spread{}) {
			all = append(all, Start{p.Function, p.Init})
		}
	}
	return append(all, r.Starts...)
}

func (r Result) small() []Target {
	point, ok := r.At(smallest)
	missing := ""
	if !ok {
		missing = "the CPU was " + r.Machine.Limit
	}
	spare := math.Inf(1)
	for _, p := range append(slices.Clone(point.Cold.Parts), point.Warm.Parts...) {
		spare = min(spare, p.Spare)
	}
	return []Target{
		{What: "128 MB: webhook to accelerator write, cold", Want: 1500, Got: point.Cold.Written.Median, Unit: "ms", Replaced: "7800 ms", Missing: missing},
		{What: "128 MB: webhook to replication proven offline, cold", Want: 2500, Got: point.Cold.Proven.Median, Unit: "ms", Replaced: "never, with its 3 s", Missing: missing},
		{What: "128 MB: a function's timeout holds its longest run", Want: 5, Got: spare, Unit: "times", Least: true, Missing: missing},
	}
}

func (r Result) door() []Target {
	missing := ""
	if !r.Ingest.Limited {
		missing = "no single CPU: " + r.Machine.Limit
	}
	thousand := 0.0
	for _, w := range r.Ingest.ByAlerts {
		if w.Alerts == 1000 {
			thousand = w.Time.Median
		}
	}
	all := []Target{
		{What: "webhooks that a second of one CPU is enough for, besides the bus", Want: 2000, Got: 1e3 / r.Ingest.Besides.Used, Least: true, Missing: unused(r.Ingest.Besides.Used)},
		{What: "webhook besides the bus, p99", Want: 5, Got: max(r.Ingest.Besides.P99, r.Ingest.Put.P99), Unit: "ms", Missing: missing},
		{What: "webhook of 1000 alerts besides the bus", Want: 60, Got: thousand, Unit: "ms", Missing: missing},
	}
	for _, kind := range []string{"alerts", "deployments"} {
		all = append(all, r.linear(kind))
	}
	return all
}

func unused(used float64) string {
	if used > 0 {
		return ""
	}
	return "this system does not say how much CPU time a process took"
}

// linearity is by how much the cost may grow when there is ten times as much:
// twelve times leaves room for caches that are outgrown, and none for a square.
const linearity = 12

// linear compares the micro benchmarks of ingest over the sizes.
func (r Result) linear(kind string) Target {
	t := Target{What: "ten times the " + kind + ": the cost grows by", Want: linearity, Unit: "times"}
	for i := range len(sizes) - 1 {
		less, ok := r.Micro.Find(fmt.Sprintf("Webhook/%s=%d", kind, sizes[i]))
		more, also := r.Micro.Find(fmt.Sprintf("Webhook/%s=%d", kind, sizes[i+1]))
		if !ok || !also {
			t.Missing = "no micro benchmarks"
			return t
		}
		t.Got = max(t.Got, more.Nanos/less.Nanos)
	}
	return t
}

func megabytes(bytes int) float64 { return float64(bytes) / 1e6 }
