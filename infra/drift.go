package infra

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	emf "github.com/sitefence/sitefence/internal/metric"
)

// checkEvery is how far apart the checks for drift are, in minutes.
const checkEvery = 5

// DriftProps says what is checked.
type DriftProps struct {
	Drift       config.Drift
	Deployments []Deployment
}

// NewDrift makes the schedules that let each deployment's Inspect function look
// for drift. Nothing of it may change anything: the function is read only, and a
// schedule's role may call that one function and nothing else.
func NewDrift(scope constructs.Construct, props DriftProps) error {
	if !props.Drift.Enabled {
		return nil
	}
	scope = enter(scope, "Drift")
	// A group of its own: the Scheduler names a schedule's group, never the
	// schedule, when it takes a role (its guide, "Confused deputy prevention"). In
	// the account's default group anybody's schedule could take these.
	group := awsscheduler.NewCfnScheduleGroup(scope, jsii.String("Group"), &awsscheduler.CfnScheduleGroupProps{})
	for _, d := range props.Deployments {
		if err := newCheck(scope, group, d); err != nil {
			return fmt.Errorf("deployment %s: %w", d.Name, err)
		}
	}
	return nil
}

func newCheck(scope constructs.Construct, group awsscheduler.CfnScheduleGroup, d Deployment) error {
	scope = constructs.NewConstruct(scope, jsii.String(d.Name))
	input, err := json.Marshal(contract.InspectInput{Version: contract.Version, Deployment: d.Name, Drift: true})
	if err != nil {
		return fmt.Errorf("encoding the check's input: %w", err)
	}
	role := newRole(scope, "Role", roleProps{
		Service:     "scheduler.amazonaws.com",
		Description: "Sitefence: checks " + d.Name + " for drift",
		SourceARN:   *group.AttrArn(),
		Statements:  []awsiam.PolicyStatement{allow("Check", *d.Inspect.FunctionArn(), "lambda:InvokeFunction")},
	})
	awsscheduler.NewCfnSchedule(scope, jsii.String("Schedule"), &awsscheduler.CfnScheduleProps{
		Name:               jsii.String(d.Name + "-drift"),
		Description:        jsii.String("Sitefence: checks " + d.Name + " for drift; read only"),
		GroupName:          group.Ref(),
		ScheduleExpression: jsii.String(fmt.Sprintf("rate(%d minutes)", checkEvery)),
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
		State:              jsii.String("ENABLED"),
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn:     d.Inspect.FunctionArn(),
			RoleArn: role.RoleArn(),
			Input:   jsii.String(string(input)),
			// The next check is the retry. (The default is 185 of them, for a day.)
			RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
				MaximumEventAgeInSeconds: jsii.Number(60),
				MaximumRetryAttempts:     jsii.Number(0),
			},
		},
	})
	return nil
}

// driftAlarms are those of one deployment's checks.
func driftAlarms(c config.Drift, d Deployment) []alarm {
	if !c.Enabled {
		return nil
	}
	function := d.Inspect.FunctionName()
	counted := func(name string) metric {
		return metric{emf.Namespace, name, "Sum", map[string]*string{emf.Dimension: function}}
	}
	of := func(name string) metric {
		return metric{"AWS/Lambda", name, "Sum", map[string]*string{"FunctionName": function}}
	}
	hours := int(c.OneSiteLeftAfter / time.Hour)
	return []alarm{
		{
			// A fence or a restore passes through states that would be drift if they
			// stayed, and one look is no moment but a second or two. So: two of three
			// checks, which is ten minutes.
			name: d.Name + "-drift", runbook: "drift",
			do:      "Read which findings the log of Inspect names: " + d.Name + " is not as its last fence or restore left it, and writes or logins may fail.",
			metric:  counted(emf.Drift),
			seconds: checkEvery * 60, periods: 3, atLeast: 2,
			recovers: true,
		}, {
			// The function remembers nothing, so the alarm counts: hours in which most
			// of the twelve checks found one site alone. (One check would let an hour
			// of a flapping site count, all of them one that a failed check spoils.)
			name: d.Name + "-one-site-left", runbook: "one-site-left",
			do:      fmt.Sprintf("Bring the other site of %s back: one site has served alone for %d hours, and the next failure is an outage.", d.Name, hours),
			metric:  counted(emf.OneSiteLeft),
			seconds: 3600, periods: hours, threshold: 60 / checkEvery / 2,
			recovers: true,
		}, {
			// Not Errors: people call Inspect too, and theirs count there. Only what
			// was invoked by an event, as by the schedule, is dropped: when Lambda has
			// tried it three times.
			name: d.Name + "-drift-check-failing", runbook: "drift-check-failing",
			do:      "Read the log of Inspect: the checks of " + d.Name + " for drift crash or time out, so nobody would notice drift.",
			metric:  of("AsyncEventsDropped"),
			seconds: checkEvery * 60, periods: 3, atLeast: 2,
			recovers: true,
		}, {
			// A heartbeat for nothing: Lambda counts invocations anyway. Whoever calls
			// Inspect by hand stands in for the schedule only as long as they do.
			name: d.Name + "-drift-check-silent", runbook: "drift-check-failing",
			do:      "Look at the schedule " + d.Name + "-drift and its role: it has stopped to check " + d.Name + " for drift, so nobody would notice drift.",
			metric:  of("Invocations"),
			seconds: checkEvery * 60, periods: 3,
			stops: true, recovers: true,
		},
	}
}

// lookAfter is what Inspect needs to look after the rules and to know what runs:
// its environment and permissions.
func lookAfter(props DeploymentProps) (map[string]string, []awsiam.PolicyStatement) {
	name := props.Deployment.Name
	rules := append([]string{triggerRule(name)}, props.Rules...)
	var arns []string
	for _, r := range rules {
		arns = append(arns, props.Bus.ruleARN(r))
	}
	// ARNs made of names: a reference to what refers to the function, however far
	// around, would be a cycle.
	fence, restore := machineARN(machineName(name, "fence")), machineARN(machineName(name, "restore"))
	return map[string]string{
			config.EnvBus: props.Bus.Name, config.EnvRules: strings.Join(rules, ","),
			config.EnvFenceMachine: fence, config.EnvRestoreMachine: restore,
		}, []awsiam.PolicyStatement{
			allowEach("ReadRules", arns, "events:DescribeRule"),
			allowEach("SeeWhatRuns", []string{fence, restore}, "states:ListExecutions"),
		}
}
