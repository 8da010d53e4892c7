package infra_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/statemachine"
)

func TestRuleStartsTheGuardOfItsDeployment(t *testing.T) {
	s := synth(t, "full", full)
	for _, d := range []string{"eu-prod", "shop"} {
		rule := s.one(t, "AWS::Events::Rule", d+"/Trigger").Properties
		absent := []any{map[string]any{"exists": false}}
		want := map[string]any{
			"source": []any{"sitefence"}, "detail-type": []any{"Site Offline"},
			"detail": map[string]any{"version": []any{"1"}, "deployment": []any{d},
				"forced": absent, "operation": absent, "order": map[string]any{"by": absent}, "endpoints": map[string]any{"endpoint": absent}},
		}
		if diff := cmp.Diff(want, rule["EventPattern"]); diff != "" {
			t.Errorf("%s: pattern (-want +got):\n%s", d, diff)
		}
		if got := s.text(rule["EventBusName"]); got != "${Bus}" {
			t.Errorf("%s: bus %s", d, got)
		}
		targets := rule["Targets"].([]any)
		if len(targets) != 1 {
			t.Fatalf("%s: %d targets", d, len(targets))
		}
		target := targets[0].(map[string]any)
		retry := target["RetryPolicy"].(map[string]any)
		got := map[string]any{
			"arn": s.text(target["Arn"]), "role": s.text(target["RoleArn"]), "input": target["InputPath"],
			"age": retry["MaximumEventAgeInSeconds"], "retries": retry["MaximumRetryAttempts"],
			"dead letters": s.text(target["DeadLetterConfig"].(map[string]any)["Arn"]),
		}
		wantTarget := map[string]any{
			"arn": "${" + d + "/Guard/Machine}", "role": "${" + d + "/TriggerRole.Arn}", "input": "$.detail",
			"age": 900.0, "retries": 8.0, "dead letters": "${" + d + "/DeadLetters.Arn}",
		}
		if diff := cmp.Diff(wantTarget, got); diff != "" {
			t.Errorf("%s: target (-want +got):\n%s", d, diff)
		}
	}
}

func TestDeadLettersAreKeptSafely(t *testing.T) {
	s := synth(t, "full", full)
	for _, d := range []string{"eu-prod", "shop"} {
		queue := s.one(t, "AWS::SQS::Queue", d+"/DeadLetters")
		if queue.Properties["SqsManagedSseEnabled"] != true || queue.Properties["MessageRetentionPeriod"] != 1209600.0 {
			t.Errorf("%s: %v", d, queue.Properties)
		}
		var got []string
		for _, st := range statements(s.one(t, "AWS::SQS::QueuePolicy", d+"/DeadLetters/Policy").Properties["PolicyDocument"]) {
			got = append(got, s.statement(st))
		}
		queueARN := "${" + d + "/DeadLetters.Arn}"
		want := []string{
			"Deny <nil>: sqs:* on " + queueARN + " if Bool aws:SecureTransport false",
			"DeadLettersOfTheRule: sqs:SendMessage on " + queueARN + " if ArnEquals aws:SourceArn ${" + d + "/Trigger.Arn}",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: queue policy (-want +got):\n%s", d, diff)
		}
	}
}

var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

