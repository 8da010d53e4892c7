// Package screen is how the operator's command shows things: tables and colours
// on a terminal, plain text elsewhere, JSON when asked for. It guarantees that
// what is not a terminal gets no control characters, also none that came from
// outside.
package screen

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// Mark is how a cell is to be taken.
type Mark int

// The marks, from the best to the worst.
const (
	Plain Mark = iota
	Good
	Warning
	Bad
)

// Cell is a text of a table.
type Cell struct {
	Text string
	Mark Mark
}

// Text makes plain cells.
func Text(texts ...string) []Cell {
	cells := make([]Cell, 0, len(texts))
	for _, t := range texts {
		cells = append(cells, Cell{Text: t})
	}
	return cells
}

// Screen writes to one output. It is for one goroutine.
type Screen struct {
	out io.Writer
	// JSON is what --output json asks for.
	JSON bool
	// Terminal says that somebody looks at it: colours, progress on one line.
	Terminal bool
	colour   bool
	width    int // columns; 0: unknown
}

// New is the screen of an output. NO_COLOR (no-color.org) turns colours off.
func New(out io.Writer, asJSON bool) *Screen {
	s := &Screen{out: out, JSON: asJSON}
	if f, ok := out.(*os.File); ok && !asJSON && term.IsTerminal(int(f.Fd())) {
		s.Terminal = true
		s.colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		s.width, _, _ = term.GetSize(int(f.Fd()))
	}
	return s
}

// Encode writes v as indented JSON.
func (s *Screen) Encode(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the output: %w", err)
	}
	return s.write(string(text) + "\n")
}

// Line writes one line.
func (s *Screen) Line(format string, args ...any) error {
	return s.write(Clean(fmt.Sprintf(format, args...)) + "\n")
}

// Clear empties a terminal; elsewhere it does nothing.
func (s *Screen) Clear() error {
	if !s.Terminal {
		return nil
	}
	return s.write("\x1b[H\x1b[2J")
}

// Progress replaces the terminal's current line. Elsewhere it does nothing: who
// follows by a file reads lines, not bars.
func (s *Screen) Progress(format string, args ...any) error {
	if !s.Terminal {
		return nil
	}
	text := Clean(fmt.Sprintf(format, args...))
	if s.width > 1 && utf8.RuneCountInString(text) >= s.width {
		text = string([]rune(text)[:s.width-1])
	}
	return s.write("\r\x1b[K" + text)
}

// Table writes rows below a header, each column as wide as its widest cell. The
// last column is wrapped on a terminal.
func (s *Screen) Table(header []string, rows [][]Cell) error {
	all := append([][]Cell{Text(header...)}, rows...)
	widths := make([]int, len(header))
	for _, row := range all {
		for i, c := range row {
			if i < len(widths) {
				widths[i] = max(widths[i], utf8.RuneCountInString(Clean(c.Text)))
			}
		}
	}
	var b strings.Builder
	for _, row := range all {
		s.row(&b, row, widths)
	}
	return s.write(b.String())
}

const gap = "  "

func (s *Screen) row(b *strings.Builder, row []Cell, widths []int) {
	indent := 0
	for i, c := range row {
		text := Clean(c.Text)
		if i == len(row)-1 {
			lines := Wrap(text, s.width-indent)
			for n, line := range lines {
				if n > 0 {
					b.WriteString("\n" + strings.Repeat(" ", indent))
				}
				b.WriteString(s.paint(line, c.Mark))
			}
			continue
		}
		b.WriteString(s.paint(text, c.Mark) + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)) + gap)
		indent += widths[i] + len(gap)
	}
	b.WriteString("\n")
}

// paint colours a text on a terminal: ANSI's green, yellow and red.
func (s *Screen) paint(text string, m Mark) string {
	code := map[Mark]string{Good: "32", Warning: "33", Bad: "31"}[m]
	if !s.colour || code == "" || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *Screen) write(text string) error {
	if _, err := io.WriteString(s.out, text); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	return nil
}

// leastWidth is what a wrapped column has at least; a terminal that is narrower
// wraps by itself.
const leastWidth = 20

// Wrap breaks a text at spaces into lines of at most width columns. A width of
// less than 20 leaves it as it is.
func Wrap(text string, width int) []string {
	if width < leastWidth {
		return []string{text}
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// Clean makes a text harmless for a terminal and for a table: control
// characters, which could come from an answer of others, become spaces.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
