package infra_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/infra"
	"github.com/sitefence/sitefence/internal/config"
)

// watched has what is off in full: heartbeats, a key of the stack's own, a chat.
func watched() config.Config {
	c := full()
	c.Deployments[0].HeartbeatSilence = minutes(15)
	c.Notifications = config.Notifications{Encrypted: true, ChatTopic: true, Runbooks: "https://wiki.example.com/sitefence"}
	return c
}

// alarmed are the metrics that page, as `namespace name dimensions`.
func (s *synthesis) alarmed() map[string]bool {
	all := map[string]bool{}
	for _, a := range s.of("AWS::CloudWatch::Alarm") {
		if p := a.Properties; strings.Contains(s.text(p["AlarmActions"]), "${Notifications/Topic}") && p["ActionsEnabled"] != false {
			all[s.metric(p)] = true
		}
	}
	return all
}

// metric writes an alarm's metric, dimensions sorted.
func (s *synthesis) metric(p map[string]any) string {
	var dimensions []string
	for _, d := range p["Dimensions"].([]any) {
		dimension := d.(map[string]any)
		dimensions = append(dimensions, s.text(dimension["Name"])+"="+s.text(dimension["Value"]))
	}
	slices.Sort(dimensions)
	return fmt.Sprintf("%v %v %s", p["Namespace"], p["MetricName"], strings.Join(dimensions, " "))
}

// unthrottled are the functions whose throttles page nobody, each with the reason.
var unthrottled = map[string]string{
	"Inspect": "checks for drift that do not run have an alarm, and a person who calls sees the refusal",
	"Resync":  "a restore that is throttled for longer fails, which pages; a person waits for it",
}

// unwatched is each failure of the template's resources that no alarm would tell.
func (s *synthesis) unwatched() []string {
	var missing []string
	have := s.alarmed()
	want := func(metric string) {
		if !have[metric] {
			missing = append(missing, metric)
		}
	}
	for path := range s.of("AWS::StepFunctions::StateMachine") {
		for _, name := range []string{"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"} {
			want("AWS/States " + name + " StateMachineArn=${" + path + "}")
		}
	}
	for path := range s.of("AWS::Lambda::Function") {
		if unthrottled[filepath.Base(filepath.Dir(path))] == "" {
			want("AWS/Lambda Throttles FunctionName=${" + path + "}")
		}
	}
	for path := range s.of("AWS::Scheduler::ScheduleGroup") {
		want("AWS/Scheduler InvocationDroppedCount ScheduleGroup=${" + path + "}")
	}
	for _, r := range s.of("AWS::Scheduler::Schedule") {
		target := r.Properties["Target"].(map[string]any)
		if !strings.Contains(target["Input"].(string), `"drift":true`) {
			continue
		}
		// Whether it runs, what it finds: for each deployment that has a check.
		for _, metric := range []string{"AWS/Lambda Errors", "Sitefence Drift", "Sitefence OneSiteLeft"} {
			want(metric + " FunctionName=" + strings.TrimSuffix(s.text(target["Arn"]), ".Arn}") + "}")
		}
	}
	for path := range s.of("AWS::SQS::Queue") {
		want("AWS/SQS ApproximateNumberOfMessagesVisible QueueName=${" + path + ".QueueName}")
	}
	for _, r := range s.of("AWS::Events::Rule") {
		dimensions := "RuleName=" + s.text(r.Properties["Name"])
		if bus := s.text(r.Properties["EventBusName"]); bus != "" {
			dimensions = "EventBusName=" + bus + " " + dimensions
		}
		want("AWS/Events FailedInvocations " + dimensions)
		for _, target := range r.Properties["Targets"].([]any) {
			if target.(map[string]any)["DeadLetterConfig"] != nil {
				want("AWS/Events InvocationsFailedToBeSentToDlq " + dimensions)
			}
		}
	}
	slices.Sort(missing)
	return missing
}

// TestNothingFailsUnwatched: every machine fails, times out and is stopped under
// an alarm (a Fail state of any file ends in the first), every function, queue and
// rule has its own (but for unthrottled), and so have the checks for drift.
func TestNothingFailsUnwatched(t *testing.T) {
	for name, c := range map[string]func() config.Config{"full": full, "bare": bare, "watched": watched, "grown": grown} {
		if missing := synth(t, name, c).unwatched(); len(missing) > 0 {
			t.Errorf("%s: no alarm on\n%s", name, strings.Join(missing, "\n"))
		}
	}
}

// TestALostAlarmIsNoticed: the test above fails for each alarm of a resource that
// is taken away, or that pages nobody.
func TestALostAlarmIsNoticed(t *testing.T) {
	s := synth(t, "full", full)
	silent := *s
	silent.Resources = maps.Clone(s.Resources)
	maps.DeleteFunc(silent.Resources, func(_ string, r resource) bool { return r.Type == "AWS::CloudWatch::Alarm" })
	demanded := silent.unwatched()
	noticed := 0
	for id, r := range s.Resources {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		metric := s.metric(r.Properties)
		if !slices.Contains(demanded, metric) {
			// What a function counts while it works, and ingest's own: wantAlarms has them.
			if !strings.Contains(metric, "${Ingest/Ingest/Function}") && !strings.Contains(metric, " BrokenPauses ") {
				t.Errorf("%s: no failure demands this alarm", metric)
			}
			continue
		}
		muted := r
		muted.Properties = maps.Clone(r.Properties)
		muted.Properties["AlarmActions"] = nil
		for _, change := range []func(map[string]resource){
			func(all map[string]resource) { delete(all, id) },
			func(all map[string]resource) { all[id] = muted },
		} {
			changed := *s
			changed.Resources = maps.Clone(s.Resources)
			change(changed.Resources)
			if missing := changed.unwatched(); len(missing) != 1 || missing[0] != metric {
				t.Errorf("without %s: missing %q", metric, missing)
				continue
			}
			noticed++
		}
	}
	if noticed < 2*30 {
		t.Errorf("%d losses noticed: the test looks at nothing", noticed)
	}
}

