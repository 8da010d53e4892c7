package infra

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
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
	}{title, "${AWS::Region}", "table", fmt.Sprintf("SOURCE '%s' | %s", group, query)}}
}

// line is one metric of a graph.
type line struct {
	namespace, name       string
	dimensions            []string // name, value, …
	stat, label, hexColor string
}

func (l line) MarshalJSON() ([]byte, error) {
	parts := []any{l.namespace, l.name}
	for _, d := range l.dimensions {
		parts = append(parts, d)
	}
	options := map[string]string{"label": l.label, "stat": l.stat, "color": l.hexColor}
	maps.DeleteFunc(options, func(_, v string) bool { return v == "" })
	return json.Marshal(append(parts, options))
}

// graph is a widget of metrics over time. Most of them are rare counts, so the
// statistic is the sum unless a line says otherwise.
func graph(title string, lines ...line) widget {
	return widget{Type: "metric", Properties: struct {
		Title   string `json:"title"`
		Region  string `json:"region"`
		Stat    string `json:"stat"`
		Metrics []line `json:"metrics"`
	}{title, "${AWS::Region}", "Sum", lines}}
}
