package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

type template struct {
	Resources map[string]struct {
		Type       string
		Properties map[string]any
	}
	Outputs map[string]any
}

// TestPlatformHasItsOwnAndSitefence synthesises the app as `cdk synth` does, the
// functions' real binaries included.
func TestPlatformHasItsOwnAndSitefence(t *testing.T) {
	out := t.TempDir()
	if err := synthesise(t.Context(), awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(out)})); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(out, "platform.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got template
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, r := range got.Resources {
		count[r.Type]++
	}
	for kind, least := range map[string]int{
		"AWS::Lambda::Function": 6, "AWS::StepFunctions::StateMachine": 3, "AWS::Events::EventBus": 1, "AWS::CloudWatch::Alarm": 10,
		"AWS::SQS::Queue": 2, // the team's and the dead letters
	} {
		if count[kind] < least {
			t.Errorf("%d of %s, want at least %d", count[kind], kind, least)
		}
	}
	for _, name := range []string{"IngestUrl", "GuardMachineArnLogin", "FenceMachineArnLogin"} {
		if _, ok := got.Outputs[name]; !ok {
			t.Errorf("no output %s, by which the sitefence command finds its way", name)
		}
	}
	subscribed := false
	for _, r := range got.Resources {
		subscribed = subscribed || r.Properties["Protocol"] == "sqs"
	}
	if !subscribed {
		t.Error("the team's queue is not subscribed to Sitefence's topic")
	}
	binaries, err := filepath.Glob(filepath.Join(out, "asset.*", "bootstrap"))
	if err != nil || len(binaries) != 6 {
		t.Errorf("binaries %v, %v; want those of 6 functions", binaries, err)
	}
	for _, path := range binaries {
		if info, err := os.Stat(path); err != nil || info.Size() < 1<<20 {
			t.Errorf("%s: %v, %v; want a real binary", path, info, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join("build", "functions", "assets-*")); len(left) > 0 {
		t.Errorf("left behind: %s", strings.Join(left, " "))
	}
}