// quiet are the metrics of functions without an alarm, each with the reason.
var quiet = map[string]string{
	"PausedReports": "an operator's own order, and SiteOffline reaches people by itself",
}

// TestEveryCountedMetricHasAnAlarm: a function that counts what nobody hears of
// might as well not.
func TestEveryCountedMetricHasAnAlarm(t *testing.T) {
	have := map[string]bool{}
	for metric := range synth(t, "watched", watched).alarmed() {
		have[strings.Fields(metric)[1]] = true
	}
	names := countedMetrics(t)
	for _, name := range names {
		if have[name] == (quiet[name] != "") {
			t.Errorf("%s: alarm %v, reason for none %q", name, have[name], quiet[name])
		}
	}
	if len(names) < 7 {
		t.Errorf("only %q are counted: the test reads the wrong file", names)
	}
}

// countedMetrics are the constants of internal/metric that have their own value
// as a name, in the block of metrics.
func countedMetrics(t *testing.T) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/metric/metric.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		block, ok := d.(*ast.GenDecl)
		if !ok || !strings.HasPrefix(block.Doc.Text(), "The metrics") {
			continue
		}
		for _, spec := range block.Specs {
			names = append(names, strings.Trim(spec.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value, `"`))
		}
	}
	return names
}

// unexplained are the Fail states of a machine's definition that a runbook names
// neither by the state's name nor by its error.
func unexplained(t *testing.T, definition []byte, runbook string) (missing []string) {
	t.Helper()
	var machine struct {
		States map[string]struct{ Type, Error string }
	}
	if err := json.Unmarshal(definition, &machine); err != nil {
		t.Fatal(err)
	}
	for name, state := range machine.States {
		if state.Type == "Fail" && !strings.Contains(runbook, "`"+name+"`") && (state.Error == "" || !strings.Contains(runbook, "`"+state.Error+"`")) {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return missing
}

// TestEveryFailStatePages: each file of a machine is deployed with an alarm, whose
// runbook says what to do for each of the file's Fail states.
func TestEveryFailStatePages(t *testing.T) {
	files, err := filepath.Glob("../statemachine/*.asl.json")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v", files, err)
	}
	s := synth(t, "full", full)
	runbooks := map[string]string{}
	for _, a := range s.of("AWS::CloudWatch::Alarm") {
		runbooks[s.metric(a.Properties)] = linked(s, a)
	}
	for _, file := range files {
		definition, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		for _, d := range []string{"eu-prod", "shop"} {
			path := d + "/" + strings.ToUpper(name[:1]) + name[1:] + "/Machine"
			s.one(t, "AWS::StepFunctions::StateMachine", path)
			runbook := runbooks["AWS/States ExecutionsFailed StateMachineArn=${"+path+"}"]
			if runbook == "" {
				t.Errorf("%s: no alarm for its Fail states", path)
				continue
			}
			text := readRunbook(t, runbook)
			for _, state := range unexplained(t, definition, text) {
				t.Errorf("%s: %s.md says nothing of the Fail state %s", file, runbook, state)
			}
		}
	}
	if diff := unexplained(t, []byte(`{"States":{"New":{"Type":"Fail","Error":"Newer"},"Old":{"Type":"Fail"},"Known":{"Type":"Fail","Error":"X"},"Task":{"Type":"Task"}}}`), "| `X` | `Old` |"); !slices.Equal(diff, []string{"New"}) {
		t.Errorf("unexplained says %q, want New", diff)
	}
}

var runbookLink = regexp.MustCompile(`Runbook: (\S+)/([a-z0-9-]+)\.md$`)

// linked is the name of the runbook that an alarm links.
func linked(s *synthesis, alarm resource) string {
	if m := runbookLink.FindStringSubmatch(s.text(alarm.Properties["AlarmDescription"])); m != nil {
		return m[2]
	}
	return ""
}

// TestTwoSitesWithOneAlarmAreRefused: names with hyphens may add up to the same.
func TestTwoSitesWithOneAlarmAreRefused(t *testing.T) {
	c := full()
	one, other := stateless("a", "1"), stateless("a-b", "2")
	one.Sites[0].Name, other.Sites[0].Name = "b-c", "c"
	one.HeartbeatSilence, other.HeartbeatSilence = minutes(15), minutes(15)
	c.Deployments = []config.Deployment{one, other}
	_, err := infra.NewStack(newApp(t), "sitefence", infra.StackProps{Config: c})
	if err == nil || !strings.Contains(err.Error(), "site b-c of deployment a and site c of deployment a-b") {
		t.Errorf("got %v, want both", err)
	}
}
