package infra_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/config"
)

// dashboardBody is a dashboard's body as deployed: ${paths} for what is known then.
type dashboardBody struct {
	Text    string
	Widgets []dashboardWidget
}

type dashboardWidget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Title, Markdown, Region, Stat, View, Query string
		Alarms                                     []string
		Metrics                                    [][]any
	}
}

var variable = regexp.MustCompile(`\$\{([A-Za-z:]+)\}`)

// dashboard reads a deployment's dashboard out of the template.
func (s *synthesis) dashboard(t *testing.T, deployment string) dashboardBody {
	t.Helper()
	p := s.one(t, "AWS::CloudWatch::Dashboard", "Dashboards/"+deployment).Properties
	sub := p["DashboardBody"].(map[string]any)["Fn::Sub"].([]any)
	values, used := sub[1].(map[string]any), map[string]bool{}
	var b dashboardBody
	b.Text = variable.ReplaceAllStringFunc(sub[0].(string), func(m string) string {
		name := m[2 : len(m)-1]
		used[name] = true
		if strings.HasPrefix(name, "AWS::") {
			return m
		}
		if values[name] == nil {
			t.Errorf("%s: nothing for %s", deployment, m)
		}
		return s.text(values[name])
	})
	for name := range values {
		if !used[name] {
			t.Errorf("%s: ${%s} is not used", deployment, name)
		}
	}
	if err := json.Unmarshal([]byte(b.Text), &b); err != nil {
		t.Fatalf("%s: %v\n%s", deployment, err, b.Text)
	}
	return b
}

// metrics are a widget's metrics, written out: namespace, name, dimensions.
func (w dashboardWidget) metrics() []string {
	var all, above []string
	for _, m := range w.Properties.Metrics {
		var parts []string
		for i, part := range m[:len(m)-1] {
			switch part := part.(string); part {
			case ".":
				parts = append(parts, above[i])
			case "...":
				parts = append(parts, above[:len(above)-len(m)+2+i]...)
			default:
				parts = append(parts, part)
			}
		}
		all, above = append(all, strings.Join(parts, " ")), parts
	}
	return all
}

func (b dashboardBody) metrics() []string {
	var all []string
	for _, w := range b.Widgets {
		all = append(all, w.metrics()...)
	}
	return all
}

// TestDashboardShowsEverything: what fails, waits or is refused in a deployment can
// be seen on its dashboard.
func TestDashboardShowsEverything(t *testing.T) {
	s := synth(t, "full", full)
	for _, d := range []string{"eu-prod", "shop"} {
		got := s.dashboard(t, d).metrics()
		var want []string
		for path := range s.of("AWS::Lambda::Function") {
			if strings.HasPrefix(path, d+"/") || strings.HasPrefix(path, "Ingest/") {
				for _, metric := range []string{"Duration", "Errors", "Throttles", "ConcurrentExecutions"} {
					want = append(want, "AWS/Lambda "+metric+" FunctionName ${"+path+"}")
				}
			}
		}
		for path := range s.of("AWS::StepFunctions::StateMachine") {
			if strings.HasPrefix(path, d+"/") {
				for _, metric := range []string{"Started", "Succeeded", "Failed", "TimedOut", "Aborted"} {
					want = append(want, "AWS/States Executions"+metric+" StateMachineArn ${"+path+"}")
				}
				want = append(want, "AWS/States ExecutionTime StateMachineArn ${"+path+"}")
			}
		}
		for path := range s.of("AWS::SQS::Queue") {
			if strings.HasPrefix(path, d+"/") {
				want = append(want, "AWS/SQS ApproximateNumberOfMessagesVisible QueueName ${"+path+".QueueName}")
			}
		}
		want = append(want, "AWS/Events FailedInvocations EventBusName ${Bus} RuleName "+d+"-site-offline")
		for _, name := range []string{"FailedLogins", "RefusedRequests", "RefusedAlerts", "TruncatedAlerts"} {
			want = append(want, "Sitefence "+name+" FunctionName ${Ingest/Ingest/Function}")
		}
		if len(want) < 6*4+3*6+1+1+4 {
			t.Fatalf("%s: only %d things are wanted", d, len(want))
		}
		for _, metric := range want {
			if !slices.Contains(got, metric) {
				t.Errorf("%s: not on the dashboard: %s", d, metric)
			}
		}
	}
}

// TestDashboardNamesOnlyItsOwn: nothing on a dashboard is another deployment's, and
// nothing on it does not exist.
func TestDashboardNamesOnlyItsOwn(t *testing.T) {
	s := synth(t, "full", full)
	groups, alarms := map[string]bool{}, map[string]bool{}
	for _, g := range s.of("AWS::Logs::LogGroup") {
		groups[s.text(g.Properties["LogGroupName"])] = true
	}
	for _, a := range s.of("AWS::CloudWatch::Alarm") {
		alarms[s.text(a.Properties["AlarmName"])] = true
	}
	shown := map[string]int{}
	for d, other := range map[string]string{"eu-prod": "shop", "shop": "eu-prod"} {
		b := s.dashboard(t, d)
		if i := strings.Index(b.Text, other); i >= 0 {
			t.Errorf("%s: names %s: %s", d, other, b.Text[max(i-60, 0):i+20])
		}
		for _, w := range b.Widgets {
			if query := w.Properties.Query; query != "" {
				group, _, ok := strings.Cut(strings.TrimPrefix(query, "SOURCE '"), "' | ")
				if !ok || !groups[group] {
					t.Errorf("%s: %s: no such log group: %s", d, w.Properties.Title, query)
				}
			}
			for _, arn := range w.Properties.Alarms {
				name, ok := strings.CutPrefix(arn, here("cloudwatch")+"alarm:")
				if !ok || !alarms[name] {
					t.Errorf("%s: no such alarm: %s", d, arn)
				}
				shown[name]++
			}
		}
	}
	// Every alarm is on the dashboard of its deployment, or on all.
	for name := range alarms {
		want := 2
		if strings.HasPrefix(name, "sitefence-eu-prod-") || strings.HasPrefix(name, "sitefence-shop-") {
			want = 1
		}
		if shown[name] != want {
			t.Errorf("alarm %s is on %d dashboards, want %d", name, shown[name], want)
		}
	}
}

