package infra_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/google/go-cmp/cmp"

	infra "github.com/sitefence/sitefence/infra"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/release"
)

var update = flag.Bool("update", false, "write the golden template")

const golden = "testdata/full.template.json"

var assetHash = regexp.MustCompile(`[0-9a-f]{64}\.(zip|json)`)

// TestGolden shows in a review what a change of the app does to the template.
func TestGolden(t *testing.T) {
	var template map[string]any
	if err := json.Unmarshal(synth(t, "full", full).JSON, &template); err != nil {
		t.Fatal(err)
	}
	for _, r := range template["Resources"].(map[string]any) {
		r := r.(map[string]any)
		delete(r, "Metadata")
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(template); err != nil {
		t.Fatal(err)
	}
	got := assetHash.ReplaceAll(b.Bytes(), []byte("ASSET.$1"))
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("template (-want +got; go test -update writes it):\n%s", diff)
	}
}

// TestOnlyKnownResources keeps out what the CDK makes on the side (functions of
// its own, their roles), and what the local emulator refuses.
func TestOnlyKnownResources(t *testing.T) {
	want := []string{
		"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Events::EventBus", "AWS::Events::Rule", "AWS::IAM::Role", "AWS::Lambda::Function",
		"AWS::Lambda::Permission", "AWS::Lambda::Url", "AWS::Logs::LogGroup", "AWS::SNS::Subscription", "AWS::SNS::Topic",
		"AWS::SNS::TopicPolicy", "AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "AWS::SSM::Parameter", "AWS::Scheduler::Schedule", "AWS::Scheduler::ScheduleGroup", "AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine",
	}
	got := map[string]bool{}
	for _, r := range synth(t, "full", full).Resources {
		got[r.Type] = true
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("resource types (-want +got):\n%s", diff)
	}
}

func TestEightDeploymentsFitIntoAStack(t *testing.T) {
	s := synth(t, "eight", eight)
	// CloudFormation's quotas: resources, outputs, and the template's size.
	if n := len(s.Resources); n > 450 {
		t.Errorf("%d resources, want room below CloudFormation's 500", n)
	}
	if n := len(s.Outputs); n > 200 {
		t.Errorf("%d outputs of 200", n)
	}
	if s.Written > 1<<20 {
		t.Errorf("%d bytes of CloudFormation's 1 MiB", s.Written)
	}
	t.Logf("%d resources, %d KiB", len(s.Resources), s.Written>>10)
}

// TestLongestPolicyFits: IAM takes 10240 characters for all inline policies of a
// role.
func TestLongestPolicyFits(t *testing.T) {
	s := synth(t, "longest", longest)
	for path, r := range s.of("AWS::IAM::Role") {
		var size int
		for _, statement := range s.role(t, r) {
			size += len(statement)
		}
		if size > 9500 {
			t.Errorf("%s: inline policy of about %d characters", path, size)
		}
	}
}

func TestDestroyLeavesNothingButLogs(t *testing.T) {
	for name, c := range map[string]func() config.Config{"full": full, "bare": bare} {
		s := synth(t, name, c)
		for id, r := range s.Resources {
			if kept := r.DeletionPolicy != "" && r.DeletionPolicy != "Delete"; kept != (r.Type == "AWS::Logs::LogGroup") {
				t.Errorf("%s: %s: deletion policy %q", name, s.paths[id], r.DeletionPolicy)
			}
		}
	}
}

