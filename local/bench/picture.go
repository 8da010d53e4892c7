package bench

import (
	"fmt"
	"html"
	"strings"
	"time"
)

// The picture's measures, in its own units.
const (
	pictureWidth = 980.0
	pictureLeft  = 210.0
	pictureRight = 20.0
	rowHeight    = 15.0
	stepGap      = 8.0
)

// Picture is the typical cold fence: who waits for what. The functions stand
// behind each other, without the machines' time between them.
func (r Result) Picture() []byte {
	full, _ := r.At(Unlimited)
	return picture(full.Cold.picture, time.Duration(r.Trip*float64(time.Millisecond)))
}

func picture(f Fence, trip time.Duration) []byte {
	whole := max(f.Whole(), time.Millisecond)
	x := func(d time.Duration) float64 {
		return pictureLeft + float64(d)/float64(whole)*(pictureWidth-pictureLeft-pictureRight)
	}
	var b strings.Builder
	var at time.Duration
	y := 50.0
	for _, s := range f.Steps {
		top := y
		from := func(t time.Time) time.Duration { return at + t.Sub(s.Requested) }
		bar(&b, x(at), x(at+s.Duration()), y, "#dddddd", fmt.Sprintf("%s: %.1f ms", s.Function, milliseconds(s.Duration())))
		if s.New {
			bar(&b, x(from(s.Started)), x(from(s.Ready)), y, "#999999", fmt.Sprintf("start: %.1f ms", milliseconds(s.Init())))
		}
		label(&b, y, s.Function, "bold")
		y += rowHeight
		for _, c := range s.Calls {
			if c.New {
				bar(&b, x(max(at, from(c.Opened))), x(from(c.Arrived)), y, "#ddcc77", "a new connection")
			}
			bar(&b, x(from(c.Arrived)), x(from(c.Answered)), y, colour(c), c.Service+" "+c.Operation)
			label(&b, y, c.Operation, "normal")
			y += rowHeight
		}
		fmt.Fprintf(&b, `<path d="M%.1f %.1fV%.1f" stroke="#bbb"/>`+"\n", x(at), top, y)
		at += s.Duration()
		y += stepGap
	}
	return frame(b.String(), whole, y, x, trip)
}

// colour tells changes from looks, also in grey.
func colour(c Call) string {
	if c.Operation == "UpdateEndpointGroup" || strings.HasPrefix(c.Operation, "POST ") {
		return "#882255"
	}
	return "#44aa99"
}

func bar(b *strings.Builder, from, to, y float64, fill, title string) {
	fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.0f" fill="%s"><title>%s</title></rect>`+"\n",
		from, y, max(0.5, to-from), rowHeight-4, fill, html.EscapeString(title))
}

func label(b *strings.Builder, y float64, text, weight string) {
	fmt.Fprintf(b, `<text x="10" y="%.1f" font-weight="%s">%s</text>`+"\n", y+rowHeight-5, weight, html.EscapeString(text))
}

func frame(body string, whole time.Duration, y float64, x func(time.Duration) float64, trip time.Duration) []byte {
	var b strings.Builder
	height := y + 50
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %[1]v %[2]v" font-family="sans-serif" font-size="11" fill="#222">`+"\n", pictureWidth, height)
	fmt.Fprintf(&b, `<rect width="%.0f" height="%.0f" fill="#fff"/>`+"\n", pictureWidth, height)
	fmt.Fprintf(&b, `<text x="10" y="22" font-size="14">One cold fence, the functions' own time: %.0f ms (a call takes %s)</text>`+"\n", milliseconds(whole), trip)
	for ms := time.Duration(0); ms <= whole; ms += 100 * time.Millisecond {
		fmt.Fprintf(&b, `<path d="M%.1f 42V%.1f" stroke="#eee"/>`+"\n", x(ms), y)
		fmt.Fprintf(&b, `<text x="%.1f" y="38" text-anchor="middle" fill="#777">%d</text>`+"\n", x(ms), ms.Milliseconds())
	}
	b.WriteString(body)
	left := 10.0
	for _, l := range []struct{ fill, text string }{{"#dddddd", "the function"}, {"#999999", "its start"}, {"#ddcc77", "opens a connection"},
		{"#44aa99", "looks"}, {"#882255", "changes something"}} {
		fmt.Fprintf(&b, `<rect x="%.0f" y="%.1f" width="12" height="12" fill="%s"/><text x="%.0f" y="%.1f">%s</text>`+"\n", left, y+18, l.fill, left+18, y+28, l.text)
		left += 150
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}
