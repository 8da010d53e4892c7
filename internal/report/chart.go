package report

import (
	"fmt"
	"html/template"
	"time"
)

// chart is a timeline drawn as SVG. All its numbers are computed here; its texts
// are escaped by the template.
type chart struct {
	Title         string
	Width, Height int
	Ticks         []tick
	Bars          []bar
}

type tick struct {
	X    int
	Text string
}

type bar struct {
	Y, Width, X int
	Class       template.HTMLAttr // one of ours
	Label, Text string
	TextX       int
}

const (
	labelWidth = 190
	plotWidth  = 560
	rightWidth = 90
	rowHeight  = 22
	topHeight  = 26
	ticks      = 5
	leastBar   = 2
)

// charts are one for each run of parts that follow one another: what happened on
// another day would make all bars of the first night too short to see.
func (r Report) charts() []chart {
	var all []chart
	for i := 0; i < len(r.Parts); {
		n := i + 1
		for n < len(r.Parts) && r.Parts[n].Started.Sub(lastOf(r.Parts[n-1])) < time.Minute {
			n++
		}
		if c, ok := draw(r.Parts[i:n]); ok {
			all = append(all, c)
		}
		i = n
	}
	return all
}

// lastOf is the last moment that is known of a part.
func lastOf(p Part) time.Time {
	last := p.Started
	for _, m := range p.Moments {
		if end := m.From.Add(seconds(m.Seconds)); end.After(last) {
			last = end
		}
	}
	return last
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func draw(parts []Part) (chart, bool) {
	from, to := parts[0].Started, parts[0].Started
	rows := 0
	for _, p := range parts {
		rows += len(p.Moments)
		if last := lastOf(p); last.After(to) {
			to = last
		}
	}
	if rows == 0 {
		return chart{}, false
	}
	total := max(to.Sub(from), time.Millisecond)
	x := func(at time.Time) int {
		return labelWidth + int(float64(plotWidth)*min(1, max(0, float64(at.Sub(from))/float64(total))))
	}
	c := chart{Title: fmt.Sprintf("From %s, %.1f s", clock(from), total.Seconds()), Width: labelWidth + plotWidth + rightWidth, Height: topHeight + rows*rowHeight + 8}
	for i := range ticks + 1 {
		at := from.Add(total * time.Duration(i) / ticks)
		c.Ticks = append(c.Ticks, tick{x(at), fmt.Sprintf("%.1f s", at.Sub(from).Seconds())})
	}
	y := topHeight
	for _, p := range parts {
		for _, m := range p.Moments {
			start, end := x(m.From), x(m.From.Add(seconds(m.Seconds)))
			b := bar{Y: y, X: start, Width: max(leastBar, end-start), Class: class(p.Role, m), Label: p.Role + ": " + m.State, Text: fmt.Sprintf("%.2f s", m.Seconds)}
			b.TextX = b.X + b.Width + 6
			c.Bars = append(c.Bars, b)
			y += rowHeight
		}
	}
	return c, true
}

// class is how a bar looks; it is one of ours whatever the execution says.
func class(role string, m Moment) template.HTMLAttr {
	switch {
	case m.Failed:
		return "failed"
	case isWait(m.State):
		return "wait"
	case role == "guard" || role == "rejoin-guard":
		return "guard"
	}
	return "fence"
}
