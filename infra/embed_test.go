package infra_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"

	infra "github.com/sitefence/sitefence/infra"
	"github.com/sitefence/sitefence/internal/config"
)

// only is the full configuration with one deployment.
func only(name string) config.Config {
	c := full()
	c.Deployments = []config.Deployment{stateless(name, name)}
	return c
}

// platform is a stack of another team.
func platform(t *testing.T) awscdk.Stack {
	t.Helper()
	app := awscdk.NewApp(&awscdk.AppProps{
		AnalyticsReporting: jsii.Bool(false), Outdir: jsii.String(t.TempDir()),
		Context: &map[string]any{"aws:cdk:enable-path-metadata": true},
	})
	return awscdk.NewStack(app, jsii.String("platform"), nil)
}

// parts makes the parts one by one, as examples/embedded does, but for the outputs.
func parts(t *testing.T, scope constructs.Construct, c config.Config) infra.Sitefence {
	t.Helper()
	assets := infra.Assets{Binaries: binaries, Staging: t.TempDir()}
	made := infra.Sitefence{Bus: infra.NewBus(scope)}
	var err error
	if made.Ingest, err = infra.NewIngest(scope, infra.IngestProps{Config: c, Assets: assets, Bus: made.Bus}); err != nil {
		t.Fatal(err)
	}
	d, err := infra.NewDeployment(scope, infra.DeploymentProps{Deployment: c.Deployments[0], Tuning: c.Tuning, Assets: assets, Bus: made.Bus})
	if err != nil {
		t.Fatal(err)
	}
	made.Deployments = []infra.Deployment{d}
	made.Notifications = infra.NewNotifications(scope, infra.NotificationsProps{Bus: made.Bus})
	schedules, err := infra.NewSchedules(scope, infra.SchedulesProps{Drift: c.Drift, Deployments: made.Deployments})
	if err != nil {
		t.Fatal(err)
	}
	// In another scope than the topic: its policy must admit them all the same.
	elsewhere := constructs.NewConstruct(scope, jsii.String("Watch"))
	infra.NewAlarms(elsewhere, infra.AlarmsProps{Notifications: made.Notifications, Bus: made.Bus, Ingest: made.Ingest, Deployments: made.Deployments, Schedules: schedules})
	return made
}

func read(t *testing.T, stack awscdk.Stack) *synthesis {
	t.Helper()
	s := &synthesis{paths: map[string]string{}}
	var err error
	if s.JSON, err = json.MarshalIndent(assertions.Template_FromStack(stack, nil).ToJSON(), "", "  "); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(s.JSON, s); err != nil {
		t.Fatal(err)
	}
	for id, r := range s.Resources {
		path, _ := r.Metadata["aws:cdk:path"].(string)
		s.paths[id] = strings.TrimSuffix(strings.TrimPrefix(path, *stack.StackName()+"/"), "/Resource")
	}
	return s
}

// names are the properties by which AWS names a resource.
var names = map[string]string{
	"AWS::CloudWatch::Alarm": "AlarmName", "AWS::CloudWatch::Dashboard": "DashboardName", "AWS::Events::EventBus": "Name",
	"AWS::Events::Rule": "Name", "AWS::IAM::Role": "RoleName", "AWS::Lambda::Function": "FunctionName", "AWS::Logs::LogGroup": "LogGroupName",
	"AWS::Scheduler::Schedule": "Name", "AWS::SNS::Topic": "TopicName", "AWS::SQS::Queue": "QueueName", "AWS::SSM::Parameter": "Name",
	"AWS::StepFunctions::StateMachine": "StateMachineName",
}

// TestOutputsOfPartsAreTheirOwn: taken one by one, too, two deployments whose
// outputs would share a name are refused, and by their names.
func TestOutputsOfPartsAreTheirOwn(t *testing.T) {
	err := infra.NewOutputs(platform(t), infra.Sitefence{Deployments: []infra.Deployment{{Name: "eu-prod"}, {Name: "eu--prod"}}})
	if err == nil || !strings.Contains(err.Error(), "eu-prod and eu--prod") {
		t.Errorf("got %v, want both deployments named", err)
	}
}

