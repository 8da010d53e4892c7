package infra_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/infra"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

const (
	networkInterfaces = "NetworkInterfaces: ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces ec2:DescribeSubnets " +
		"ec2:DeleteNetworkInterface ec2:AssignPrivateIpAddresses ec2:UnassignPrivateIpAddresses on *"
	notForTheCode = "Deny ButNotForTheCode: ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces " +
		"ec2:DeleteNetworkInterface ec2:AssignPrivateIpAddresses ec2:UnassignPrivateIpAddresses on * if Null lambda:SourceFunctionArn false"
	decryptSecret = "DecryptSecret: kms:Decrypt on arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890aa arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab " +
		"if StringEquals kms:ViaService secretsmanager.eu-west-1.amazonaws.com secretsmanager.eu-central-1.amazonaws.com"
)

// reads are the functions that read Infinispan.
var reads = []string{"CheckHealth", "UpdateAccelerator", "TakeOffline", "Resync", "Inspect"}

// TestFunctionsThatReadInfinispanStandInItsNetwork: these, and not the door, which
// needs no private address and must answer when the network does not.
func TestFunctionsThatReadInfinispanStandInItsNetwork(t *testing.T) {
	s := synth(t, "grown", grown)
	got := map[string]string{}
	for path, f := range s.of("AWS::Lambda::Function") {
		if vpc, ok := f.Properties["VpcConfig"].(map[string]any); ok {
			got[path] = s.text(vpc["SubnetIds"]) + " | " + s.text(vpc["SecurityGroupIds"])
		}
	}
	want := map[string]string{}
	for _, id := range reads {
		want["eu-prod/"+id+"/Function"] = "subnet-0123456789abcdefa subnet-0123456789abcdefb | sg-0123456789abcdef0"
		want["shop/"+id+"/Function"] = "subnet-0123456789abcdefc | ${shop/SecurityGroup.GroupId}"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("functions in a network (-want +got):\n%s", diff)
	}
	for path, role := range s.of("AWS::IAM::Role") {
		lines := s.role(t, role)
		_, id, _ := strings.Cut(strings.TrimSuffix(path, "/Role"), "/")
		inside := slices.Contains(reads, id)
		if slices.Contains(lines, networkInterfaces) != inside || slices.Contains(lines, notForTheCode) != inside {
			t.Errorf("%s: %q, want network interfaces: %t", path, lines, inside)
		}
	}
	for path, f := range synth(t, "full", full).of("AWS::Lambda::Function") {
		if f.Properties["VpcConfig"] != nil {
			t.Errorf("%s stands in a network that nobody named", path)
		}
	}
}

// TestSecurityGroup: one is made where none is named. It lets nothing in, and out
// what AWS and the sites' URLs need.
func TestSecurityGroup(t *testing.T) {
	groups := synth(t, "grown", grown).of("AWS::EC2::SecurityGroup")
	if got := slices.Collect(maps.Keys(groups)); !slices.Equal(got, []string{"shop/SecurityGroup"}) {
		t.Fatalf("security groups %q, want one, of the deployment that names none", got)
	}
	p := groups["shop/SecurityGroup"].Properties
	if p["VpcId"] != "vpc-0123456789abcdef1" || p["SecurityGroupIngress"] != nil {
		t.Errorf("%v", p)
	}
	var got []float64
	for _, e := range p["SecurityGroupEgress"].([]any) {
		rule := e.(map[string]any)
		if rule["IpProtocol"] != "tcp" || rule["FromPort"] != rule["ToPort"] {
			t.Errorf("%v", rule)
		}
		got = append(got, rule["FromPort"].(float64))
	}
	if diff := cmp.Diff([]float64{443, 8443, 11222}, got); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
}

// TestSecretsByNameOrARN: each of them exactly, also of another Region and
// account, and what the CA is read from; their keys through Secrets Manager only.
func TestSecretsByNameOrARN(t *testing.T) {
	s := synth(t, "grown", grown)
	euSecrets := "ReadSecret: secretsmanager:GetSecretValue on " + here("secretsmanager") + "secret:site-a/infinispan-?????? " +
		here("secretsmanager") + "secret:site-a/ca-?????? arn:aws:secretsmanager:eu-west-1:444455556666:secret:site-b-AbCdEf"
	for path, role := range s.of("AWS::IAM::Role") {
		lines := s.role(t, role)
		deployment, id, _ := strings.Cut(strings.TrimSuffix(path, "/Role"), "/")
		want := ""
		switch {
		case path == "Ingest/Ingest/Role":
			want = "ReadSecret: secretsmanager:GetSecretValue on " + here("secretsmanager") + "secret:webhook-??????"
		case slices.Contains(reads, id) && deployment == "eu-prod":
			want = euSecrets
		case slices.Contains(reads, id):
			want = "ReadSecret: secretsmanager:GetSecretValue on " + here("secretsmanager") + "secret:east-??????"
		}
		var got []string
		for _, line := range lines {
			if strings.Contains(line, "secretsmanager:") || strings.Contains(line, "kms:") {
				got = append(got, line)
			}
		}
		var all []string
		if want != "" {
			all = []string{want, decryptSecret}
		}
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("%s: secrets (-want +got):\n%s", path, diff)
		}
	}
	// A secret that the stack makes is under AWS's own key.
	generated := synth(t, "grown, generated", func() config.Config {
		c := grown()
		c.Webhook.PasswordSecret = ""
		return c
	})
	for _, line := range generated.role(t, generated.one(t, "AWS::IAM::Role", "Ingest/Ingest/Role")) {
		if strings.Contains(line, "kms:") {
			t.Errorf("ingest: %s", line)
		}
	}
}

