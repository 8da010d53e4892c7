package infra_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

var driftAlarm = regexp.MustCompile(`-(drift|one-site-left|drift-check-failing)$`)

// TestDriftAlarms: metric, periods and what ends them. What is judged over
// several checks must not page for one.
func TestDriftAlarms(t *testing.T) {
	s := synth(t, "full", full)
	got := map[string]string{}
	for _, a := range s.of("AWS::CloudWatch::Alarm") {
		p := a.Properties
		name := s.text(p["AlarmName"])
		if !driftAlarm.MatchString(name) {
			continue
		}
		dimension := p["Dimensions"].([]any)[0].(map[string]any)
		line := fmt.Sprintf("%v %v %v of %s=%s %v %v, %v of %v periods of %v s, missing is %v", p["Statistic"], p["Namespace"], p["MetricName"], dimension["Name"], s.text(dimension["Value"]),
			p["ComparisonOperator"], p["Threshold"], p["DatapointsToAlarm"], p["EvaluationPeriods"], p["Period"], p["TreatMissingData"])
		for kind, actions := range map[string]any{"alarm": p["AlarmActions"], "end": p["OKActions"]} {
			if s.text(actions) != "${Notifications/Topic}" {
				t.Errorf("%s: %s is told to %v", name, kind, actions)
			}
		}
		if p["InsufficientDataActions"] != nil {
			line += ", told when it stops"
		}
		got[name] = line
	}
	want := map[string]string{}
	for _, d := range []string{"eu-prod", "shop"} {
		function := " of FunctionName=${" + d + "/Inspect/Function} "
		want["sitefence-"+d+"-drift"] = "Sum Sitefence Drift" + function + "GreaterThanOrEqualToThreshold 1, 2 of 3 periods of 300 s, missing is notBreaching"
		want["sitefence-"+d+"-one-site-left"] = "Sum Sitefence OneSiteLeft" + function + "GreaterThanOrEqualToThreshold 6, 24 of 24 periods of 3600 s, missing is notBreaching"
		want["sitefence-"+d+"-drift-check-failing"] = "Minimum AWS/Lambda Errors" + function + "GreaterThanOrEqualToThreshold 1, 3 of 3 periods of 300 s, missing is missing, told when it stops"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLongestOneSiteLeft: an alarm looks back over seven days at most.
func TestLongestOneSiteLeft(t *testing.T) {
	s := synth(t, "week", func() config.Config {
		c := full()
		c.Drift.OneSiteLeftAfter = 168 * time.Hour
		return c
	})
	for path, a := range s.of("AWS::CloudWatch::Alarm") {
		p := a.Properties
		window := p["Period"].(float64) * p["EvaluationPeriods"].(float64)
		if limit := 7 * 86400.0; window > limit || p["Period"].(float64) < 3600 && window > 86400 {
			t.Errorf("%s looks back over %.0f s", path, window)
		}
		if strings.HasSuffix(path, "one-site-left") && window != 7*86400 {
			t.Errorf("%s: %.0f s, want the week", path, window)
		}
	}
}

// TestSchedules: one for each deployment, which calls its Inspect with an input
// that this release takes as a check of this very deployment.
func TestSchedules(t *testing.T) {
	s := synth(t, "full", full)
	if n := len(s.of("AWS::Scheduler::Schedule")); n != 2 {
		t.Errorf("%d schedules", n)
	}
	for _, d := range []string{"eu-prod", "shop"} {
		p := s.one(t, "AWS::Scheduler::Schedule", "Schedules/"+d+"/Drift").Properties
		target := p["Target"].(map[string]any)
		var in contract.InspectInput
		if err := json.Unmarshal([]byte(target["Input"].(string)), &in); err != nil {
			t.Fatal(err)
		}
		if err := in.Validate(); err != nil || in != (contract.InspectInput{Version: contract.Version, Deployment: d, Drift: true}) {
			t.Errorf("%s: input %+v, %v", d, in, err)
		}
		got := []string{s.text(p["Name"]), s.text(p["GroupName"]), s.text(p["ScheduleExpression"]), s.text(p["State"]), s.text(target["Arn"]), s.text(target["RoleArn"])}
		want := []string{d + "-drift", "${Schedules/Group}", "rate(5 minutes)", "ENABLED", "${" + d + "/Inspect/Function.Arn}", "${Schedules/Role.Arn}"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", d, diff)
		}
		retry := map[string]any{"MaximumEventAgeInSeconds": 240.0, "MaximumRetryAttempts": 3.0}
		if diff := cmp.Diff(retry, target["RetryPolicy"]); diff != "" {
			t.Errorf("%s: retries (-want +got):\n%s", d, diff)
		}
	}
}

// TestDriftOff leaves nothing of it behind: no schedule, no role, no alarm.
func TestDriftOff(t *testing.T) {
	s := synth(t, "bare", bare)
	for id, r := range s.Resources {
		if strings.HasPrefix(r.Type, "AWS::Scheduler::") || strings.HasPrefix(s.paths[id], "Schedules") ||
			r.Type == "AWS::CloudWatch::Alarm" && driftAlarm.MatchString(s.text(r.Properties["AlarmName"])) {
			t.Errorf("%s %s", r.Type, s.paths[id])
		}
	}
}

// TestInspectIsToldOfTheRules: exactly those that the stack has and the role may
// read; a rule that is not looked after loses its events without a word.
func TestInspectIsToldOfTheRules(t *testing.T) {
	s := synth(t, "full", full)
	rules := map[string]bool{}
	for _, r := range s.of("AWS::Events::Rule") {
		rules[s.text(r.Properties["Name"])] = true
	}
	watched := map[string]bool{}
	for _, d := range []string{"eu-prod", "shop"} {
		f := s.one(t, "AWS::Lambda::Function", d+"/Inspect/Function").Properties
		variables := f["Environment"].(map[string]any)["Variables"].(map[string]any)
		if got := s.text(variables[config.EnvBus]); got != "${Bus}" {
			t.Errorf("%s: bus %s", d, got)
		}
		for name := range strings.SplitSeq(s.text(variables[config.EnvRules]), ",") {
			watched[name] = true
		}
		for name, machine := range map[string]string{config.EnvFenceMachine: "fence", config.EnvRestoreMachine: "restore"} {
			if got, want := s.text(variables[name]), here("states")+"stateMachine:sitefence-"+d+"-"+machine+"-${suffix}"; got != want {
				t.Errorf("%s: %s is %s, want %s", d, name, got, want)
			}
		}
	}
	if diff := cmp.Diff(rules, watched); diff != "" {
		t.Errorf("rules (-there +looked after):\n%s", diff)
	}
}

// TestInspectMayChangeNothing: whatever is added to its role later.
func TestInspectMayChangeNothing(t *testing.T) {
	reads := regexp.MustCompile(`^[a-z]+:(Get|List|Describe)[A-Za-z]+$`)
	its := map[string]bool{"logs:CreateLogStream": true, "logs:PutLogEvents": true, "xray:PutTraceSegments": true, "xray:PutTelemetryRecords": true}
	s := synth(t, "full", full)
	for _, d := range []string{"eu-prod", "shop"} {
		role := s.one(t, "AWS::IAM::Role", d+"/Inspect/Role")
		for _, line := range s.role(t, role)[1:] {
			_, rest, _ := strings.Cut(line, ": ")
			actions, _, _ := strings.Cut(rest, " on ")
			for action := range strings.FieldsSeq(actions) {
				if !reads.MatchString(action) && !its[action] {
					t.Errorf("%s: Inspect may %s", d, action)
				}
			}
		}
	}
}
