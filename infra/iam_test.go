package infra_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// here is the beginning of an ARN of the stack's own account and Region.
func here(service string) string {
	return "arn:${AWS::Partition}:" + service + ":${AWS::Region}:${AWS::AccountId}:"
}

// sourceIs is the condition under which a service takes a role.
func sourceIs(arn string) string {
	return ` if ArnLike aws:SourceArn ` + arn + `; StringEquals aws:SourceAccount ${AWS::AccountId}`
}

const (
	trace        = "Trace: xray:PutTraceSegments xray:PutTelemetryRecords on *"
	traceMachine = "Trace: xray:PutTraceSegments xray:PutTelemetryRecords xray:GetSamplingRules xray:GetSamplingTargets on *"
	deliverLog   = "DeliverLog: logs:CreateLogDelivery logs:GetLogDelivery logs:UpdateLogDelivery logs:DeleteLogDelivery " +
		"logs:ListLogDeliveries logs:PutResourcePolicy logs:DescribeResourcePolicies logs:DescribeLogGroups on *"
	readTargets = "ReadTargets: elasticloadbalancing:DescribeTargetGroups elasticloadbalancing:DescribeTargetHealth on *"
	readTags    = "ReadLoadBalancerTags: elasticloadbalancing:DescribeTags on *"
	resolve     = "ResolveEndpoints: elasticloadbalancing:DescribeLoadBalancers ec2:DescribeAddresses ec2:DescribeInstances " + "ec2:DescribeInternetGateways ec2:DescribeSubnets ec2:DescribeRegions on *"
	putEvents   = "PutEvents: events:PutEvents on ${Bus.Arn}"
)

// wantRoles is every role of the full configuration: who may take it, and every
// statement it has.
func wantRoles() map[string][]string {
	want := map[string][]string{
		"Ingest/Ingest/Role": {
			"trusts lambda.amazonaws.com",
			"WriteOwnLog: logs:CreateLogStream logs:PutLogEvents on ${Ingest/Ingest/Log.Arn}",
			"ReadSecret: secretsmanager:GetSecretValue on ${Ingest/WebhookPassword}",
			putEvents, trace,
		},
		"Schedules/Role": {
			"trusts scheduler.amazonaws.com" + sourceIs("${Schedules/Group.Arn}"),
			"Call: lambda:InvokeFunction on ${eu-prod/Inspect/Function.Arn} ${shop/Inspect/Function.Arn}",
		},
	}
	euSecrets := "ReadSecret: secretsmanager:GetSecretValue on " + here("secretsmanager") + "secret:site-a/infinispan-?????? " +
		"arn:aws:secretsmanager:eu-west-1:444455556666:secret:site-b-AbCdEf"
	addDeployment(want, "eu-prod", "1234-abcd", euSecrets)
	addDeployment(want, "shop", "5678-efab")
	return want
}

func addDeployment(want map[string][]string, d, accelerator string, secrets ...string) {
	arn := "arn:aws:globalaccelerator::111122223333:accelerator/" + accelerator
	fence, guard := "sitefence-"+d+"-fence-${suffix}", "sitefence-"+d+"-guard-${suffix}"
	function := func(id string, statements ...string) {
		all := []string{
			"trusts lambda.amazonaws.com",
			"WriteOwnLog: logs:CreateLogStream logs:PutLogEvents on ${" + d + "/" + id + "/Log.Arn}",
			"ReadListeners: globalaccelerator:ListListeners on " + arn,
			"ReadEndpointGroups: globalaccelerator:ListEndpointGroups on " + arn + "/listener/*",
			readTags,
		}
		want[d+"/"+id+"/Role"] = append(append(all, statements...), trace)
	}
	newestOnly := "NewestOnly: states:ListExecutions on " + here("states") + "stateMachine:" + fence
	readPause := "ReadPause: ssm:GetParameter on " + here("ssm") + "parameter/sitefence/sitefence/" + d + "/pause-${suffix}"
	function("CheckHealth", append(append([]string{"ReadStatus: globalaccelerator:DescribeAccelerator on " + arn}, secrets...), readPause)...)
	rule := func(name string) string { return here("events") + "rule/${Bus}/" + name }
	function("Inspect", append([]string{"ReadStatus: globalaccelerator:DescribeAccelerator on " + arn, readTargets, readPause,
		"ReadRules: events:DescribeRule on " + rule(d+"-site-offline") + " " + rule("take-offline-still-trying") + " " + rule("site-fenced") + " " + rule("site-rejoined"),
		"SeeWhatRuns: states:ListExecutions on " + here("states") + "stateMachine:" + fence + " " + here("states") + "stateMachine:sitefence-" + d + "-restore-${suffix}",
	}, secrets...)...)
	function("TakeOffline", append(slices.Clone(secrets), newestOnly)...)
	function("UpdateAccelerator", append([]string{
		"WriteEndpointGroups: globalaccelerator:UpdateEndpointGroup " +
			"globalaccelerator:RemoveEndpoints globalaccelerator:AddEndpoints on " + arn + "/listener/*/endpoint-group/*",
		resolve, newestOnly}, secrets...)...)

	restore := "sitefence-" + d + "-restore-${suffix}"
	machine := func(name string) string { return here("states") + "stateMachine:" + name }
	function("Resync", append(slices.Clone(secrets),
		"SeeWhatRuns: states:ListExecutions on "+machine(guard)+" "+machine(fence)+" "+machine(restore), readTargets)...)

	functionARN := func(id string) string { return "${" + d + "/" + id + "/Function.Arn}" }
	want[d+"/Guard/Role"] = []string{
		"trusts states.amazonaws.com" + sourceIs(here("states")+"stateMachine:"+guard),
		"InvokeCheckHealth: lambda:InvokeFunction on " + functionARN("CheckHealth"),
		"TakeTheTurn: states:ListExecutions states:StartExecution on ${" + d + "/Fence/Machine}",
		"LookAtRefusedName: states:DescribeExecution on " + here("states") + "execution:" + fence + ":*",
		putEvents, deliverLog, traceMachine,
	}
	want[d+"/Fence/Role"] = []string{
		"trusts states.amazonaws.com" + sourceIs(here("states")+"stateMachine:"+fence),
		"InvokeFunctions: lambda:InvokeFunction on " + functionARN("CheckHealth") + " " + functionARN("UpdateAccelerator") + " " + functionARN("TakeOffline"),
		putEvents, deliverLog, traceMachine,
	}
	want[d+"/Restore/Role"] = []string{
		"trusts states.amazonaws.com" + sourceIs(machine(restore)),
		"InvokeResync: lambda:InvokeFunction on " + functionARN("Resync"),
		"AskForTheTurn: states:StartExecution on ${" + d + "/Guard/Machine}",
		deliverLog, traceMachine,
	}
	want[d+"/TriggerRole"] = []string{
		"trusts events.amazonaws.com" + sourceIs(here("events")+"rule/${Bus}/"+d+"-site-offline"),
		"StartGuard: states:StartExecution on ${" + d + "/Guard/Machine}",
	}
}

