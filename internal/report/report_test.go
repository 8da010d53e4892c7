package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/awsfake/nights"
	"github.com/sitefence/sitefence/internal/history"
	"github.com/sitefence/sitefence/internal/report"
)

var update = flag.Bool("update", false, "write the golden files")

var night = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

// read reports the first execution of those that a fake has.
func read(t *testing.T, runs ...awsfake.Run) report.Report {
	t.Helper()
	fake := &awsfake.Machines{}
	fake.Put(runs...)
	client := sfn.NewFromConfig(awsfake.Serve(t, fake))
	e, err := history.Describe(t.Context(), client, runs[0].ARN())
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.Read(t.Context(), client, e, report.Options{Deployment: "main", Now: night.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fenced() []awsfake.Run { return nights.Fenced(night, "g-1", 1) }

var scenes = map[string]func() []awsfake.Run{
	"fenced": fenced,
	"fenced-and-back": func() []awsfake.Run {
		return append(fenced(), nights.Rejoined(night.Add(30*time.Minute), "rejoin-1-1", 3)...)
	},
	"rejoined":  func() []awsfake.Run { return nights.Rejoined(night, "rejoin-1-1", 2) },
	"rehearsed": func() []awsfake.Run { return nights.Rehearsed(night, "g-1", 1) },
	"ignored":   func() []awsfake.Run { return []awsfake.Run{nights.Healed(night, "g-1")} },
	"paused":    func() []awsfake.Run { return []awsfake.Run{nights.Paused(night, "g-1")} },
	"undecided": func() []awsfake.Run { return []awsfake.Run{nights.Undecided(night, "g-1")} },
	"stuck":     func() []awsfake.Run { return nights.StuckOffline(night, "g-1", 1) },
	"waiting":   func() []awsfake.Run { return []awsfake.Run{nights.Waiting(night.Add(59*time.Minute), "g-1")} },
	"in-sync":   func() []awsfake.Run { return []awsfake.Run{nights.Synced(night, "restore-1-1")} },
}

func TestReports(t *testing.T) {
	for name, runs := range scenes {
		t.Run(name, func(t *testing.T) {
			r := read(t, runs()...)
			var md, html bytes.Buffer
			if err := errors.Join(r.Markdown(&md), r.HTML(&html)); err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/"+name+".md", md.Bytes())
			harmless(t, html.String())
			if name == "fenced" || name == "rehearsed" {
				golden(t, "testdata/"+name+".html", html.Bytes())
				data, err := json.MarshalIndent(r, "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				golden(t, "testdata/"+name+".json", append(data, '\n'))
			}
		})
	}
}

// A fence's own execution and its guard's give the same report.
func TestAnyExecutionOfAnIncident(t *testing.T) {
	runs := fenced()
	if diff := cmp.Diff(text(t, read(t, runs...)), text(t, read(t, runs[1], runs[0]))); diff != "" {
		t.Errorf("by the guard and by the fence (-/+):\n%s", diff)
	}
}

func text(t *testing.T, r report.Report) string {
	t.Helper()
	var md bytes.Buffer
	if err := r.Markdown(&md); err != nil {
		t.Fatal(err)
	}
	return md.String()
}

// What to do is said for every way in which it can end.
func TestNext(t *testing.T) {
	failed := func(state, err, cause string) []awsfake.Run {
		runs := nights.StuckOffline(night, "g-1", 1)
		runs[1].Error, runs[1].Cause = err, cause
		runs[1].Events = append(runs[1].Events, awsfake.RunEvent{Type: "FailStateEntered", State: state, At: runs[1].Ended})
		return []awsfake.Run{runs[1], runs[0]}
	}
	stopped := nights.StuckOffline(night, "g-1", 1)
	stopped[1].Status = "ABORTED"
	superseded := nights.StuckOffline(night, "g-1", 1)
	superseded[1].Cause = strings.ReplaceAll(superseded[1].Cause, "bad-credentials", "superseded")
	replay := "sitefence replay " + fenced()[0].ARN()
	ordered := nights.Undecided(night, "g-1")
	ordered.Input = strings.Replace(ordered.Input, `"version"`, `"forced":true,"order":{"by":"ada","reason":"maintenance"},"version"`, 1)
	for name, test := range map[string]struct {
		runs []awsfake.Run
		want string
		not  string
	}{
		"stuck: redrive":               {nights.StuckOffline(night, "g-1", 1), "aws stepfunctions redrive-execution --execution-arn " + nights.StuckOffline(night, "g-1", 1)[1].ARN(), ""},
		"superseded: replay":           {superseded, replay, "redrive"},
		"stopped: replay":              {stopped, replay, "redrive"},
		"half fenced":                  {failed("HalfFenced", "HalfFenced", "The accelerator may hold"), "put back by hand what is missing", "redrive"},
		"the update failed":            {failed("UpdateFailed", "Refused", "The site may still be in"), "ACT NOW: site-b may still be in the accelerator", "redrive"},
		"undecided":                    {[]awsfake.Run{nights.Undecided(night, "g-1")}, replay, "redrive"},
		"undecided: or choose":         {[]awsfake.Run{nights.Undecided(night, "g-1")}, "sitefence fence --site site-b --reason TEXT", ""},
		"an order is not replayed":     {[]awsfake.Run{ordered}, "Then give the order again, if it is still wanted and site-b still has an endpoint", "sitefence replay"},
		"fenced":                       {fenced(), "sitefence restore --site site-b", ""},
		"fenced and back":              {scenes["fenced-and-back"](), "is back in the accelerator", "sitefence restore --site"},
		"synced":                       {[]awsfake.Run{nights.Synced(night, "restore-1-1")}, "sitefence restore --continue", ""},
		"paused":                       {[]awsfake.Run{nights.Paused(night, "g-1")}, "sitefence resume", ""},
		"none of ours":                 {[]awsfake.Run{{Machine: nights.Guards, Name: "x", Status: "SUCCEEDED", Started: night, Ended: night, Input: "7", Output: "7"}}, "none of Sitefence's", ""},
		"what it started has vanished": {fenced()[:1], "Could not be read", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.ReplaceAll(text(t, read(t, test.runs...)), `\`, "")
			if !strings.Contains(got, test.want) {
				t.Errorf("no %q in\n%s", test.want, got)
			}
			if test.not != "" && strings.Contains(got, test.not) {
				t.Errorf("%q in\n%s", test.not, got)
			}
		})
	}
}

const hostile = "</td></svg><script>alert(1)</script>\" onload=\"x` |\n# <img src=http://evil/> {{.}} \x1b[31m'; $(rm -rf /)"

// Labels, causes and answers of others stay text, in both formats.
func TestHostileTexts(t *testing.T) {
	runs := nights.StuckOffline(night, "g-1", 1)
	evil, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	inner := string(evil[1 : len(evil)-1])
	for i := range runs {
		runs[i].Input = strings.ReplaceAll(runs[i].Input, `"site-b"`, `"`+inner+`"`)
		runs[i].Input = strings.ReplaceAll(runs[i].Input, `"main"`, `"`+inner+`"`)
		runs[i].Output = strings.ReplaceAll(runs[i].Output, `"split"`, `"`+inner+`"`)
		for j := range runs[i].Events {
			e := &runs[i].Events[j]
			e.Output = strings.NewReplacer(`"split"`, `"`+inner+`"`, `"site-b"`, `"`+inner+`"`, `loadbalancer/net`, inner).Replace(e.Output)
			if e.State == "FindNewestFence" {
				e.State = hostile
			}
			if e.Error != "" {
				e.Error = hostile
			}
		}
	}
	runs[1].Cause, runs[1].Error = hostile, hostile
	r := read(t, runs...)
	var html bytes.Buffer
	if err := r.HTML(&html); err != nil {
		t.Fatal(err)
	}
	harmless(t, html.String())
	md := text(t, r)
	for _, bad := range []string{"\n# <", "\x1b", "```\n   sitefence replay </", "--site </"} {
		if strings.Contains(md, bad) {
			t.Errorf("%q in the Markdown:\n%s", bad, md)
		}
	}
	// Outside of code every < is escaped.
	for _, line := range strings.Split(regexp.MustCompile("`[^`\n]*`").ReplaceAllString(strings.ReplaceAll(md, "\\`", ""), ""), "\n") {
		if regexp.MustCompile(`(^|[^\\])<`).MatchString(line) {
			t.Errorf("markup in the Markdown: %s", line)
		}
	}
	for _, a := range r.Next {
		if strings.ContainsAny(a.Command, "<>$`'\"") {
			t.Errorf("a command to paste: %s", a.Command)
		}
	}
}

// A site's name that is none of ours does not get into a command either.
func TestCommandsOfAHostileSite(t *testing.T) {
	for name, runs := range map[string][]awsfake.Run{"fenced": fenced(), "undecided": {nights.Undecided(night, "g-1")}, "rejoined": scenes["rejoined"]()} {
		for i := range runs {
			runs[i].Input = strings.ReplaceAll(runs[i].Input, `"site-b"`, `"b; rm -rf $HOME"`)
		}
		r := read(t, runs...)
		if r.Site != "b; rm -rf $HOME" {
			t.Errorf("%s: site %q", name, r.Site)
		}
		for _, a := range r.Next {
			if strings.Contains(a.Command, "rm") {
				t.Errorf("%s: a command to paste: %s", name, a.Command)
			}
		}
	}
}

// harmless: the page is well formed, has no elements and attributes but ours, and
// asks for nothing from elsewhere.
func harmless(t *testing.T, html string) {
	t.Helper()
	// The void elements of HTML, closed for a reader of XML.
	closed := regexp.MustCompile(`<meta [^>]*>`).ReplaceAllString(html, "")
	closed = strings.Replace(closed, "<!DOCTYPE html>", "", 1)
	d := xml.NewDecoder(strings.NewReader(closed))
	d.Entity = xml.HTMLEntity
	elements := map[string]bool{}
	for _, e := range strings.Fields("html head title style body h1 h2 p blockquote ol li pre figure figcaption svg line text rect strong code table tr th td") {
		elements[e] = true
	}
	attributes := map[string]bool{}
	for _, a := range strings.Fields("lang class viewBox role aria-label x y x1 y1 x2 y2 width height rx text-anchor") {
		attributes[a] = true
	}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("not well formed: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok {
			if !elements[e.Name.Local] {
				t.Errorf("element %s", e.Name.Local)
			}
			for _, a := range e.Attr {
				if !attributes[a.Name.Local] {
					t.Errorf("attribute %s of %s", a.Name.Local, e.Name.Local)
				}
			}
		}
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
