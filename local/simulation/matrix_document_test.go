package simulation_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/local/simulation"
)

var update = flag.Bool("update", false, "write the fault matrix into docs/safety.md")

const (
	documentPath = "../../docs/safety.md"
	startMark    = "<!-- fault matrix: written by go test -update -->\n"
	endMark      = "<!-- end of fault matrix -->"
)

func (p place) String() string {
	if p.task() {
		return p.Machine + " " + p.State
	}
	return fmt.Sprintf("%s %s %s %d", p.Machine, p.State, p.Operation, p.N)
}

// joined is a cell's text: once and lasting, or one for both.
func joined(texts []string) string { return strings.Join(slices.Compact(texts), " / ") }

// document holds the matrix in docs/safety.md against what the cells came to,
// or writes it there.
func document(t *testing.T, rows []row, runs int, ingest []ingestRow) {
	t.Helper()
	data, err := os.ReadFile(documentPath)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), startMark)
	old, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		t.Fatalf("%s: want the lines %s and %s", documentPath, startMark, endMark)
	}
	text := matrix(rows, runs, ingest)
	if *update {
		if err := os.WriteFile(documentPath, []byte(before+startMark+text+endMark+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(old, "\n"), strings.Split(text, "\n")); diff != "" {
		t.Errorf("%s is not what the cells came to; if they are right, run go test ./local/simulation -run FaultMatrix -update (-document +cells):\n%s",
			documentPath, diff)
	}
}

func matrix(rows []row, runs int, ingest []ingestRow) string {
	cells := 0
	for _, r := range rows {
		cells += len(r.cells)
	}
	for _, r := range ingest {
		cells += len(r.cells)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d steps, %d cells, %d runs of the machines.\n", len(rows)+len(ingest), cells, runs)
	for _, s := range scenarios() {
		fmt.Fprintf(&b, "\n### %s\n\n%s.\n\n", sentence(s.name), sentence(s.about))
		if s.every == nil {
			b.WriteString("Only the kinds of step that the scenarios above do not have.\n\n")
		}
		header(&b, "step")
		mine := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.name != s.name })
		for len(mine) > 0 {
			n := alike(mine)
			line(&b, label(mine[:n]), mine[0].cells)
			mine = mine[n:]
		}
	}
	b.WriteString("\n### Ingest\n\nWhat the sender of the webhook is answered, and whether the event is on the bus. The same post without the fault is always answered 204, with the event on the bus.\n\n")
	header(&b, "call")
	for _, r := range ingest {
		line(&b, "`"+r.operation+"`", r.cells)
	}
	b.WriteString("\n")
	return b.String()
}

// alike is how many of the first rows are calls of one state with the same cells.
func alike(rows []row) int {
	n := 1
	for n < len(rows) && !rows[0].task() && !rows[n].task() && rows[n].Machine == rows[0].Machine &&
		rows[n].State == rows[0].State && maps.Equal(rows[n].cells, rows[0].cells) {
		n++
	}
	return n
}

// label names rows that are shown as one.
func label(rows []row) string {
	text := fmt.Sprintf("%s **%s**", rows[0].Machine, rows[0].State)
	for i, r := range rows {
		switch {
		case r.task():
		case i > 0 && rows[i-1].Operation == r.Operation:
			text += fmt.Sprintf(", %d", r.N)
		default:
			text += fmt.Sprintf(" `%s` %d", r.Operation, r.N)
		}
	}
	return text
}

func header(b *strings.Builder, first string) {
	fmt.Fprintf(b, "| %s |", first)
	for _, f := range simulation.Faults {
		fmt.Fprintf(b, " %s |", f)
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", len(simulation.Faults)+1) + "\n")
}

func line(b *strings.Builder, first string, cells map[simulation.Fault]string) {
	fmt.Fprintf(b, "| %s |", first)
	for _, f := range simulation.Faults {
		text, ok := cells[f]
		if !ok {
			text = "–"
		}
		fmt.Fprintf(b, " %s |", text)
	}
	b.WriteString("\n")
}

func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