func TestMachinesAreTheFiles(t *testing.T) {
	s := synth(t, "full", full)
	for _, d := range []string{"eu-prod", "shop"} {
		arn := func(id string) string { return "${" + d + "/" + id + "/Function.Arn}" }
		for machine, want := range map[string]struct {
			definition    string
			substitutions map[string]string
		}{
			"Guard": {statemachine.Guard, map[string]string{
				"CheckHealthFunctionArn": arn("CheckHealth"), "FenceMachineArn": "${" + d + "/Fence/Machine}", "BusName": "${Bus}",
				"Deployment": d, "Rechecks": "8", "RecheckSeconds": "15", "AlertAgeSeconds": "600", "TurnSeconds": "3600",
			}},
			"Fence": {statemachine.Fence, map[string]string{
				"CheckHealthFunctionArn": arn("CheckHealth"), "UpdateAcceleratorFunctionArn": arn("UpdateAccelerator"),
				"TakeOfflineFunctionArn": arn("TakeOffline"), "BusName": "${Bus}",
				"Deployment": d, "Rechecks": "3", "RecheckSeconds": "5", "HalfwayRechecks": "8", "UpdateTries": "12", "DeployRechecks": "40",
			}},
			"Restore": {statemachine.Restore, map[string]string{
				"ResyncFunctionArn": arn("Resync"), "GuardMachineArn": "${" + d + "/Guard/Machine}",
			}},
		} {
			p := s.one(t, "AWS::StepFunctions::StateMachine", d+"/"+machine+"/Machine").Properties
			if s.definition(t, p) != want.definition {
				t.Errorf("%s %s: the definition is not the file's text", d, machine)
			}
			substitutions := map[string]string{}
			for k, v := range p["DefinitionSubstitutions"].(map[string]any) {
				substitutions[k] = s.text(v)
			}
			if diff := cmp.Diff(want.substitutions, substitutions); diff != "" {
				t.Errorf("%s %s: substitutions (-want +got):\n%s", d, machine, diff)
			}
			used := map[string]bool{}
			for _, m := range placeholder.FindAllStringSubmatch(want.definition, -1) {
				used[m[1]] = true
				if substitutions[m[1]] == "" {
					t.Errorf("%s %s: ${%s} stays unresolved", d, machine, m[1])
				}
			}
			for name := range substitutions {
				if !used[name] {
					t.Errorf("%s %s: no ${%s} in the definition", d, machine, name)
				}
			}
			if p["StateMachineType"] != "STANDARD" {
				t.Errorf("%s %s: type %v", d, machine, p["StateMachineType"])
			}
			if got := s.text(p["StateMachineName"]); got != "sitefence-"+d+"-"+strings.ToLower(machine)+"-${suffix}" {
				t.Errorf("%s %s: name %s", d, machine, got)
			}
		}
	}
}

func TestLongestMachineNameFits(t *testing.T) {
	s := synth(t, "eight", eight)
	for path, m := range s.of("AWS::StepFunctions::StateMachine") {
		name := strings.ReplaceAll(s.text(m.Properties["StateMachineName"]), "${suffix}", "12345678")
		if len(name) > 80 {
			t.Errorf("%s: %q has %d characters, Step Functions takes 80", path, name, len(name))
		}
	}
}

