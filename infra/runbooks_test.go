package infra_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/sitefence/sitefence/internal/config"
)

const runbooks = "../docs/runbooks"

func readRunbook(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(runbooks, name+".md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// runbookParts are what a tired operator finds on every page, in this order.
var runbookParts = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"whether it is serious", regexp.MustCompile(`(?m)^\*\*Is it serious\?\*\* \S`)},
	{"the first five minutes", regexp.MustCompile(`(?m)^\*\*The next five minutes:\*\*`)},
	{"when to redrive", regexp.MustCompile(`(?m)^- \*\*Redrive:\*\* \S`)},
	{"when to replay", regexp.MustCompile(`(?m)^- \*\*Replay:\*\* \S`)},
	{"when to leave it alone", regexp.MustCompile(`(?m)^- \*\*Leave it alone:\*\* \S`)},
	{"why it happens", regexp.MustCompile(`(?m)^## Why it happens$`)},
}

var (
	command = regexp.MustCompile("(?m)^ *(aws|sitefence) [a-z]|`(aws|sitefence) [a-z]")
	console = regexp.MustCompile(`(?i)\bconsole\b`)
)

// lacking is what a runbook does not have.
func lacking(text string) (missing []string) {
	at := 0
	for _, p := range runbookParts {
		found := p.pattern.FindStringIndex(text[at:])
		if found == nil {
			missing = append(missing, p.what)
			continue
		}
		at += found[1]
	}
	if !command.MatchString(text) {
		missing = append(missing, "a command")
	}
	if !console.MatchString(text) {
		missing = append(missing, "the way in the console")
	}
	return missing
}

func TestRunbooksHaveEveryPart(t *testing.T) {
	files, err := filepath.Glob(runbooks + "/*.md")
	if err != nil || len(files) < 10 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".md")
		if name == "README" {
			continue
		}
		text := readRunbook(t, name)
		for _, what := range lacking(text) {
			t.Errorf("%s.md: no word on %s", name, what)
		}
		// The check can fail: without any one part something is lacking.
		for _, p := range runbookParts {
			if cut := p.pattern.ReplaceAllString(text, ""); len(lacking(cut)) == 0 {
				t.Errorf("%s.md: nobody would miss %s", name, p.what)
			}
		}
	}
}

var row = regexp.MustCompile(`(?m)^\| (.+) \| \[([a-z-]+)\]\(([a-z-]+)\.md\) \|$`)

// index reads the table of the runbooks' README: an alarm's name, or … and its end,
// to the page.
func index(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(readRunbook(t, "README"), -1) {
		if m[2] != m[3] {
			t.Errorf("the link %s leads to %s", m[2], m[3])
		}
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(m[1], -1) {
			pages[name[1]] = m[3]
		}
		pages[m[3]+".md"] = m[3]
	}
	return pages
}

// lookUp finds an alarm as the README says: by its name, else by its end.
func lookUp(pages map[string]string, alarm string) string {
	alarm = strings.TrimPrefix(alarm, "sitefence-")
	if page, ok := pages[alarm]; ok {
		return page
	}
	for name, page := range pages {
		if end, ok := strings.CutPrefix(name, "…"); ok && strings.HasSuffix(alarm, end) {
			return page
		}
	}
	return ""
}

// TestEveryAlarmIsInTheIndex: from the name of an alarm to its page, and every
// page has a row.
func TestEveryAlarmIsInTheIndex(t *testing.T) {
	pages := index(t)
	for name, c := range map[string]func() config.Config{"full": full, "watched": watched} {
		s := synth(t, name, c)
		base := config.DefaultRunbooks
		if name == "watched" {
			base = "https://wiki.example.com/sitefence"
		}
		for path, a := range s.of("AWS::CloudWatch::Alarm") {
			page := linked(s, a)
			if got := lookUp(pages, s.text(a.Properties["AlarmName"])); got != page {
				t.Errorf("%s: the README says %q, the alarm %q", path, got, page)
			}
			if description := s.text(a.Properties["AlarmDescription"]); !strings.HasSuffix(description, " Runbook: "+base+"/"+page+".md") {
				t.Errorf("%s: %s, want a page below %s", path, description, base)
			} else if len(description) > 1024 {
				t.Errorf("%s: a description of %d characters", path, len(description))
			}
			readRunbook(t, page)
		}
	}
	files, err := filepath.Glob(runbooks + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := filepath.Base(file); name != "README.md" && pages[name] == "" {
			t.Errorf("%s is not in the README", name)
		}
	}
}

// TestMessagesLinkTheirRunbook: as the alarms do, by URL.
func TestMessagesLinkTheirRunbook(t *testing.T) {
	s := synth(t, "watched", watched)
	link := regexp.MustCompile(`https://wiki\.example\.com/sitefence/([a-z-]+)\.md\b`)
	linked := 0
	for path, r := range s.of("AWS::Events::Rule") {
		for _, target := range r.Properties["Targets"].([]any) {
			transformer, ok := target.(map[string]any)["InputTransformer"].(map[string]any)
			if !ok {
				continue
			}
			text := transformer["InputTemplate"].(string)
			if strings.Contains(text, "docs/runbooks") {
				t.Errorf("%s: a path that nobody can click on: %s", path, text)
			}
			for _, m := range link.FindAllStringSubmatch(text, -1) {
				readRunbook(t, m[1])
				linked++
			}
		}
	}
	if linked < 4 {
		t.Errorf("%d links, want one for each message that asks for something, in both forms", linked)
	}
}

func newApp(t *testing.T) awscdk.App {
	t.Helper()
	return awscdk.NewApp(nil)
}

// TestWhatTheSilentAlarmSees: one for each site of a deployment with a heartbeat,
// for which no data is bad, and which says when it is over.
func TestWhatTheSilentAlarmSees(t *testing.T) {
	s := synth(t, "watched", watched)
	var got []string
	for path, a := range s.of("AWS::CloudWatch::Alarm") {
		p := a.Properties
		if p["Namespace"] != "Sitefence" || p["MetricName"] != "Heartbeats" {
			continue
		}
		got = append(got, s.text(p["AlarmName"])+" "+s.metric(p))
		if p["TreatMissingData"] != "breaching" || p["ComparisonOperator"] != "LessThanThreshold" || p["Threshold"] != 1.0 ||
			p["Period"] != 60.0 || p["EvaluationPeriods"] != 15.0 || p["DatapointsToAlarm"] != 15.0 || p["Statistic"] != "Sum" {
			t.Errorf("%s: %v", path, p)
		}
		if topics := "${Notifications/Topic} ${Notifications/ChatTopic}"; s.text(p["AlarmActions"]) != topics || s.text(p["OKActions"]) != topics {
			t.Errorf("%s: actions %v %v", path, p["AlarmActions"], p["OKActions"])
		}
	}
	slices.Sort(got)
	want := []string{}
	for _, site := range []string{"site-a", "site-b"} {
		want = append(want, "sitefence-eu-prod-"+site+"-silent Sitefence Heartbeats Deployment=eu-prod FunctionName=${Ingest/Ingest/Function} Reporter="+site)
	}
	if !slices.Equal(want, got) {
		t.Errorf("got %q, want %q", got, want)
	}
}