// TestDashboardOfAPrefix: a deployment whose name begins with another's.
func TestDashboardOfAPrefix(t *testing.T) {
	s := synth(t, "prefix", func() config.Config {
		c := full()
		c.Deployments = []config.Deployment{stateless("shop", "1"), stateless("shop-eu", "2")}
		return c
	})
	for d, other := range map[string]string{"shop": "shop-eu", "shop-eu": "alarm:sitefence-shop-guard-failed"} {
		text := s.dashboard(t, d).Text
		if strings.Contains(text, other) {
			t.Errorf("%s has what is %s's", d, other)
		}
		if !strings.Contains(text, "alarm:sitefence-"+d+"-guard-failed") {
			t.Errorf("%s lacks its own alarms", d)
		}
	}
}

// TestDashboardLimits are CloudWatch's ("CloudWatch dashboards quotas") and the
// template's.
func TestDashboardLimits(t *testing.T) {
	for name, c := range map[string]func() config.Config{"full": full, "eight": eight} {
		s := synth(t, name, c)
		for _, d := range c().Deployments {
			b := s.dashboard(t, d.Name)
			if len(b.Widgets) > 500 {
				t.Errorf("%s: %d widgets of 500", d.Name, len(b.Widgets))
			}
			metrics := 0
			for _, w := range b.Widgets {
				metrics += len(w.Properties.Metrics)
				if len(w.Properties.Metrics) > 500 || len(w.Properties.Alarms) > 100 {
					t.Errorf("%s: %s holds too much", d.Name, w.Properties.Title)
				}
			}
			if metrics > 2500 {
				t.Errorf("%s: %d metrics of 2500", d.Name, metrics)
			}
			r, err := json.Marshal(s.one(t, "AWS::CloudWatch::Dashboard", "Dashboards/"+d.Name))
			if err != nil {
				t.Fatal(err)
			}
			if len(r) > 14<<10 {
				t.Errorf("%s: %d bytes of the template, want less than 14 KiB", d.Name, len(r))
			}
			if d.Name == "eu-prod" || strings.HasSuffix(d.Name, "-7") {
				t.Logf("%s: %d widgets, %d metrics, %d bytes of the template", d.Name, len(b.Widgets), metrics, len(r))
			}
		}
	}
}

// TestDashboardLayout: widgets lie side by side on the grid, without a hole between
// the rows.
func TestDashboardLayout(t *testing.T) {
	taken := map[[2]int]string{}
	bottom := 0
	for i, w := range synth(t, "full", full).dashboard(t, "eu-prod").Widgets {
		name := fmt.Sprintf("widget %d (%s%s)", i, w.Properties.Title, strings.SplitN(w.Properties.Markdown, "\n", 2)[0])
		if w.X < 0 || w.X+w.Width > 24 || w.Width < 1 || w.Height < 1 {
			t.Errorf("%s: outside of 24 columns: %+v", name, w)
		}
		for x := w.X; x < w.X+w.Width; x++ {
			for y := w.Y; y < w.Y+w.Height; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("%s lies on %s", name, other)
				}
				taken[[2]int{x, y}] = name
			}
		}
		bottom = max(bottom, w.Y+w.Height)
	}
	if len(taken) != 24*bottom {
		t.Errorf("%d of %d cells are taken", len(taken), 24*bottom)
	}
}

func TestDashboardLinks(t *testing.T) {
	text := synth(t, "full", full).dashboard(t, "eu-prod").Widgets[0].Properties.Markdown
	for _, link := range []string{
		"statemachines/view/${eu-prod/Guard/Machine})", "statemachines/view/${eu-prod/Fence/Machine})", "statemachines/view/${eu-prod/Restore/Machine})",
		"logGroupNameFilter$3Dsitefence-eu-prod-)", "logGroupNameFilter$3Dsitefence-ingest-)", "docs/runbooks/README.md)",
	} {
		if !strings.Contains(text, link) {
			t.Errorf("no link with %s in\n%s", link, text)
		}
	}
}

func TestDashboardsCanBeTurnedOff(t *testing.T) {
	s := synth(t, "full", full)
	names := map[string]string{}
	for path, r := range s.of("AWS::CloudWatch::Dashboard") {
		names[path] = s.text(r.Properties["DashboardName"])
	}
	want := map[string]string{"Dashboards/eu-prod": "sitefence-eu-prod", "Dashboards/shop": "sitefence-shop"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	off := synth(t, "bare", bare)
	if n := len(off.of("AWS::CloudWatch::Dashboard")); n != 0 {
		t.Errorf("%d dashboards though they are off", n)
	}
	for name := range maps.Keys(off.Outputs) {
		if strings.HasPrefix(name, "DashboardName") {
			t.Errorf("output %s though they are off", name)
		}
	}
}

// TestDashboardLinksTheRunbooksOfTheTeam: where the configuration says they are.
func TestDashboardLinksTheRunbooksOfTheTeam(t *testing.T) {
	body := string(synth(t, "watched", watched).JSON)
	if want := "https://wiki.example.com/sitefence/README.md"; !strings.Contains(body, want) {
		t.Errorf("no dashboard links %s", want)
	}
}