func TestPartsCanBeInAStackTwice(t *testing.T) {
	stack := platform(t)
	for _, id := range []string{"north", "south"} {
		parts(t, constructs.NewConstruct(stack, jsii.String(id)), only(id+"-login"))
	}
	s := read(t, stack)
	taken := map[string]string{}
	var prefixes []string
	for id, r := range s.Resources {
		name := s.text(r.Properties[names[r.Type]])
		if name == "" {
			continue // CloudFormation makes one
		}
		if bus := s.text(r.Properties["EventBusName"]); bus != "" {
			name = bus + "/" + name // a rule's name is of its bus
		}
		key := r.Type + " " + name
		if other := taken[key]; other != "" {
			t.Errorf("%s and %s are both %s", other, s.paths[id], key)
		}
		taken[key] = s.paths[id]
		if r.Type == "AWS::CloudWatch::Alarm" && !strings.HasPrefix(name, "platform-north-") && !strings.HasPrefix(name, "platform-south-") {
			t.Errorf("%s: an alarm %s, which no topic admits", s.paths[id], name)
		}
	}
	if len(taken) < 60 {
		t.Errorf("%d names, want those of two deployments", len(taken))
	}
	for path, r := range s.of("AWS::SNS::TopicPolicy") {
		if text := fmt.Sprint(s.usersOf(r)); strings.Contains(text, ":alarm:platform-north-*") || strings.Contains(text, ":alarm:platform-south-*") {
			prefixes = append(prefixes, path)
		}
	}
	slices.Sort(prefixes)
	if diff := cmp.Diff([]string{"north/Notifications/Topic/Policy", "south/Notifications/Topic/Policy"}, prefixes); diff != "" {
		t.Errorf("topics that admit their own alarms (-want +got):\n%s", diff)
	}
}

func TestWholeCanBeInAnotherStack(t *testing.T) {
	stack := platform(t)
	props := infra.StackProps{Config: full(), Assets: infra.Assets{Binaries: binaries, Staging: t.TempDir()}}
	if _, err := infra.NewSitefence(stack, "Fence", props); err != nil {
		t.Fatal(err)
	}
	s := read(t, stack)
	own := synth(t, "full", full)
	if len(s.Resources) != len(own.Resources) {
		t.Errorf("%d resources, want the %d of the stack of its own", len(s.Resources), len(own.Resources))
	}
	// The command finds its way by the outputs' names, whatever the stack is called.
	for name := range own.Outputs {
		if _, ok := s.Outputs[name]; !ok {
			t.Errorf("no output %s", name)
		}
	}
	for path, f := range s.of("AWS::Lambda::Function") {
		tags := fmt.Sprint(f.Properties["Tags"])
		for _, want := range []string{"sitefence:release", "platform-Fence", "identity"} {
			if !strings.Contains(tags, want) {
				t.Errorf("%s: tags %s, want %s among them", path, tags, want)
			}
		}
	}
	props.Config = only("other")
	if _, err := infra.NewSitefence(stack, "Second", props); err == nil || !strings.Contains(err.Error(), "has the outputs of Sitefence already") {
		t.Errorf("a second one: %v, want it refused: the outputs' names are taken", err)
	}
}

func TestOneNameInAStackIsOneDeployment(t *testing.T) {
	stack := platform(t)
	bus := infra.NewBus(stack)
	assets := infra.Assets{Binaries: binaries, Staging: t.TempDir()}
	var err error
	for _, name := range []string{"prod-1", "prod1"} { // both have the outputs …Prod1
		scope := constructs.NewConstruct(stack, jsii.String("of "+name))
		_, err = infra.NewDeployment(scope, infra.DeploymentProps{Deployment: stateless(name, name), Tuning: full().Tuning, Assets: assets, Bus: bus})
	}
	if err == nil || !strings.Contains(err.Error(), "Prod1 already") {
		t.Errorf("got %v, want the second one refused", err)
	}
}

func TestConfigurationThatNobodyLoadedIsRefused(t *testing.T) {
	for name, tuning := range map[string]config.Tuning{
		"empty":             {},
		"without retention": {Architecture: config.ARM64},
		"odd retention":     {Architecture: config.AMD64, LogRetentionDays: 12},
		"odd architecture":  {Architecture: "x86", LogRetentionDays: 30},
	} {
		t.Run(name, func(t *testing.T) {
			c := only("login")
			c.Tuning = tuning
			stack := platform(t)
			bus := infra.NewBus(stack)
			_, ingest := infra.NewIngest(stack, infra.IngestProps{Config: c, Bus: bus})
			_, deployment := infra.NewDeployment(stack, infra.DeploymentProps{Deployment: c.Deployments[0], Tuning: tuning, Bus: bus})
			for _, err := range []error{ingest, deployment} {
				if err == nil || !strings.Contains(err.Error(), "LoadConfig") {
					t.Errorf("got %v, want what to do", err)
				}
			}
		})
	}
}

// TestStagingIsOfEachCall: two stacks of one app may have a deployment of one name,
// and one's configuration must not become the other's.
func TestStagingIsOfEachCall(t *testing.T) {
	assets := infra.Assets{Binaries: binaries, Staging: t.TempDir()}
	first, err := assets.Stage("login", "inspect", "first")
	if err != nil {
		t.Fatal(err)
	}
	second, err := assets.Stage("login", "inspect", "second")
	if err != nil || first == second {
		t.Errorf("both in %s: %v", first, err)
	}
	if err := assets.Remove(); err != nil {
		t.Fatal(err)
	}
}
