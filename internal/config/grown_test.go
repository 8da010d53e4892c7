package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/config"
)

// TestUnknownFields: everywhere in the file, with the name that was meant, if it
// was a slip. The value is never told: it might be a password.
func TestUnknownFields(t *testing.T) {
	const preferred = "    sites:\n"
	tests := map[string]struct{ old, new, want string }{
		"root":          {"webhook:", "notification: hunter2\nwebhook:", "notification: unknown field: did you mean notifications? known here: webhook, deployments, notifications, drift, tuning, tags (line 2)"},
		"webhook":       {"user: alertmanager", "user: alertmanager\n  passwordSecert: hunter2", "webhook.passwordSecert: unknown field: did you mean passwordSecret? known here: user, passwordSecret (line 4)"},
		"case":          {"user: alertmanager", "user: alertmanager\n  passwordsecret: hunter2", "webhook.passwordsecret: unknown field: did you mean passwordSecret?"},
		"underscore":    {"user: alertmanager", "user: alertmanager\n  password_secret: hunter2", "webhook.password_secret: unknown field: did you mean passwordSecret?"},
		"deployment":    {preferred, "    preferrd: site-a\n" + preferred, "deployments[0].preferrd: unknown field: did you mean preferred? known here: name, accelerator,"},
		"accelerator":   {"      dnsNames:", "      dnsName: x\n      dnsNames:", "deployments[0].accelerator.dnsName: unknown field: did you mean dnsNames?"},
		"site":          {"        loadBalancerArns:", "        loadBalancers: []\n        loadBalancerArns:", "deployments[0].sites[1].loadBalancers: unknown field: did you mean loadBalancerArns?"},
		"Infinispan":    {"caFile: ca.pem", "caFile: ca.pem\n          ca_file: hunter2", "deployments[0].sites[0].infinispan.ca_file: unknown field: did you mean caFile?"},
		"network":       {preferred, "    network: {subnetIds: [subnet-12345678], securityGroupIds: [sg-12345678], vpc: x}\n" + preferred, "deployments[0].network.vpc: unknown field: did you mean vpcId?"},
		"notifications": {"webhook:", "notifications: {email: x}\nwebhook:", "notifications.email: unknown field: did you mean emails?"},
		"tuning":        {"webhook:", "tuning: {logRetention: 90}\nwebhook:", "tuning.logRetention: unknown field: did you mean logRetentionDays?"},
		"functions":     {"webhook:", "tuning: {functions: {checkHealth: {}}}\nwebhook:", "tuning.functions.checkHealth: unknown field: did you mean checkhealth? known here: ingest, checkhealth,"},
		"a function":    {"webhook:", "tuning: {functions: {resync: {timeuot: 45s}}}\nwebhook:", "tuning.functions.resync.timeuot: unknown field: did you mean timeout? known here: memory, timeout"},
		"nothing near":  {"webhook:", "hunter: hunter2\nwebhook:", "hunter: unknown field; known here: webhook,"},
		"very long":     {"webhook:", strings.Repeat("w", 500) + ": hunter2\nwebhook:", strings.Repeat("w", 60) + ": unknown field; known here:"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(good, tt.old) {
				t.Fatalf("the good file has no %q", tt.old)
			}
			_, err := load(t, strings.Replace(good, tt.old, tt.new, 1))
			wantProblems(t, err, tt.want)
		})
	}
}

// TestGrown: what a file may have beside the least.
func TestGrown(t *testing.T) {
	text := strings.Replace(good, "caFile: ca.pem", "caSecret: keycloak/ca", 1)
	text = strings.Replace(text, "    sites:\n", "    network: {subnetIds: [subnet-12345678, subnet-0123456789abcdef0], vpcId: vpc-12345678}\n    sites:\n", 1)
	got, err := load(t, text+`
tuning:
  ingestConcurrency: 10
  permissionsBoundary: arn:aws:iam::123456789012:policy/boundary
  secretKeyArns: ["arn:aws:kms:eu-west-1:123456789012:key/mrk-1"]
  logKeyArn: arn:aws:kms:eu-west-1:123456789012:key/2
  functions: {checkhealth: {memory: 1024, timeout: 17s}, inspect: {}, resync: {timeout: 50s}}
`)
	if err != nil {
		t.Fatal(err)
	}
	d := got.Deployments[0]
	if i := d.Sites[0].Infinispan; i.CASecret != "keycloak/ca" || i.CA != "" {
		t.Errorf("CA: %+v", i)
	}
	if diff := cmp.Diff(&config.Network{VPCID: "vpc-12345678", SubnetIDs: []string{"subnet-12345678", "subnet-0123456789abcdef0"}}, d.Network); diff != "" {
		t.Errorf("network (-want +got):\n%s", diff)
	}
	want := config.Tuning{
		Architecture: config.ARM64, ReservedConcurrency: true, LogRetentionDays: 90, Tracing: true, Dashboards: true, ConfirmAfter: config.DefaultConfirmAfter,
		IngestConcurrency: 10, PermissionsBoundary: "arn:aws:iam::123456789012:policy/boundary",
		SecretKeyARNs: []string{"arn:aws:kms:eu-west-1:123456789012:key/mrk-1"}, LogKeyARN: "arn:aws:kms:eu-west-1:123456789012:key/2",
		Functions: map[string]config.Function{"checkhealth": {MemoryMB: 1024, TimeoutSeconds: 17}, "resync": {TimeoutSeconds: 50}},
		Guard:     config.DefaultGuardLimits, Fence: config.DefaultFenceLimits,
	}
	if diff := cmp.Diff(want, got.Tuning); diff != "" {
		t.Errorf("tuning (-want +got):\n%s", diff)
	}
	if f := got.Tuning.Of("resync", 60); f != (config.Function{MemoryMB: 512, TimeoutSeconds: 50}) {
		t.Errorf("resync: %+v", f)
	}
	if f := got.Tuning.Of("other", 7); f != (config.Function{MemoryMB: 512, TimeoutSeconds: 7}) {
		t.Errorf("one that is not tuned: %+v", f)
	}
}

