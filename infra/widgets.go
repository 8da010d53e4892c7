package infra

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// columns is the width of a dashboard's grid.
const columns = 24

// body is a dashboard's body as CloudWatch reads it ("Dashboard Body Structure and
// Syntax" in its API reference).
type body struct {
	Start          string   `json:"start"`
	PeriodOverride string   `json:"periodOverride"`
	Widgets        []widget `json:"widgets"`
}

type widget struct {
	Type       string `json:"type"`
	X          int    `json:"x"`
	Y          int    `json:"y"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	Properties any    `json:"properties"`
}

// row appends widgets of one height below what is there, all equally wide.
func (b *body) row(height int, widgets ...widget) {
	y := 0
	for _, w := range b.Widgets {
		y = max(y, w.Y+w.Height)
	}
	for i, w := range widgets {
		w.Width, w.Height = columns/len(widgets), height
		w.X, w.Y = i*w.Width, y
		b.Widgets = append(b.Widgets, w)
	}
}

// text is the body's JSON, one line. What is known at deployment only stands in it
// as ${name}, so that each value is spelled once in the template.
func (b *body) text() (string, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(b); err != nil {
		return "", fmt.Errorf("writing a dashboard: %w", err)
	}
	return string(bytes.TrimSpace(out.Bytes())), nil
}

// markdown is a widget of text.
func markdown(text string) widget {
	return widget{Type: "text", Properties: struct {
		Markdown string `json:"markdown"`
	}{text}}
}

// alarmStates is a widget of alarms by ARN.
func alarmStates(title string, arns []string) widget {
	return widget{Type: "alarm", Properties: struct {
		Title  string   `json:"title"`
		Alarms []string `json:"alarms"`
	}{title, arns}}
}

// logTable is a query of CloudWatch Logs Insights over one log group.
func logTable(title, group, query string) widget {
	return widget{Type: "log", Properties: struct {
		Title  string `json:"title"`
		Region string `json:"region"`
		View   string `json:"view"`
		Query  string `json:"query"`
	}{title, "${region}", "table", fmt.Sprintf("SOURCE '%s' | %s", group, query)}}
}

// line is one metric of a graph.
type line struct {
	namespace, name string
	dimensions      []string // name, value, …
	stat, label     string
}

// path is the metric's namespace, name and dimensions.
func (l line) path() []string { return append([]string{l.namespace, l.name}, l.dimensions...) }

func (l line) options() map[string]string {
	options := map[string]string{"label": l.label, "stat": l.stat}
	maps.DeleteFunc(options, func(_, v string) bool { return v == "" })
	return options
}

// rows writes the lines as CloudWatch reads them, short: "." is what stood at the
// same place in the line above, and "..." all of it but the last.
func rows(lines []line) [][]any {
	var all [][]any
	var above []string
	for _, l := range lines {
		path := l.path()
		var row []any
		if last := len(path) - 1; len(above) == len(path) && slices.Equal(above[:last], path[:last]) && above[last] != path[last] {
			row = []any{"...", path[last]}
		} else {
			for i, part := range path {
				if len(above) == len(path) && above[i] == part {
					part = "."
				}
				row = append(row, part)
			}
		}
		all, above = append(all, append(row, l.options())), path
	}
	return all
}

// graph is a widget of metrics over time. The statistic is that of the lines that
// have none of their own.
func graph(title, stat string, lines ...line) widget {
	return widget{Type: "metric", Properties: struct {
		Title   string  `json:"title"`
		Region  string  `json:"region"`
		Stat    string  `json:"stat"`
		Metrics [][]any `json:"metrics"`
	}{title, "${region}", stat, rows(lines)}}
}