func TestRolesMayDoThisAndNothingElse(t *testing.T) {
	s := synth(t, "full", full)
	got := map[string][]string{}
	for path, role := range s.of("AWS::IAM::Role") {
		got[path] = s.role(t, role)
	}
	if diff := cmp.Diff(wantRoles(), got); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	for _, kind := range []string{"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"} {
		if extra := s.of(kind); len(extra) > 0 {
			t.Errorf("%s beside the roles: %v", kind, slices.Collect(maps.Keys(extra)))
		}
	}
}

func TestWithoutTracingNoRoleMayTrace(t *testing.T) {
	for path, role := range synth(t, "bare", bare).of("AWS::IAM::Role") {
		for _, statement := range synth(t, "bare", bare).role(t, role) {
			if strings.Contains(statement, "xray:") {
				t.Errorf("%s: %s", path, statement)
			}
		}
	}
}

// role writes a role as text: its trust, then each statement.
func (s *synthesis) role(t *testing.T, r resource) []string {
	t.Helper()
	if r.Properties["ManagedPolicyArns"] != nil {
		t.Errorf("managed policies: %v", r.Properties["ManagedPolicyArns"])
	}
	trust := statements(r.Properties["AssumeRolePolicyDocument"])
	if len(trust) != 1 || trust[0]["Action"] != "sts:AssumeRole" {
		t.Fatalf("trust: %v", trust)
	}
	lines := []string{"trusts " + s.text(trust[0]["Principal"].(map[string]any)["Service"]) + s.condition(trust[0])}
	policies := r.Properties["Policies"].([]any)
	if len(policies) != 1 {
		t.Fatalf("want one inline policy, got %d", len(policies))
	}
	for _, st := range statements(policies[0].(map[string]any)["PolicyDocument"]) {
		lines = append(lines, s.statement(st))
	}
	return lines
}

func statements(document any) []map[string]any {
	var all []map[string]any
	for _, st := range document.(map[string]any)["Statement"].([]any) {
		all = append(all, st.(map[string]any))
	}
	return all
}

// statement writes `Sid: actions on resources if conditions`.
func (s *synthesis) statement(st map[string]any) string {
	text := fmt.Sprintf("%v: %s on %s%s", st["Sid"], s.text(st["Action"]), s.text(st["Resource"]), s.condition(st))
	if st["Effect"] != "Allow" {
		text = fmt.Sprint(st["Effect"]) + " " + text
	}
	return text
}

func (s *synthesis) condition(st map[string]any) string {
	conditions, ok := st["Condition"].(map[string]any)
	if !ok {
		return ""
	}
	var parts []string
	for operator, keys := range conditions {
		for key, value := range keys.(map[string]any) {
			parts = append(parts, fmt.Sprintf("%s %s %s", operator, key, s.text(value)))
		}
	}
	slices.Sort(parts)
	return " if " + strings.Join(parts, "; ")
}
