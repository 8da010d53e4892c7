package infra_test

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
)

// The picture's measures, in pixels: of a cell of the dashboard's grid, of the gap
// between widgets, and of a character of the text, for which 11 pixels are enough.
const (
	cellWidth, cellHeight = 41, 36
	gap                   = 4
	lineHeight            = 17
	characterWidth        = 6.1
)

// palette is CloudWatch's own, in the order in which it gives its colors away.
var palette = []string{"#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2"}

// picture draws the dashboard as SVG: what is where, under which title. There are no
// curves in it, for nothing has happened yet.
func (b dashboardBody) picture() []byte {
	var out bytes.Buffer
	bottom := 0
	for _, w := range b.Widgets {
		bottom = max(bottom, w.Y+w.Height)
	}
	width, height := 24*cellWidth+gap, bottom*cellHeight+gap
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11" fill="#16191f">`+"\n",
		width, height, width, height)
	fmt.Fprintf(&out, `<rect width="%d" height="%d" fill="#f2f3f3"/>`+"\n", width, height)
	for _, w := range b.Widgets {
		c := card{out: &out, x: w.X*cellWidth + gap, y: w.Y*cellHeight + gap, width: w.Width*cellWidth - gap, height: w.Height*cellHeight - gap}
		if w.heading() {
			c.write(15, "bold", "", strings.TrimPrefix(w.Properties.Markdown, "## "))
			continue
		}
		fmt.Fprintf(&out, `<rect x="%d" y="%d" width="%d" height="%d" rx="3" fill="#fff" stroke="#d5dbdb"/>`+"\n", c.x, c.y, c.width, c.height)
		switch w.Type {
		case "text":
			c.text(w.Properties.Markdown)
		case "alarm":
			c.alarms(w)
		case "metric":
			c.metrics(w)
		case "log":
			c.log(w)
		}
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}

// heading tells a line between two sections from other text.
func (w dashboardWidget) heading() bool { return strings.HasPrefix(w.Properties.Markdown, "## ") }

// card is a widget's place, filled from above.
type card struct {
	out                 *bytes.Buffer
	x, y, width, height int
	used                int
}

// write writes one line, cut at the card's edge.
func (c *card) write(size int, weight, dot, text string) {
	x, room := c.x+10, float64(c.width-20)
	c.used += max(lineHeight, size+10)
	if dot != "" {
		fmt.Fprintf(c.out, `<rect x="%d" y="%d" width="9" height="9" rx="2" fill="%s"/>`+"\n", x, c.y+c.used-8, dot)
		x, room = x+15, room-15
	}
	if most := int(room / (characterWidth * float64(size) / 11)); len([]rune(text)) > most {
		text = string([]rune(text)[:most-1]) + "…"
	}
	if weight != "" {
		weight = ` font-weight="` + weight + `"`
	}
	if size != 11 {
		weight += fmt.Sprintf(` font-size="%d"`, size)
	}
	fmt.Fprintf(c.out, `<text x="%d" y="%d"%s>%s</text>`+"\n", x, c.y+c.used, weight, html.EscapeString(text))
}

// note is a line that says where the data come from.
func (c *card) note(text string) {
	fmt.Fprint(c.out, `<g fill="#687078">`)
	c.write(11, "", "", text)
	fmt.Fprint(c.out, "</g>\n")
}

var link = regexp.MustCompile(`\[([^\]]+)\]\([^)]*\)`)

func (c *card) text(markdown string) {
	for line := range strings.Lines(markdown) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "# "); ok {
			c.write(17, "bold", "", title)
			continue
		}
		line = html.EscapeString(strings.ReplaceAll(line, "**", ""))
		c.used += lineHeight + 3
		fmt.Fprintf(c.out, `<text x="%d" y="%d">%s</text>`+"\n", c.x+10, c.y+c.used, link.ReplaceAllString(line, `<tspan fill="#0073bb">$1</tspan>`))
	}
}

func (c *card) alarms(w dashboardWidget) {
	c.write(12, "bold", "", w.Properties.Title)
	const perRow = 4
	count := len(w.Properties.Alarms)
	step := min(24, (c.height-c.used-12)/((count+perRow-1)/perRow))
	for i, arn := range w.Properties.Alarms {
		name := strings.TrimPrefix(arn, here("cloudwatch")+"alarm:sitefence-")
		width := (c.width - 20) / perRow
		x, y := c.x+10+i%perRow*width, c.y+c.used+8+i/perRow*step
		fmt.Fprintf(c.out, `<rect x="%d" y="%d" width="%d" height="%d" rx="2" fill="#e9f5e9"/>`+"\n", x, y, width-6, step-4)
		fmt.Fprintf(c.out, `<text x="%d" y="%d" font-size="10">%s</text>`+"\n", x+6, y+step/2+2, html.EscapeString(name))
	}
}

// metricNames are what a widget's metrics are called, without repetition.
func (w dashboardWidget) metricNames() (namespaces, names []string) {
	for _, m := range w.metrics() {
		parts := strings.Fields(m)
		if !slices.Contains(namespaces, parts[0]) {
			namespaces = append(namespaces, parts[0])
		}
		if !slices.Contains(names, parts[1]) {
			names = append(names, parts[1])
		}
	}
	return namespaces, names
}

func (w dashboardWidget) label(i int) string {
	options := w.Properties.Metrics[i][len(w.Properties.Metrics[i])-1].(map[string]any)
	return options["label"].(string)
}

func (c *card) metrics(w dashboardWidget) {
	c.write(12, "bold", "", w.Properties.Title)
	namespaces, names := w.metricNames()
	about := strings.Join(namespaces, ", ")
	if len(names) == 1 {
		about += " " + names[0]
	}
	c.note(about)
	for i, m := range w.metrics() {
		text := w.label(i)
		if len(names) > 1 {
			text += " · " + strings.Fields(m)[1]
		}
		c.write(11, "", palette[i%len(palette)], text)
	}
}

var grouping = regexp.MustCompile(`\| stats (.+) by ([^|]+?)(?: \||$)`)

// columns are those of a query's table.
func (w dashboardWidget) columns() []string {
	m := grouping.FindStringSubmatch(w.Properties.Query)
	if m == nil {
		return nil
	}
	columns := strings.Split(m[2], ", ")
	for _, as := range regexp.MustCompile(` as (\w+)`).FindAllStringSubmatch(m[1], -1) {
		columns = append(columns, as[1])
	}
	return columns
}

func (c *card) log(w dashboardWidget) {
	c.write(12, "bold", "", w.Properties.Title)
	group, _, _ := strings.Cut(strings.TrimPrefix(w.Properties.Query, "SOURCE '"), "'")
	group = group[strings.LastIndex(group, "/")+1:]
	c.note("Logs Insights: " + strings.TrimSuffix(group, "-${suffix}"))
	c.used += 10
	columns := w.columns()
	width := (c.width - 20) / max(len(columns), 1)
	fmt.Fprintf(c.out, `<rect x="%d" y="%d" width="%d" height="20" fill="#eaeded"/>`+"\n", c.x+10, c.y+c.used, c.width-20)
	for i, column := range columns {
		fmt.Fprintf(c.out, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", c.x+16+i*width, c.y+c.used+14, html.EscapeString(column))
	}
	for row := range (c.height - c.used - 30) / 22 {
		y := c.y + c.used + 42 + row*22
		fmt.Fprintf(c.out, `<path d="M%d %dH%d" stroke="#eaeded"/>`+"\n", c.x+10, y, c.x+c.width-10)
	}
}