func TestFunctions(t *testing.T) {
	type function struct {
		Timeout, Memory, Reserved any
		Arch, Tracing             string
		Environment               map[string]string
	}
	fence := func(d string) map[string]string {
		return map[string]string{"SITEFENCE_FENCE_MACHINE_ARN": here("states") + "stateMachine:sitefence-" + d + "-fence-${suffix}"}
	}
	resync := func(d string) map[string]string {
		arn := func(machine string) string {
			return here("states") + "stateMachine:sitefence-" + d + "-" + machine + "-${suffix}"
		}
		return map[string]string{"SITEFENCE_FENCE_MACHINE_ARN": arn("fence"), "SITEFENCE_GUARD_MACHINE_ARN": arn("guard"), "SITEFENCE_RESTORE_MACHINE_ARN": arn("restore")}
	}
	got := func(s *synthesis) map[string]function {
		all := map[string]function{}
		for path, f := range s.of("AWS::Lambda::Function") {
			p := f.Properties
			if p["Runtime"] != "provided.al2023" || p["Handler"] != "bootstrap" {
				t.Errorf("%s: %v %v", path, p["Runtime"], p["Handler"])
			}
			one := function{Timeout: p["Timeout"], Memory: p["MemorySize"], Reserved: p["ReservedConcurrentExecutions"], Arch: s.text(p["Architectures"])}
			if tracing, ok := p["TracingConfig"].(map[string]any); ok {
				one.Tracing = s.text(tracing["Mode"])
			}
			if env, ok := p["Environment"].(map[string]any); ok {
				one.Environment = map[string]string{}
				for k, v := range env["Variables"].(map[string]any) {
					one.Environment[k] = s.text(v)
				}
			}
			all[path] = one
		}
		return all
	}
	want := map[string]function{
		"Ingest/Ingest/Function": {15.0, 512.0, 50.0, "arm64", "Active", map[string]string{
			"SITEFENCE_BUS": "${Bus}", "SITEFENCE_WEBHOOK_SECRET": "${Ingest/WebhookPassword}",
		}},
	}
	for _, d := range []string{"eu-prod", "shop"} {
		pause := map[string]string{"SITEFENCE_PAUSE_PARAMETER": "/sitefence/sitefence/" + d + "/pause-${suffix}"}
		inspect := map[string]string{"SITEFENCE_BUS": "${Bus}", "SITEFENCE_RULES": d + "-site-offline,take-offline-still-trying,site-fenced,site-rejoined"}
		maps.Copy(inspect, pause)
		maps.Copy(inspect, resync(d))
		delete(inspect, "SITEFENCE_GUARD_MACHINE_ARN")
		want[d+"/Inspect/Function"] = function{25.0, 512.0, nil, "arm64", "Active", inspect}
		want[d+"/CheckHealth/Function"] = function{20.0, 512.0, nil, "arm64", "Active", pause}
		want[d+"/UpdateAccelerator/Function"] = function{60.0, 512.0, 1.0, "arm64", "Active", fence(d)}
		want[d+"/Resync/Function"] = function{60.0, 512.0, 1.0, "arm64", "Active", resync(d)}
		want[d+"/TakeOffline/Function"] = function{30.0, 512.0, nil, "arm64", "Active", fence(d)}
	}
	if diff := cmp.Diff(want, got(synth(t, "full", full))); diff != "" {
		t.Errorf("full (-want +got):\n%s", diff)
	}
	for path, f := range got(synth(t, "bare", bare)) {
		if f.Reserved != nil || f.Arch != "x86_64" || f.Tracing != "" {
			t.Errorf("bare: %s: %+v", path, f)
		}
	}
}

func TestWhatIsGivenUpIsSaid(t *testing.T) {
	if got := synth(t, "full", full).Warnings; len(got) != 0 {
		t.Errorf("full: warnings %q", got)
	}
	got := synth(t, "bare", bare).Warnings
	for _, part := range []string{"tuning.reservedConcurrency is false", "deployment eu-prod, site site-a: insecureSkipVerify is true"} {
		if !slices.ContainsFunc(got, func(w string) bool { return strings.Contains(w, part) }) {
			t.Errorf("no warning %q in %q", part, got)
		}
	}
	if len(got) != 2 {
		t.Errorf("warnings %q", got)
	}
}

func TestFunctionURLIsOpenAndNothingElseIs(t *testing.T) {
	s := synth(t, "full", full)
	urls := s.of("AWS::Lambda::Url")
	if len(urls) != 1 {
		t.Fatalf("%d function URLs", len(urls))
	}
	for _, u := range urls {
		if u.Properties["AuthType"] != "NONE" || s.text(u.Properties["TargetFunctionArn"]) != "${Ingest/Ingest/Function.Arn}" {
			t.Errorf("%v", u.Properties)
		}
	}
	var got []map[string]any
	for _, p := range s.of("AWS::Lambda::Permission") {
		if s.text(p.Properties["FunctionName"]) != "${Ingest/Ingest/Function.Arn}" {
			t.Errorf("permission on another function: %v", p.Properties)
		}
		properties := maps.Clone(p.Properties) // the synthesis is shared
		delete(properties, "FunctionName")
		got = append(got, properties)
	}
	slices.SortFunc(got, func(a, b map[string]any) int {
		return strings.Compare(a["Action"].(string), b["Action"].(string))
	})
	want := []map[string]any{
		{"Action": "lambda:InvokeFunction", "Principal": "*", "InvokedViaFunctionUrl": true},
		{"Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("permissions (-want +got):\n%s", diff)
	}
}
