package incident

import (
	"encoding/json"
	"fmt"
	"html"
	"strings"
	"time"
)

// JSON is a measurement for machines: seconds.
func JSON(measured []Measurement) ([]byte, error) {
	type spread struct {
		Least  float64 `json:"least"`
		Median float64 `json:"median"`
		Most   float64 `json:"most"`
	}
	type setting struct {
		Name      string               `json:"name"`
		Scrape    float64              `json:"scrape"`
		Interval  float64              `json:"interval"`
		For       float64              `json:"for"`
		GroupWait float64              `json:"groupWait"`
		Runs      []map[string]float64 `json:"runs"`
		Spans     map[string]spread    `json:"spans"`
	}
	var all []setting
	for _, m := range measured {
		t := m.Setting.Timing
		s := setting{m.Setting.Name, m.Setting.Scrape.Seconds(), t.Interval.Seconds(), t.For.Seconds(), t.GroupWait.Seconds(), nil, map[string]spread{}}
		for _, line := range m.Runs {
			run := map[string]float64{}
			for name, d := range Durations(line) {
				run[name] = round(d)
			}
			s.Runs = append(s.Runs, run)
		}
		for _, name := range spanNames() {
			d := m.Spread(name)
			s.Spans[name] = spread{round(d.Least), round(d.Median), round(d.Most)}
		}
		all = append(all, s)
	}
	return json.MarshalIndent(map[string]any{"unit": "seconds", "settings": all}, "", "  ")
}

func spanNames() []string {
	names := []string{"total", "undetected"}
	for _, s := range Spans {
		names = append(names, s.Name)
	}
	return names
}

func round(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// Report is a measurement as text: medians, and the least and the most.
func Report(measured []Measurement) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-14s", "seconds")
	for _, m := range measured {
		fmt.Fprintf(&b, "%-28s", fmt.Sprintf("%s (%d runs)", m.Setting.Title, len(m.Runs)))
	}
	b.WriteString("\n")
	for _, name := range append(spanNames()[2:], "total", "undetected") {
		fmt.Fprintf(&b, "%-14s", name)
		for _, m := range measured {
			s := m.Spread(name)
			fmt.Fprintf(&b, "%-28s", fmt.Sprintf("%6.1f (%.1f to %.1f)", s.Median.Seconds(), s.Least.Seconds(), s.Most.Seconds()))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// colours of the spans, in their order: told apart by everybody, also in grey.
var colours = []string{"#9e9e9e", "#88ccee", "#44aa99", "#117733", "#ddcc77", "#cc6677", "#aa4499", "#332288"}

// SVG is a measurement as a picture: for each setting the medians of the spans
// behind each other, with the spread of the total.
func SVG(measured []Measurement) []byte {
	const width, left, right, bar, gap, top = 860.0, 150.0, 60.0, 34.0, 44.0, 46.0
	most := time.Second
	for _, m := range measured {
		most = max(most, m.Spread("total").Most)
	}
	x := func(d time.Duration) float64 { return left + d.Seconds()/most.Seconds()*(width-left-right) }
	bottom := top + float64(len(measured))*(bar+gap)
	height := bottom + 70
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %[1]v %[2]v" font-family="sans-serif" font-size="13" fill="#222">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%.0f" height="%.0f" fill="#fff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="10" y="22" font-size="15">From the cut link to the first working write at the survivor, seconds (medians; line: least to most)</text>`+"\n")
	for i, m := range measured {
		y := top + float64(i)*(bar+gap)
		fmt.Fprintf(&b, `<text x="10" y="%.1f">%s</text>`+"\n", y+bar/2+5, html.EscapeString(m.Setting.Title))
		var at time.Duration
		for j, s := range Spans {
			d := max(0, m.Spread(s.Name).Median)
			fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.0f" fill="%s"><title>%s: %.1f s (%s)</title></rect>`+"\n",
				x(at), y, x(at+d)-x(at), bar, colours[j], s.Name, d.Seconds(), html.EscapeString(s.Why))
			at += d
		}
		t := m.Spread("total")
		fmt.Fprintf(&b, `<path d="M%.1f %.1fH%.1f" stroke="#222" stroke-width="2"/>`+"\n", x(t.Least), y+bar+8, x(t.Most))
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f">%.1f</text>`+"\n", x(max(at, t.Median))+6, y+bar/2+5, t.Median.Seconds())
	}
	for j, s := range Spans {
		fmt.Fprintf(&b, `<rect x="%.0f" y="%.1f" width="12" height="12" fill="%s"/><text x="%.0f" y="%.1f">%s</text>`+"\n",
			left+float64(j%4)*170, bottom+float64(j/4)*24, colours[j], left+float64(j%4)*170+18, bottom+float64(j/4)*24+11, s.Name)
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}