// TestEveryRoleIsBounded: a role without the boundary could not be made in an
// account that asks for it.
func TestEveryRoleIsBounded(t *testing.T) {
	for path, role := range synth(t, "grown", grown).of("AWS::IAM::Role") {
		if got := role.Properties["PermissionsBoundary"]; got != "arn:aws:iam::111122223333:policy/boundary" {
			t.Errorf("%s: boundary %v", path, got)
		}
	}
	for path, role := range synth(t, "full", full).of("AWS::IAM::Role") {
		if got := role.Properties["PermissionsBoundary"]; got != nil {
			t.Errorf("%s: boundary %v that nobody named", path, got)
		}
	}
}

func TestEveryLogIsEncryptedWithTheKey(t *testing.T) {
	for path, group := range synth(t, "grown", grown).of("AWS::Logs::LogGroup") {
		if got := group.Properties["KmsKeyId"]; got != "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890bb" {
			t.Errorf("%s: key %v", path, got)
		}
	}
	for path, group := range synth(t, "full", full).of("AWS::Logs::LogGroup") {
		if got := group.Properties["KmsKeyId"]; got != nil {
			t.Errorf("%s: key %v that nobody named", path, got)
		}
	}
}

func TestTunedFunctions(t *testing.T) {
	type tuned struct{ Memory, Timeout, Reserved any }
	got := map[string]tuned{}
	for path, f := range synth(t, "grown", grown).of("AWS::Lambda::Function") {
		got[path] = tuned{f.Properties["MemorySize"], f.Properties["Timeout"], f.Properties["ReservedConcurrentExecutions"]}
	}
	want := map[string]tuned{"Ingest/Ingest/Function": {256.0, 15.0, 20.0}}
	for _, d := range []string{"eu-prod", "shop"} {
		want[d+"/CheckHealth/Function"] = tuned{1024.0, 15.0, nil}
		want[d+"/UpdateAccelerator/Function"] = tuned{512.0, 60.0, 1.0}
		want[d+"/TakeOffline/Function"] = tuned{512.0, 30.0, nil}
		want[d+"/Resync/Function"] = tuned{512.0, 45.0, 1.0}
		want[d+"/Inspect/Function"] = tuned{512.0, 25.0, nil}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCheckHealthStaysAwake: where it stands in a network, it is called once a
// day, by a schedule that may call it, with an input that does nothing.
func TestCheckHealthStaysAwake(t *testing.T) {
	s := synth(t, "grown", grown)
	mayCall := strings.Join(s.role(t, s.one(t, "AWS::IAM::Role", "Schedules/Role")), "\n")
	got := map[string]string{}
	for path, schedule := range s.of("AWS::Scheduler::Schedule") {
		if !strings.HasSuffix(path, "/StayAwake") {
			continue
		}
		p := schedule.Properties
		target := p["Target"].(map[string]any)
		got[path] = fmt.Sprintf("%s %v %v %s %v as %s", s.text(p["Name"]), p["State"], p["ScheduleExpression"], s.text(target["Arn"]), target["Input"], s.text(target["RoleArn"]))
		if !strings.Contains(mayCall, s.text(target["Arn"])) {
			t.Errorf("%s: the role may not call it: %s", path, mayCall)
		}
		if tries, _ := target["RetryPolicy"].(map[string]any)["MaximumRetryAttempts"].(float64); tries < 3 {
			t.Errorf("%s: %v tries, and the first wakes the function only", path, tries)
		}
	}
	want := map[string]string{}
	for _, d := range []string{"eu-prod", "shop"} {
		want["Schedules/"+d+"/StayAwake"] = d + "-stay-awake ENABLED rate(1440 minutes) ${" + d + "/CheckHealth/Function.Arn} " + contract.StayAwake + " as ${Schedules/Role.Arn}"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for path := range synth(t, "full", full).of("AWS::Scheduler::Schedule") {
		if strings.HasSuffix(path, "/StayAwake") {
			t.Errorf("%s: without a network", path)
		}
	}
	// Without drift too.
	sleepless := synth(t, "sleepless", func() config.Config { c := grown(); c.Drift = config.Drift{}; return c })
	if n := len(sleepless.of("AWS::Scheduler::Schedule")); n != 2 {
		t.Errorf("%d schedules without drift, want those that keep awake", n)
	}
}

// TestNothingSleepsUnnoticed: who makes a deployment in a network and no schedules
// is warned.
func TestNothingSleepsUnnoticed(t *testing.T) {
	for _, schedules := range []bool{false, true} {
		c, stack := grown(), platform(t)
		d, err := infra.NewDeployment(stack, infra.DeploymentProps{
			Deployment: c.Deployments[0], Tuning: c.Tuning, Assets: infra.Assets{Binaries: binaries, Staging: t.TempDir()}, Bus: infra.NewBus(stack),
		})
		if err != nil {
			t.Fatal(err)
		}
		if schedules {
			if _, err := infra.NewSchedules(stack, infra.SchedulesProps{Deployments: []infra.Deployment{d}}); err != nil {
				t.Fatal(err)
			}
		}
		warnings := assertions.Annotations_FromStack(stack).FindWarning(jsii.String("*"), assertions.Match_StringLikeRegexp(jsii.String("keeps its functions awake")))
		if warned := len(*warnings) > 0; warned == schedules {
			t.Errorf("schedules %v: warned %v", schedules, warned)
		}
	}
}
