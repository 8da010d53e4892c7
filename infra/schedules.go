package infra

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/sitefence/sitefence/internal/config"
)

// SchedulesProps says what is called by the clock.
type SchedulesProps struct {
	Drift       config.Drift // Config.Drift
	Tuning      config.Tuning
	Deployments []Deployment
}

// Schedules is what the alarms need of them; the zero value is none.
type Schedules struct {
	group *string // its name; nil: there is nothing to call
	drift config.Drift
}

// schedule calls one function with one input, again and again.
type schedule struct {
	id, name    string // the name is its own in the group
	description string
	minutes     int
	function    awslambda.Function
	input       string
	// age is for how many seconds a call that Lambda does not take is tried again,
	// tries how often at most. (The default is 185 times, for a day.)
	age, tries int
}

// NewSchedules makes what is called by the clock: each deployment's check for
// drift, and the call that keeps a function in a network awake. Neither changes
// anything: both functions only read. Without it a deployment in a network says at
// synthesis that nothing keeps it awake.
func NewSchedules(scope constructs.Construct, props SchedulesProps) (Schedules, error) {
	made := Schedules{drift: props.Drift}
	of := map[string][]schedule{}
	var functions []string
	for _, d := range props.Deployments {
		var all []schedule
		if props.Drift.Enabled {
			check, err := driftCheck(d)
			if err != nil {
				return made, fmt.Errorf("deployment %s: %w", d.Name, err)
			}
			all = append(all, check)
		}
		if d.network.there() {
			all = append(all, stayAwake(d))
			awscdk.Annotations_Of(d.scope).AcknowledgeWarning(jsii.String(sleepy), jsii.String("a schedule keeps it awake"))
		}
		for _, s := range all {
			functions = append(functions, *s.function.FunctionArn())
		}
		of[d.Name] = all
	}
	if len(functions) == 0 {
		return made, nil
	}
	scope = enter(scope, "Schedules")
	bound(scope, props.Tuning)
	// A group of its own: the Scheduler names a schedule's group, never the
	// schedule, when it takes a role (its guide, "Confused deputy prevention"). In
	// the account's default group anybody's schedule could take this one. A role for
	// each schedule would be taken by the same group, so there is one.
	group := awsscheduler.NewCfnScheduleGroup(scope, jsii.String("Group"), &awsscheduler.CfnScheduleGroupProps{})
	made.group = group.Ref()
	role := newRole(scope, "Role", roleProps{
		Service:     "scheduler.amazonaws.com",
		Description: "Sitefence: calls what only reads, by the clock",
		SourceARN:   *group.AttrArn(),
		Statements:  []awsiam.PolicyStatement{allowEach("Call", functions, "lambda:InvokeFunction")},
	})
	for _, d := range props.Deployments {
		if len(of[d.Name]) == 0 {
			continue
		}
		within := constructs.NewConstruct(scope, jsii.String(d.Name))
		for _, s := range of[d.Name] {
			newSchedule(within, s, group, role)
		}
	}
	return made, nil
}

func newSchedule(scope constructs.Construct, s schedule, group awsscheduler.CfnScheduleGroup, role awsiam.IRole) {
	awsscheduler.NewCfnSchedule(scope, jsii.String(s.id), &awsscheduler.CfnScheduleProps{
		Name:               jsii.String(s.name),
		Description:        jsii.String(s.description),
		GroupName:          group.Ref(),
		ScheduleExpression: jsii.String(fmt.Sprintf("rate(%d minutes)", s.minutes)),
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
		State:              jsii.String("ENABLED"),
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn:     s.function.FunctionArn(),
			RoleArn: role.RoleArn(),
			Input:   jsii.String(s.input),
			RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
				MaximumEventAgeInSeconds: jsii.Number(s.age),
				MaximumRetryAttempts:     jsii.Number(s.tries),
			},
		},
	})
}

// scheduleAlarms is one for the group: the Scheduler's metrics know no schedule. It
// counts what Lambda did not take, to the last try. What Lambda took and nobody
// hears of is driftAlarms' to tell.
func scheduleAlarms(s Schedules) []alarm {
	if s.group == nil {
		return nil
	}
	return []alarm{{
		name: "schedule-failed", runbook: "drift-check-failing",
		do:      "Look at the schedules' role and at the account's concurrency: Lambda did not take a call by the clock, so drift may go unnoticed, or a function in a network may fall asleep.",
		metric:  metric{"AWS/Scheduler", "InvocationDroppedCount", "Sum", map[string]*string{"ScheduleGroup": s.group}},
		seconds: checkEvery * 60,
	}}
}
