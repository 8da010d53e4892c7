package infra_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	dashboardPage    = filepath.Join("..", "docs", "dashboard.md")
	dashboardPicture = filepath.Join("..", "docs", "img", "dashboard.svg")
)

const (
	generatedFrom = "<!-- From here on written by `cd infra && go test . -update`: what the template holds. -->\n"
	queriesTitle  = "\n## The queries\n"
)

// TestDashboardDocs holds the page and the picture against the template.
func TestDashboardDocs(t *testing.T) {
	b := synth(t, "full", full).dashboard(t, "eu-prod")
	page, err := os.ReadFile(dashboardPage)
	if err != nil {
		t.Fatal(err)
	}
	prose, _, ok := strings.Cut(string(page), generatedFrom)
	if !ok {
		t.Fatalf("%s lacks the line %s", dashboardPage, generatedFrom)
	}
	for file, got := range map[string][]byte{
		dashboardPage: []byte(prose + generatedFrom + b.table()), dashboardPicture: b.picture(),
	} {
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is stale (go test -update writes it; -want +got):\n%s", file, diff)
		}
	}
}

// TestDashboardPicture: it is well-formed, and no widget's lines run over its edge.
func TestDashboardPicture(t *testing.T) {
	b := synth(t, "full", full).dashboard(t, "eu-prod")
	picture := b.picture()
	decoder := xml.NewDecoder(bytes.NewReader(picture))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range b.Widgets {
		if title := w.Properties.Title; title != "" && !bytes.Contains(picture, []byte(">"+title+"<")) {
			t.Errorf("the title %q is not in the picture, or cut", title)
		}
		if n := len(w.Properties.Metrics); n > 0 && 22+lineHeight*(n+1) > w.Height*cellHeight-gap {
			t.Errorf("%s: %d lines do not fit", w.Properties.Title, n)
		}
		if w.Type == "log" && len(w.columns()) < 2 {
			t.Errorf("%s: columns %v", w.Properties.Title, w.columns())
		}
	}
}

// table is the page's generated part.
func (b dashboardBody) table() string {
	var out, queries strings.Builder
	out.WriteString("\n## The widgets\n")
	for _, w := range b.Widgets {
		switch p := w.Properties; {
		case w.heading():
			fmt.Fprintf(&out, "\n**%s**\n\n| Widget | Where it comes from | What it shows |\n| --- | --- | --- |\n", strings.TrimPrefix(p.Markdown, "## "))
		case w.Type == "metric":
			namespaces, names := w.metricNames()
			var labels []string
			for i := range p.Metrics {
				labels = append(labels, w.label(i))
			}
			fmt.Fprintf(&out, "| %s | `%s`: `%s` | %s |\n", p.Title, strings.Join(namespaces, "`, `"), strings.Join(names, "`, `"), strings.Join(labels, "; "))
		case w.Type == "log":
			group, query, _ := strings.Cut(strings.TrimPrefix(p.Query, "SOURCE '"), "' | ")
			group = strings.ReplaceAll(group, "${suffix}", "…")
			fmt.Fprintf(&out, "| %s | log group `%s` | by %s |\n", p.Title, group, strings.Join(w.columns(), ", "))
			fmt.Fprintf(&queries, "\n%s (`%s`):\n\n```text\n%s\n```\n", p.Title, group, strings.ReplaceAll(query, " | ", "\n| "))
		}
	}
	return out.String() + queriesTitle + queries.String()
}
