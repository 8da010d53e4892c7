package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/local/incident"
)

// line is a timeline with a moment at each of the seconds, in the order of
// incident's list; a negative one is left out.
func line(seconds ...float64) []incident.Moment {
	names := []string{incident.MomentCut, incident.MomentBlind, incident.MomentScraped, incident.MomentPending, incident.MomentFiring,
		incident.MomentWebhook, incident.MomentGuard, incident.MomentFence, incident.MomentWritten, incident.MomentOffline, incident.MomentWorking}
	var moments []incident.Moment
	for i, s := range seconds {
		if s >= 0 {
			moments = append(moments, incident.Moment{Name: names[i], At: time.Unix(1000, 0).Add(time.Duration(s * float64(time.Second)))})
		}
	}
	return moments
}

func TestDurations(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name string
		line []incident.Moment
		want map[string]time.Duration
	}{
		{"with a pause", line(0, 5, 7, 10, 20, 21, 21, 22, 24, 28, 29), map[string]time.Duration{
			"detection": 5 * s, "scrape": 2 * s, "rule": 3 * s, "for": 10 * s, "alertmanager": 1 * s, "pipeline": 3 * s, "offline": 4 * s, "write": 1 * s}},
		{"without", line(0, 5, 7, -1, 20, 80, 80, 80, 81, 82, 82), map[string]time.Duration{
			"detection": 5 * s, "scrape": 2 * s, "rule": 13 * s, "for": 0, "alertmanager": 60 * s, "pipeline": 1 * s, "offline": 1 * s, "write": 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := incident.Durations(tt.line)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("durations (-want +got):\n%s", diff)
			}
			var sum time.Duration
			for _, d := range got {
				sum += d
			}
			if total := tt.line[len(tt.line)-1].At.Sub(tt.line[0].At); sum != total {
				t.Errorf("the spans are %s together, the outage is %s", sum, total)
			}
		})
	}
}

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		all  []time.Duration
		want incident.Spread
	}{
		{nil, incident.Spread{}},
		{[]time.Duration{3}, incident.Spread{Least: 3, Median: 3, Most: 3}},
		{[]time.Duration{9, 1, 5}, incident.Spread{Least: 1, Median: 5, Most: 9}},
		{[]time.Duration{9, 1, 5, 7}, incident.Spread{Least: 1, Median: 6, Most: 9}},
	} {
		if got := incident.SpreadOf(tt.all); got != tt.want {
			t.Errorf("of %v: %v, want %v", tt.all, got, tt.want)
		}
	}
}

// TestReports: the three forms say the same figures, and a reader can read them.
func TestReports(t *testing.T) {
	settings := incident.Settings()
	measured := []incident.Measurement{
		{Setting: settings[0], Runs: [][]incident.Moment{line(0, 5, 7, -1, 20, 80, 80, 80, 81, 82, 82), line(0, 5, 7, -1, 20, 84, 84, 84, 85, 86, 86)}},
		{Setting: settings[1], Runs: [][]incident.Moment{line(0, 5, 7, 10, 20, 21, 21, 22, 24, 28, 29)}},
	}
	data, err := incident.JSON(measured)
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Settings []struct {
			GroupWait float64
			Spans     map[string]struct{ Least, Median, Most float64 }
		}
	}
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	guide := read.Settings[0]
	if total := guide.Spans["total"]; total.Least != 82 || total.Median != 84 || total.Most != 86 || guide.GroupWait != 60 {
		t.Errorf("JSON says of the guide: %+v", guide)
	}
	if got := read.Settings[1].Spans["undetected"].Median; got != 24 {
		t.Errorf("JSON says %v without detection, want 24", got)
	}
	if report := incident.Report(measured); !strings.Contains(report, "84.0 (82.0 to 86.0)") || !strings.Contains(report, "24.0 (24.0 to 24.0)") {
		t.Errorf("the report lacks the figures:\n%s", report)
	}
	svg := string(incident.SVG(measured))
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the picture is no XML: %v\n%s", err, svg)
		}
	}
	for _, want := range []string{">84.0<", ">29.0<", "alertmanager: 62.0 s", "Keycloak&#39;s guide"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the picture lacks %s:\n%s", want, svg)
		}
	}
}