// TestGrownProblems: each names its field and what it should be.
func TestGrownProblems(t *testing.T) {
	network := func(text string) string { return "    network: " + text + "\n    sites:\n" }
	tuning := func(text string) string { return "tuning: {" + text + "}\nwebhook:" }
	tests := map[string]struct{ old, new, want string }{
		"two CAs":             {"caFile: ca.pem", "caFile: ca.pem\n          caSecret: x", "deployments[0].sites[0].infinispan.caSecret: got a CA beside caFile, want one of the two"},
		"CA secret a PEM":     {"caFile: ca.pem", "caSecret: \"-----BEGIN CERTIFICATE-----\"", "deployments[0].sites[0].infinispan.caSecret: got a value that no secret can have as its name"},
		"CA secret skipped":   {"caFile: ca.pem", "caSecret: x\n          insecureSkipVerify: true", "deployments[0].sites[0].infinispan.insecureSkipVerify: got true beside caSecret"},
		"no subnets":          {"    sites:\n", network("{vpcId: vpc-12345678}"), "deployments[0].network.subnetIds: got nothing, want a value: the field is required"},
		"no group, no VPC":    {"    sites:\n", network("{subnetIds: [subnet-12345678]}"), "deployments[0].network.vpcId: got nothing, want the VPC's id, so that a security group is made there; or name securityGroupIds"},
		"a name for a subnet": {"    sites:\n", network("{subnetIds: [private-a], vpcId: vpc-12345678}"), `deployments[0].network.subnetIds[0]: got "private-a", want the id of a subnet, subnet-…`},
		"a subnet twice":      {"    sites:\n", network("{subnetIds: [subnet-12345678, subnet-12345678], vpcId: vpc-12345678}"), `deployments[0].network.subnetIds[1]: got "subnet-12345678", want a value that no other entry has`},
		"network a text":      {"    sites:\n", network("vpc-12345678"), "deployments[0].network: got text, want a mapping"},
		"timeout raised":      {"webhook:", tuning("functions: {checkhealth: {timeout: 30s}}"), `tuning.functions.checkhealth.timeout: got "30s", want a number of seconds from 17s to 20s: the state machines count on 20 at most`},
		"timeout too low":     {"webhook:", tuning("functions: {updateaccelerator: {timeout: 29s}}"), `tuning.functions.updateaccelerator.timeout: got "29s", want a number of seconds from 50s to 60s`},
		"timeout a number":    {"webhook:", tuning("functions: {checkhealth: {timeout: 15}}"), "tuning.functions.checkhealth.timeout: got a number"},
		"little memory":       {"webhook:", tuning("functions: {ingest: {memory: 64}}"), "tuning.functions.ingest.memory: got 64, want a number of MB from 256 to 10240"},
		"memory a text":       {"webhook:", tuning("functions: {ingest: {memory: 512MB}}"), "tuning.functions.ingest.memory: got text, want a number of MB"},
		"nothing reserved":    {"webhook:", tuning("reservedConcurrency: false, ingestConcurrency: 15"), "tuning.ingestConcurrency: got a number beside reservedConcurrency: false"},
		"no concurrency":      {"webhook:", tuning("ingestConcurrency: 0"), "tuning.ingestConcurrency: got 0, want a number from 10 to 1000"},
		"a role as boundary":  {"webhook:", tuning("permissionsBoundary: 'arn:aws:iam::123456789012:role/x'"), `tuning.permissionsBoundary: got "arn:aws:iam::123456789012:role/x", want the ARN of an IAM policy`},
		"an alias as key":     {"webhook:", tuning("secretKeyArns: ['arn:aws:kms:eu-west-1:123456789012:alias/x']"), "tuning.secretKeyArns[0]: got"},
		"a key's id":          {"webhook:", tuning("logKeyArn: 1234abcd-12ab"), `tuning.logKeyArn: got "1234abcd-12ab", want the ARN of a customer managed KMS key`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, strings.Replace(good, tt.old, tt.new, 1))
			wantProblems(t, err, tt.want)
		})
	}
}

// TestNinthDeployment is refused, and the message says what to do.
func TestNinthDeployment(t *testing.T) {
	text := func(n int) string {
		var b strings.Builder
		b.WriteString("webhook: {user: a}\ndeployments:\n")
		for i := range n {
			fmt.Fprintf(&b, "  - {name: d%d, accelerator: {arn: 'arn:aws:globalaccelerator::123456789012:accelerator/%d', dnsNames: [a%d.b]}, sites: [{name: a, infinispan: none}, {name: b, infinispan: none}]}\n", i, i, i)
		}
		return b.String()
	}
	if _, err := load(t, text(8)); err != nil {
		t.Errorf("eight: %v", err)
	}
	_, err := load(t, text(9))
	wantProblems(t, err, "deployments: got 9, want 1 to 8 deployments a stack (CloudFormation's limit of resources); "+
		"put the others into another file and deploy that as another stack: npx cdk deploy -c config=more.yaml -c stack=sitefence-more (line 3)")
}
