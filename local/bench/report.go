package bench

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sitefence/sitefence/local/bench/storm"
)

// Files are what is written, by their path below the documents' folder. The page
// keeps what people wrote around the blocks.
func (r Result) Files(page string) (map[string][]byte, error) {
	data, err := r.JSON()
	if err != nil {
		return nil, fmt.Errorf("encoding the measurement: %w", err)
	}
	page, err = Render(page, r.Blocks())
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"performance.md": []byte(page), "img/bench.json": data, "img/fence.svg": r.Picture()}
	if r.Micro != nil {
		files["img/bench.txt"] = []byte(r.Micro.Text)
	}
	return files, nil
}

var block = regexp.MustCompile(`(?s)(<!-- bench ([a-z]+) -->\n).*?(<!-- end -->)`)

// Render puts the blocks into their places in a page. A block without a place, or
// a place without a block, is an error: nothing measured is left out, and nothing
// old stays.
func Render(page string, blocks map[string]string) (string, error) {
	left := maps.Clone(blocks)
	var problems []error
	page = block.ReplaceAllStringFunc(page, func(old string) string {
		parts := block.FindStringSubmatch(old)
		text, ok := blocks[parts[2]]
		if !ok {
			problems = append(problems, fmt.Errorf("the page has a place for %q, which is not measured", parts[2]))
		}
		delete(left, parts[2])
		return parts[1] + strings.TrimRight(text, "\n") + "\n" + parts[3]
	})
	for _, name := range slices.Sorted(maps.Keys(left)) {
		problems = append(problems, fmt.Errorf("the page has no place for %q", name))
	}
	return page, errors.Join(problems...)
}

// Blocks are the parts of the page that are measured.
func (r Result) Blocks() map[string]string {
	return map[string]string{
		"machine": r.machine(), "targets": r.targets(), "functions": r.functions(), "way": r.way(),
		"emulator": r.emulator(), "curve": r.curve(), "sizes": r.bySize(), "door": r.doorTable(), "micro": r.micro(), "storm": r.storm(),
	}
}

// Summary is for the terminal.
func (r Result) Summary() string { return r.machine() + "\n" + r.targets() }

func (r Result) machine() string {
	m := r.Machine
	return fmt.Sprintf("Measured on %s on %s, %d CPUs, %.1f GB, %s, %s; load before the first run %s. "+
		"%d runs of each; a call takes %s ms, a new connection two such trips more. CPU share: %s.\n",
		m.When, m.CPU, m.CPUs, m.Memory, m.System, m.Go, m.Load, r.Runs, number(r.Trip), m.Limit)
}

func (r Result) targets() string {
	var rows [][]string
	for _, t := range r.Targets() {
		got := number(t.Got) + unit(t.Unit)
		if t.Missing != "" {
			got = "–"
		}
		rows = append(rows, []string{t.What, t.want(), got, t.verdict(), t.Replaced})
	}
	return table([]string{"what", "target", "median", "", "the Lambda it replaces"}, rows)
}

func (r Result) functions() string {
	full, _ := r.At(Unlimited)
	var rows [][]string
	for _, s := range r.inits() {
		row := []string{s.Function, spread(s.Init)}
		for _, arch := range architectures {
			i := slices.IndexFunc(r.Binaries, func(b Binary) bool { return b.Function == s.Function && b.Architecture == string(arch) })
			b := r.Binaries[i]
			row = append(row, fmt.Sprintf("%.1f / %.1f", megabytes(b.Bytes), megabytes(b.Zip)))
		}
		memory, used := "–", "–"
		if i := slices.IndexFunc(full.Resident, func(o Resident) bool { return o.Function == s.Function }); i >= 0 {
			memory = fmt.Sprintf("%.1f", megabytes(full.Resident[i].Bytes))
		}
		if i := slices.IndexFunc(full.Used, func(o Used) bool { return o.Function == s.Function }); i >= 0 {
			used = spread(full.Used[i].Time)
		}
		rows = append(rows, append(row, memory, used))
	}
	return table([]string{"function", "start, ms", "arm64, MB: binary / zip", "amd64, MB: binary / zip", "memory after a warm invocation, MB", "CPU time in a cold fence, ms"}, rows)
}

// way is who does what on the way of a fence.
func (r Result) way() string {
	full, _ := r.At(Unlimited)
	var rows [][]string
	for i, warm := range full.Warm.Parts {
		cold := full.Cold.Parts[i]
		rows = append(rows, []string{warm.Function, spread(warm.Duration), spread(cold.Duration), fmt.Sprint(warm.Calls),
			fmt.Sprintf("%d / %d", warm.Sequence, cold.Sequence), fmt.Sprintf("%d / %d", warm.Connections, cold.Connections)})
	}
	return table([]string{"invocation", "warm, ms", "cold, ms", "calls", "in sequence up to the proof, warm / cold", "new connections, warm / cold"}, rows)
}

func (r Result) emulator() string {
	if r.Emulator == nil {
		return "Not measured: `make bench-incident` does.\n"
	}
	return fmt.Sprintf("From the webhook to the accelerator write %s ms, and another %s ms to the end of the step that takes "+
		"replication offline, as `make bench-incident` measured last.\n", spread(r.Emulator.Pipeline), spread(r.Emulator.Offline))
}

func (r Result) doorTable() string {
	limit := "one CPU"
	if !r.Ingest.Limited {
		limit = "all CPUs"
	}
	row := func(what string, d Door) []string {
		return []string{fmt.Sprintf("1 alert %s, %d webhooks one after the other", what, r.Ingest.Webhooks),
			fmt.Sprintf("%.2f, p99 %.2f: %.0f a second; CPU time %.2f, of which a second is enough for %.0f", d.Median, d.P99, d.PerSecond, d.Used, 1e3/d.Used)}
	}
	rows := [][]string{row("that the last rule refuses", r.Ingest.Besides), row("that is put on the bus", r.Ingest.Put)}
	for _, w := range r.Ingest.ByAlerts {
		rows = append(rows, []string{fmt.Sprintf("%d alerts", w.Alerts), spread(w.Time)})
	}
	return table([]string{"webhook", "ms on " + limit + ", besides the bus"}, rows)
}

func (r Result) micro() string {
	if r.Micro == nil {
		return "Not measured in this run.\n"
	}
	var rows [][]string
	for _, b := range r.Micro.Benchmarks {
		rows = append(rows, []string{b.Name, fmt.Sprintf("%.1f", b.Nanos/1e3), fmt.Sprintf("%.1f", b.Bytes/1e3), fmt.Sprintf("%.0f", b.Allocs)})
	}
	return table([]string{"benchmark", "µs", "kB", "allocations"}, rows)
}

func spread(s Spread) string {
	return fmt.Sprintf("%s (%s to %s)", number(s.Median), number(s.Least), number(s.Most))
}

func table(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(head)
	b.WriteString(strings.Repeat("| --- ", len(head)) + "|\n")
	for _, row := range rows {
		line(row)
	}
	return b.String()
}

func (r Result) storm() string {
	if r.Scale == nil {
		return "Not simulated in this run.\n"
	}
	return storm.Markdown(r.Scale)
}
