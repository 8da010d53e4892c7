package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// Bench are the micro benchmarks of the packages, on one core.
type Bench struct {
	Benchmarks []Benchmark `json:"benchmarks"`
	// Text is go test's own output, for benchstat.
	Text string `json:"-"`
}

// Benchmark is one of them: medians.
type Benchmark struct {
	Name   string  `json:"name"`
	Nanos  float64 `json:"nanos"` // for one operation
	Bytes  float64 `json:"bytes"`
	Allocs float64 `json:"allocs"`
}

// measured are the packages with benchmarks on the way of a fence.
var measured = []string{"./internal/ingest", "./internal/alert", "./internal/checkhealth"}

// Micro runs the benchmarks so many times.
func Micro(ctx context.Context, root string, runs int) (*Bench, error) {
	args := append([]string{"test", "-run=^$", "-bench=.", "-benchmem", "-cpu=1", "-count=" + strconv.Itoa(runs)}, measured...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("running the micro benchmarks: %w\n%s%s", err, out, problems.Bytes())
	}
	return ReadBench(string(out))
}

// ReadBench reads go test's output.
func ReadBench(text string) (*Bench, error) {
	all := map[string][][3]float64{}
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		var values [3]float64
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("reading %q: %w", strings.TrimSpace(line), err)
			}
			if at := slices.Index([]string{"ns/op", "B/op", "allocs/op"}, fields[i+1]); at >= 0 {
				values[at] = value
			}
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if all[name] == nil {
			names = append(names, name)
		}
		all[name] = append(all[name], values)
	}
	if len(names) == 0 {
		return nil, errors.New("go test ran no benchmark")
	}
	b := &Bench{Text: text}
	for _, name := range names {
		column := func(at int) float64 {
			var values []float64
			for _, v := range all[name] {
				values = append(values, v[at])
			}
			return median(values)
		}
		b.Benchmarks = append(b.Benchmarks, Benchmark{name, column(0), column(1), column(2)})
	}
	return b, nil
}

// Find is the benchmark of that name.
func (b *Bench) Find(name string) (Benchmark, bool) {
	if b == nil {
		return Benchmark{}, false
	}
	i := slices.IndexFunc(b.Benchmarks, func(o Benchmark) bool { return o.Name == name })
	if i < 0 {
		return Benchmark{}, false
	}
	return b.Benchmarks[i], true
}
