package contract_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/sitefence/sitefence/internal/contract"
)

// newsOf is the golden of each event that docs/events.md shows.
var newsOf = map[string]string{
	contract.DetailTypeSiteFenced:   "site-fenced",
	contract.DetailTypeStillTrying:  "still-trying",
	contract.DetailTypeSiteRejoined: "site-rejoined",
	contract.DetailTypeFenceIgnored: "fence-ignored",
	contract.DetailTypeFenceFailed:  "fence-failed",
}

func golden(t *testing.T, name string) any {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/v1", "news."+name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, data)
}

func eventsDocument(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var jsonBlock = regexp.MustCompile("(?s)```json\n(.*?)```")

// TestEventsDocument: the example of each event is its golden, and every field of
// an example is explained.
func TestEventsDocument(t *testing.T) {
	sections := strings.Split(eventsDocument(t), "\n## ")
	left := len(newsOf)
	for _, section := range sections {
		title, body, _ := strings.Cut(section, "\n")
		name, ok := newsOf[title]
		block := jsonBlock.FindStringSubmatch(body)
		if !ok {
			continue
		}
		left--
		if block == nil {
			t.Errorf("%s: no example", title)
			continue
		}
		shown := parse(t, []byte(block[1]))
		if diff := cmp.Diff(golden(t, name), shown); diff != "" {
			t.Errorf("%s: the example (-golden +document):\n%s", title, diff)
		}
		for field := range shown.(map[string]any) {
			if !strings.Contains(jsonBlock.ReplaceAllString(eventsDocument(t), ""), "`"+field+"`") {
				t.Errorf("%s: nothing says what %s is", title, field)
			}
		}
	}
	if left != 0 {
		t.Errorf("%d events have no section", left)
	}
}

// TestExampleRule: the rule in the document takes a fence that failed, and no drill.
func TestExampleRule(t *testing.T) {
	_, rest, _ := strings.Cut(eventsDocument(t), "```yaml\n")
	text, _, _ := strings.Cut(rest, "```")
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties struct {
				EventPattern struct {
					Source     []string         `yaml:"source"`
					DetailType []string         `yaml:"detail-type"`
					Detail     map[string][]any `yaml:"detail"`
				} `yaml:"EventPattern"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(text), &template); err != nil {
		t.Fatal(err)
	}
	p := template.Resources["FenceFailed"].Properties.EventPattern
	if !slices.Contains(p.Source, contract.Source) || !slices.Contains(p.DetailType, contract.DetailTypeFenceFailed) || len(p.Detail) == 0 {
		t.Fatalf("the pattern is %+v", p)
	}
	// Each field must be there with one of the values (EventBridge's guide, "Event patterns").
	for name, want := range map[string]bool{"fence-failed": true, "fence-failed.update": true, "fence-failed.by-hand": true, "fence-failed.check": false} {
		detail := golden(t, name).(map[string]any)
		got := true
		for field, values := range p.Detail {
			got = got && slices.Contains(values, detail[field])
		}
		if got != want {
			t.Errorf("%s is taken: %t, want %t", name, got, want)
		}
	}
}