func TestLogs(t *testing.T) {
	s := synth(t, "full", full)
	groups := s.of("AWS::Logs::LogGroup")
	var got []string
	for path, g := range groups {
		if g.Properties["RetentionInDays"] != 90.0 || g.DeletionPolicy != "Retain" || g.UpdateReplace != "Retain" {
			t.Errorf("%s: %+v", path, g)
		}
		got = append(got, s.text(g.Properties["LogGroupName"]))
	}
	slices.Sort(got)
	want := []string{"/aws/lambda/sitefence-ingest-${suffix}"}
	for _, d := range []string{"eu-prod", "shop"} {
		for _, f := range []string{"checkhealth", "inspect", "resync", "takeoffline", "updateaccelerator"} {
			want = append(want, "/aws/lambda/sitefence-"+d+"-"+f+"-${suffix}")
		}
		for _, m := range []string{"guard", "fence", "restore"} {
			want = append(want, "/aws/vendedlogs/states/sitefence-"+d+"-"+m+"-${suffix}")
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log groups (-want +got):\n%s", diff)
	}
	for _, g := range synth(t, "bare", bare).of("AWS::Logs::LogGroup") {
		if g.Properties["RetentionInDays"] != 30.0 {
			t.Errorf("retention %v, want the configured 30", g.Properties["RetentionInDays"])
		}
	}
	for path, f := range s.of("AWS::Lambda::Function") {
		logging := f.Properties["LoggingConfig"].(map[string]any)
		if want := "${" + strings.TrimSuffix(path, "Function") + "Log}"; s.text(logging["LogGroup"]) != want || logging["LogFormat"] != "JSON" {
			t.Errorf("%s: logging %v", path, logging)
		}
	}
	for path, m := range s.of("AWS::StepFunctions::StateMachine") {
		logging := m.Properties["LoggingConfiguration"].(map[string]any)
		destination := logging["Destinations"].([]any)[0].(map[string]any)["CloudWatchLogsLogGroup"].(map[string]any)["LogGroupArn"]
		if want := "${" + strings.TrimSuffix(path, "Machine") + "Log.Arn}"; s.text(destination) != want ||
			logging["Level"] != "ALL" || logging["IncludeExecutionData"] != true {
			t.Errorf("%s: logging %v", path, logging)
		}
		if m.Properties["TracingConfiguration"].(map[string]any)["Enabled"] != true {
			t.Errorf("%s: tracing is off", path)
		}
	}
}

func TestOutputs(t *testing.T) {
	s := synth(t, "full", full)
	got := map[string]string{}
	for name, o := range s.Outputs {
		got[name] = s.text(o.Value)
	}
	want := map[string]string{
		"IngestUrl":             "${Ingest/Ingest/Function/FunctionUrl.FunctionUrl}",
		"BusName":               "${Bus}",
		"TopicArn":              "${Notifications/Topic}",
		"WebhookSecretArn":      "${Ingest/WebhookPassword}",
		"GuardMachineArnEuProd": "${eu-prod/Guard/Machine}",
		"FenceMachineArnEuProd": "${eu-prod/Fence/Machine}",
		"GuardMachineArnShop":   "${shop/Guard/Machine}",
		"FenceMachineArnShop":   "${shop/Fence/Machine}",
		"PauseParameterEuProd":  "/sitefence/sitefence/eu-prod/pause-${suffix}",
		"PauseParameterShop":    "/sitefence/sitefence/shop/pause-${suffix}",

		"DashboardNameEuProd":       "${Dashboards/eu-prod}",
		"DashboardNameShop":         "${Dashboards/shop}",
		"RestoreMachineArnEuProd":   "${eu-prod/Restore/Machine}",
		"RestoreMachineArnShop":     "${shop/Restore/Machine}",
		"InspectFunctionNameEuProd": "${eu-prod/Inspect/Function}",
		"InspectFunctionNameShop":   "${shop/Inspect/Function}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
}

func TestOutputsThatWouldShareANameAreRefused(t *testing.T) {
	c := full()
	c.Deployments = []config.Deployment{stateless("prod-1", "1"), stateless("prod1", "2")}
	app := awscdk.NewApp(nil)
	_, err := infra.NewStack(app, "sitefence", infra.StackProps{Config: c})
	if err == nil || !strings.Contains(err.Error(), "prod-1 and prod1") {
		t.Errorf("got %v, want both names", err)
	}
}

func TestWebhookSecret(t *testing.T) {
	generated := synth(t, "full", full).one(t, "AWS::SecretsManager::Secret", "Ingest/WebhookPassword").Properties
	want := map[string]any{"ExcludePunctuation": true, "PasswordLength": 40.0}
	if diff := cmp.Diff(want, generated["GenerateSecretString"]); diff != "" || generated["SecretString"] != nil {
		t.Errorf("generated secret (-want +got):\n%s", diff)
	}
	s := synth(t, "bare", bare)
	if extra := s.of("AWS::SecretsManager::Secret"); len(extra) > 0 {
		t.Errorf("a secret beside the configured one: %v", extra)
	}
	read := "ReadSecret: secretsmanager:GetSecretValue on " + here("secretsmanager") + "secret:webhook-??????"
	if got := s.role(t, s.one(t, "AWS::IAM::Role", "Ingest/Ingest/Role")); !slices.Contains(got, read) {
		t.Errorf("ingest's role %q, want %q", got, read)
	}
	if got := s.text(s.Outputs["WebhookSecretArn"].Value); got != "webhook" {
		t.Errorf("output %q, want the configured name", got)
	}
}

// TestNothingOfAFunctionsConfigurationIsInTheTemplate: templates are read by
// many; what a function needs to know is in its asset.
func TestNothingOfAFunctionsConfigurationIsInTheTemplate(t *testing.T) {
	for name, c := range map[string]func() config.Config{"full": full, "bare": bare} {
		template := string(synth(t, name, c).JSON)
		for _, part := range []string{caMarker, "https://a.example.com", "alertmanager"} {
			if strings.Contains(template, part) {
				t.Errorf("%s: the template holds %q", name, part)
			}
		}
	}
}

func TestEverythingIsTagged(t *testing.T) {
	s := synth(t, "full", full)
	untaggable := []string{"AWS::SNS::Subscription", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy", "AWS::Lambda::Permission", "AWS::Lambda::Url", "AWS::Scheduler::Schedule",
		"AWS::CloudWatch::Dashboard"}
	for id, r := range s.Resources {
		if slices.Contains(untaggable, r.Type) {
			continue
		}
		tags := map[string]string{}
		list, _ := r.Properties["Tags"].([]any)
		for _, tag := range list {
			tag := tag.(map[string]any)
			tags[s.text(tag["Key"])] = s.text(tag["Value"])
		}
		byName, _ := r.Properties["Tags"].(map[string]any) // of a parameter
		for key, value := range byName {
			tags[key] = s.text(value)
		}
		want := map[string]string{"sitefence": "sitefence", "team": "identity", "sitefence:release": release.Version}
		if d, _, _ := strings.Cut(s.paths[id], "/"); d == "eu-prod" || d == "shop" {
			want["sitefence:deployment"] = d
		}
		if diff := cmp.Diff(want, tags); diff != "" {
			t.Errorf("%s: tags (-want +got):\n%s", s.paths[id], diff)
		}
	}
}
