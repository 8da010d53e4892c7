package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/sitefence/sitefence/internal/history"
)

// isWait: the machines' Wait states are named so.
func isWait(state string) bool { return history.IsWait(state) }

// Markdown writes the report as Markdown (CommonMark with tables).
func (r Report) Markdown(w io.Writer) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# %s\n", plain(r.title()))
	line("%s\n", plain(r.Summary))
	if r.Alert != nil {
		line("%s\n", plain(r.Alert.text()))
	}
	if r.Cause != "" {
		line("> %s: %s\n", plain(shown(r.Error)), plain(r.Cause))
	}
	line("## What to do next\n")
	for i, a := range r.Next {
		line("%d. %s", i+1, plain(a.Text))
		if a.Command != "" {
			line("\n   ```\n   %s\n   ```", oneLine(a.Command))
		}
	}
	line("\n## Timeline\n")
	for _, p := range r.Parts {
		line("**%s** %s, %s\n", plain(p.Role), code(p.ARN), plain(strings.ToLower(p.Status)))
		if len(p.Moments) == 0 {
			continue
		}
		line("| Time (UTC) | State | Seconds | |\n| --- | --- | ---: | --- |")
		for _, m := range p.Moments {
			text := m.Text
			if m.Failed {
				text = strings.TrimPrefix(text+"; it ended here", "; ")
			}
			line("| %s | %s | %.2f | %s |", m.From.UTC().Format("15:04:05.000"), plain(m.State), m.Seconds, plain(text))
		}
		line("")
	}
	line("## %s\n", r.changesTitle())
	if len(r.Endpoints) == 0 {
		line("%s", r.noEndpoints())
	} else {
		line("| Listener | Group | Endpoint | Weight | Client IP preservation |\n| --- | --- | --- | ---: | --- |")
		for _, e := range r.Endpoints {
			line("| %s | %s | %s | %d | %s |", code(e.Listener), code(e.Group), code(e.Endpoint), e.Weight, yes(e.ClientIPPreservation))
		}
	}
	if len(r.Caches) > 0 {
		line("\n%s %s", r.cachesTitle(), plain(list(r.Caches)))
	}
	for _, n := range r.Notes {
		line("\nNoted: %s", plain(n))
	}
	for _, p := range r.Problems {
		line("\nCould not be read: %s", plain(p))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// oneLine is a text without what would begin a line of its own.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}

// What Markdown, and HTML in Markdown, could take for markup.
var escapes = strings.NewReplacer(`\`, `\\`, "`", "\\`", `*`, `\*`, `_`, `\_`, `[`, `\[`, `]`, `\]`, `<`, `\<`, `>`, `\>`, `|`, `\|`, `#`, `\#`, `~`, `\~`, `&`, `\&`, `!`, `\!`)

// plain is a text of somebody as text and nothing else.
func plain(text string) string { return escapes.Replace(oneLine(text)) }

// code is a text as code. A pipe would end a table's cell even there.
func code(text string) string {
	text = strings.NewReplacer("`", "'", "|", "/").Replace(oneLine(text))
	if text == "" {
		return "-"
	}
	return "`" + text + "`"
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (r Report) title() string {
	t := fmt.Sprintf("%s: %s", shown(r.Deployment), r.Kind)
	if r.Site != "" {
		t = fmt.Sprintf("%s: %s %s", shown(r.Deployment), r.Site, r.Kind)
	}
	if r.DryRun && r.Kind != history.Rehearsed {
		t += " (a rehearsal)"
	}
	return t + ", " + clock(r.When)
}

func (r Report) changesTitle() string {
	return map[Change]string{
		Removed: "What was removed", WouldRemove: "What would have been removed", PutBack: "What was put back",
		MayBeRemoved: "What may have been removed", NoChange: "What was changed in the accelerator",
	}[r.Changes]
}

func (r Report) cachesTitle() string {
	if r.Changes == WouldRemove {
		return "Caches that would have stopped replicating:"
	}
	return "Caches that stopped replicating:"
}

func (r Report) noEndpoints() string {
	if r.Changes == Removed {
		return "Nothing by this fence: the endpoints were gone before. An earlier fence has the record."
	}
	return "Nothing."
}
