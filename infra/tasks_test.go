package infra_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/statemachine"
)

// ofTheService are the statements of a machine's role that Step Functions itself
// uses, not a task.
var ofTheService = map[string]string{
	"DeliverLog": "log delivery",
	"Trace":      "X-Ray segments",
}

// integration is how a task's Resource becomes a permission: the action, and
// which of the task's arguments names the resource.
type integration struct {
	action, argument string
	resource         func(value string) string
}

func as(value string) string { return value }

// integrations are those that the machines use. Source: Step Functions' guide,
// "IAM policies for integrated services"; aws-sdk:sfn:* take the API's own action.
var integrations = map[string]integration{
	"arn:aws:states:::lambda:invoke":                 {"lambda:InvokeFunction", "FunctionName", as},
	"arn:aws:states:::states:startExecution":         {"states:StartExecution", "StateMachineArn", as},
	"arn:aws:states:::aws-sdk:sfn:listExecutions":    {"states:ListExecutions", "StateMachineArn", as},
	"arn:aws:states:::aws-sdk:sfn:describeExecution": {"states:DescribeExecution", "ExecutionArn", executionsOf},
	"arn:aws:states:::events:putEvents":              {"events:PutEvents", "EventBusName", func(bus string) string { return strings.TrimSuffix(bus, "}") + ".Arn}" }},
}

// executionsOf is the resource of an execution's ARN that an expression makes of
// a machine's: its executions, whatever their names.
func executionsOf(machine string) string {
	deployment := strings.TrimSuffix(strings.TrimPrefix(machine, "${"), "/Fence/Machine}")
	return here("states") + "execution:sitefence-" + deployment + "-fence-${suffix}:*"
}

var named = regexp.MustCompile(`\$\{\w+\}`)

// TestMachinesMayDoWhatTheirTasksDo: every task has its permission, and every
// permission a task that needs it, on exactly that resource. The emulator does
// not enforce these roles, so this is where a missing one is found.
func TestMachinesMayDoWhatTheirTasksDo(t *testing.T) {
	s := synth(t, "full", full)
	for _, d := range []string{"eu-prod", "shop"} {
		for machine, definition := range map[string]string{
			"Guard": statemachine.Guard, "Fence": statemachine.Fence, "Restore": statemachine.Restore} {
			path := d + "/" + machine
			substitutions := map[string]string{}
			p := s.one(t, "AWS::StepFunctions::StateMachine", path+"/Machine").Properties
			for name, value := range p["DefinitionSubstitutions"].(map[string]any) {
				substitutions["${"+name+"}"] = s.text(value)
			}
			needed := neededBy(t, definition, substitutions)
			if diff := cmp.Diff(needed, s.grantedTo(t, path+"/Role")); diff != "" {
				t.Errorf("%s: permissions (-its tasks +its role):\n%s", path, diff)
			}
		}
	}
}

// neededBy lists what the tasks of a definition need, as `action on resource`.
func neededBy(t *testing.T, definition string, substitutions map[string]string) []string {
	t.Helper()
	var m struct {
		States map[string]struct {
			Type, Resource string
			Arguments      json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(definition), &m); err != nil {
		t.Fatal(err)
	}
	var needed []string
	for id, task := range m.States {
		switch task.Type {
		case "Task":
		case "Pass", "Choice", "Wait", "Succeed", "Fail":
			continue
		default:
			t.Fatalf("%s: a %s may hold tasks that this test does not see", id, task.Type)
		}
		how, ok := integrations[task.Resource]
		if !ok {
			t.Fatalf("%s: unknown integration %s: say which action it needs", id, task.Resource)
		}
		names := named.FindAllString(string(task.Arguments), -1)
		if !strings.Contains(string(task.Arguments), how.argument) || len(names) != 1 {
			t.Fatalf("%s: want one resource, named by %s, got %v in %s", id, how.argument, names, task.Arguments)
		}
		needed = append(needed, how.action+" on "+how.resource(substitutions[names[0]]))
	}
	slices.Sort(needed)
	return slices.Compact(needed)
}

// grantedTo lists what a role allows its machine's tasks, one action and one
// resource a line.
func (s *synthesis) grantedTo(t *testing.T, path string) []string {
	t.Helper()
	list := func(v any) []any {
		if all, ok := v.([]any); ok {
			return all
		}
		return []any{v}
	}
	policies := s.one(t, "AWS::IAM::Role", path).Properties["Policies"].([]any)
	var granted []string
	for _, st := range statements(policies[0].(map[string]any)["PolicyDocument"]) {
		if ofTheService[fmt.Sprint(st["Sid"])] != "" {
			continue
		}
		for _, action := range list(st["Action"]) {
			for _, resource := range list(st["Resource"]) {
				granted = append(granted, s.text(action)+" on "+s.text(resource))
			}
		}
	}
	slices.Sort(granted)
	return granted
}
