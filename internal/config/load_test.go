package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/config"
)

const acceleratorARN = "arn:aws:globalaccelerator::123456789012:accelerator/1234abcd-abcd-1234-abcd-1234567890ab"

// good is a valid file; the tests change one thing in it.
const good = `
webhook:
  user: alertmanager
deployments:
  - name: keycloak
    accelerator:
      arn: ` + acceleratorARN + `
      dnsNames: [a1234567890abcdef.awsglobalaccelerator.com, a1234567890abcdef.dualstack.awsglobalaccelerator.com]
    sites:
      - name: site-a
        infinispan:
          url: https://infinispan.a.example.com
          user: sitefence
          passwordSecret: sitefence/site-a
          caFile: ca.pem
      - name: site-b
        infinispan:
          url: https://infinispan.b.example.com:11222
          user: sitefence
          passwordSecret: arn:aws:secretsmanager:eu-west-1:123456789012:secret:site-b-AbCdEf
        loadBalancerArns:
          - arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/b/0123456789abcdef
`

func load(t *testing.T, text string) (config.Config, error) {
	t.Helper()
	dir := t.TempDir()
	certificate, key := newCA(t)
	for name, content := range map[string]string{
		"sitefence.yaml": text,
		"ca.pem":         "a comment\n" + certificate + certificate,
		"both.pem":       certificate + key,
		"brokenkey.pem":  certificate + "-----BEGIN EC PRIVATE KEY-----\n!\n",
		"nothing.pem":    "no PEM here",
		"broken.pem":     string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})),
		"request.pem":    string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: []byte("x")})),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return config.Load(filepath.Join(dir, "sitefence.yaml"))
}

func newCA(t *testing.T) (certificate, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	der2, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der2}))
}

func TestLoadGood(t *testing.T) {
	got, err := load(t, good)
	if err != nil {
		t.Fatal(err)
	}
	if pool := x509.NewCertPool(); !pool.AppendCertsFromPEM([]byte(got.Deployments[0].Sites[0].Infinispan.CA)) {
		t.Error("the CA that was loaded does not parse")
	}
	if strings.Contains(got.Deployments[0].Sites[0].Infinispan.CA, "comment") {
		t.Error("text between the certificates was kept")
	}
	got.Deployments[0].Sites[0].Infinispan.CA = "PEM"
	want := config.Config{
		Webhook: config.Webhook{User: "alertmanager"},
		Deployments: []config.Deployment{{
			Name: "keycloak",
			Accelerator: config.Accelerator{
				ARN: acceleratorARN,
				DNSNames: []string{
					"a1234567890abcdef.awsglobalaccelerator.com",
					"a1234567890abcdef.dualstack.awsglobalaccelerator.com",
				},
			},
			Sites: []config.Site{
				{Name: "site-a", Infinispan: &config.Infinispan{
					URL: "https://infinispan.a.example.com", User: "sitefence",
					PasswordSecret: "sitefence/site-a", CA: "PEM",
				}},
				{
					Name: "site-b",
					Infinispan: &config.Infinispan{
						URL: "https://infinispan.b.example.com:11222", User: "sitefence",
						PasswordSecret: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:site-b-AbCdEf",
					},
					LoadBalancerARNs: []string{"arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/b/0123456789abcdef"},
				},
			},
		}},
		Drift: config.Drift{Enabled: true, OneSiteLeftAfter: config.DefaultOneSiteLeft},
		Tuning: config.Tuning{Architecture: config.ARM64, ReservedConcurrency: true, LogRetentionDays: 90, Tracing: true, Dashboards: true,
			ConfirmAfter: config.DefaultConfirmAfter, IngestConcurrency: 50,
			Guard: config.DefaultGuardLimits, Fence: config.DefaultFenceLimits},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoadOptionalFields(t *testing.T) {
	got, err := load(t, strings.Replace(good, "\n        infinispan:\n          url: https://infinispan.a.example.com\n          user: sitefence\n          passwordSecret: sitefence/site-a\n          caFile: ca.pem",
		"\n        infinispan: none", 1)+`
notifications:
  emails: [ops@example.com]
  kmsKeyArn: arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
tuning: {architecture: amd64, reservedConcurrency: false, logRetentionDays: 365, tracing: false, dashboards: false, confirmAfter: 0s}
tags: {team: identity platform, "cost:centre": "42"}
`)
	if err != nil {
		t.Fatal(err)
	}
	if got.Deployments[0].Sites[0].Infinispan != nil {
		t.Error("infinispan: none gave an Infinispan")
	}
	got.Deployments, got.Webhook = nil, config.Webhook{}
	want := config.Config{
		Notifications: config.Notifications{
			Emails:    []string{"ops@example.com"},
			KMSKeyARN: "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		},
		Drift: config.Drift{Enabled: true, OneSiteLeftAfter: config.DefaultOneSiteLeft},
		Tuning: config.Tuning{Architecture: config.AMD64, LogRetentionDays: 365, IngestConcurrency: 50,
			Guard: config.DefaultGuardLimits, Fence: config.DefaultFenceLimits},
		Tags: map[string]string{"team": "identity platform", "cost:centre": "42"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoadAliases(t *testing.T) {
	text := strings.Replace(good, "name: site-a", "name: &a site-a", 1)
	text = strings.Replace(text, "name: site-b", "name: *a", 1)
	_, err := load(t, text)
	wantProblems(t, err, `deployments[0].sites[1].name: got "site-a", want a value that no other site has (it is deployments[0].sites[0].name as well)`)
}

// TestLoadOneProblem changes one thing in the good file and wants exactly the
// problem that it makes.
func TestLoadOneProblem(t *testing.T) {
	tests := map[string]struct{ old, new, want string }{
		"http":              {"https://infinispan.a.example.com", "http://infinispan.a.example.com", `deployments[0].sites[0].infinispan.url: got "http://infinispan.a.example.com", want an https URL with nothing behind the host and port`},
		"path":              {"b.example.com:11222", "b.example.com/rest", `deployments[0].sites[1].infinispan.url: got "https://infinispan.b.example.com/rest", want an https URL`},
		"slash":             {"b.example.com:11222", "b.example.com/", `deployments[0].sites[1].infinispan.url: got "https://infinispan.b.example.com/", want`},
		"port 0":            {"b.example.com:11222", "b.example.com:0", `deployments[0].sites[1].infinispan.url: got`},
		"empty port":        {"https://infinispan.b.example.com:11222", `"https://infinispan.b.example.com:"`, `deployments[0].sites[1].infinispan.url: got`},
		"no host":           {"https://infinispan.a.example.com", `"https://"`, `deployments[0].sites[0].infinispan.url: got "https://", want`},
		"userinfo":          {"https://infinispan.a", "https://u:hunter2@infinispan.a", `deployments[0].sites[0].infinispan.url: got a URL with a user, a query or a fragment, want`},
		"query":             {"b.example.com:11222", "b.example.com?token=hunter2", `deployments[0].sites[1].infinispan.url: got a URL with a user, a query or a fragment, want`},
		"password":          {"passwordSecret: sitefence/site-a", "passwordSecret: sitefence/site-a\n          password: hunter2", `deployments[0].sites[0].infinispan.password: unknown field: did you mean passwordSecret? known here: url, user, passwordSecret, caFile, caSecret, insecureSkipVerify`},
		"literal password":  {"passwordSecret: sitefence/site-a", "passwordSecret: hunter2!", `deployments[0].sites[0].infinispan.passwordSecret: got a value that no secret can have as its name, want the name or ARN of a Secrets Manager secret, never the password itself`},
		"numeric password":  {"passwordSecret: sitefence/site-a", "passwordSecret: 1234567", `deployments[0].sites[0].infinispan.passwordSecret: got a number (put it in quotes if it is meant as text), want`},
		"JSON key":          {"arn:aws:secretsmanager:eu-west-1:123456789012:secret:site-b-AbCdEf", `"arn:aws:secretsmanager:eu-west-1:123456789012:secret:site-b-AbCdEf:password::"`, `deployments[0].sites[1].infinispan.passwordSecret: got`},
		"no secret":         {"          passwordSecret: sitefence/site-a\n", "", `deployments[0].sites[0].infinispan.passwordSecret: got nothing, want a value: the field is required`},
		"colon in user":     {"user: alertmanager", "user: alert:hunter2", `webhook.user: got a value that is no user name, want`},
		"empty user":        {"user: alertmanager", `user: ""`, `webhook.user: got a value that is no user name, want`},
		"control in user":   {"user: alertmanager", `user: "a\nb"`, `webhook.user: got a value that is no user name, want`},
		"user missing":      {"  user: alertmanager", "  passwordSecret: x", `webhook.user: got nothing, want`},
		"list for text":     {"user: alertmanager", "user: [hunter2]", `webhook.user: got a list, want`},
		"unknown field":     {"webhook:", "webhok: {}\nwebhook:", `webhok: unknown field: did you mean webhook? known here: webhook, deployments,`},
		"twice":             {"  user: alertmanager", "  user: alertmanager\n  user: other", `webhook.user: got the field a second time, want it once`},
		"upper case name":   {"name: keycloak", "name: Keycloak", `deployments[0].name: got "Keycloak", want a name of 1 to 32`},
		"boolean name":      {"name: site-a", "name: true", `deployments[0].sites[0].name: got true or false (put it in quotes`},
		"China":             {"arn:aws:globalaccelerator", "arn:aws-cn:globalaccelerator", `deployments[0].accelerator.arn: got "arn:aws-cn:globalaccelerator`},
		"upper case DNS":    {"[a1234567890abcdef.aws", "[A1234567890abcdef.aws", `deployments[0].accelerator.dnsNames[0]: got "A1234567890abcdef.aws`},
		"same DNS twice":    {"a1234567890abcdef.dualstack.aws", "a1234567890abcdef.aws", `deployments[0].accelerator.dnsNames[1]: got "a1234567890abcdef.awsglobalaccelerator.com", want a value that no other deployment has`},
		"no DNS":            {"dnsNames: [a1234567890abcdef.awsglobalaccelerator.com, a1234567890abcdef.dualstack.awsglobalaccelerator.com]", "dnsNames: []", `deployments[0].accelerator.dnsNames: got 0, want 1 to 16`},
		"null DNS":          {"[a1234567890abcdef.awsglobalaccelerator.com, ", "[~, ", `deployments[0].accelerator.dnsNames[0]: got nothing, want a value`},
		"same site":         {"name: site-b", "name: site-a", `deployments[0].sites[1].name: got "site-a", want a value that no other site has`},
		"same Infinispan":   {"https://infinispan.b.example.com:11222", "https://INFINISPAN.a.example.com:443", `deployments[0].sites[1].infinispan.url: got "https://infinispan.a.example.com", want a value that no other site has`},
		"gateway balancer":  {"loadbalancer/net/", "loadbalancer/gwy/", `deployments[0].sites[1].loadBalancerArns[0]: got "arn:aws:elastic`},
		"Infinispan text":   {"infinispan:\n          url: https://infinispan.a.example.com\n          user: sitefence\n          passwordSecret: sitefence/site-a\n          caFile: ca.pem", "infinispan: nothing", "deployments[0].sites[0].infinispan: got text, want `none`, or a mapping"},
		"Infinispan gone":   {"        infinispan:\n          url: https://infinispan.a.example.com\n          user: sitefence\n          passwordSecret: sitefence/site-a\n          caFile: ca.pem\n", "", "deployments[0].sites[0].infinispan: got nothing, want"},
		"CA missing":        {"caFile: ca.pem", "caFile: gone.pem", `deployments[0].sites[0].infinispan.caFile: got stat `},
		"CA a folder":       {"caFile: ca.pem", "caFile: .", `deployments[0].sites[0].infinispan.caFile: got `},
		"CA with key":       {"caFile: ca.pem", "caFile: both.pem", `deployments[0].sites[0].infinispan.caFile: got a file with a private key in it`},
		"CA with half key":  {"caFile: ca.pem", "caFile: brokenkey.pem", `deployments[0].sites[0].infinispan.caFile: got a file with a private key in it`},
		"CA empty":          {"caFile: ca.pem", "caFile: nothing.pem", `deployments[0].sites[0].infinispan.caFile: got a file without a certificate`},
		"CA broken":         {"caFile: ca.pem", "caFile: broken.pem", `deployments[0].sites[0].infinispan.caFile: got a file with certificate 1 that does not parse`},
		"CA a request":      {"caFile: ca.pem", "caFile: request.pem", `deployments[0].sites[0].infinispan.caFile: got a file with a PEM block "CERTIFICATE REQUEST", want certificates only`},
		"CA unverified":     {"caFile: ca.pem", "caFile: ca.pem\n          insecureSkipVerify: true", `deployments[0].sites[0].infinispan.insecureSkipVerify: got true beside caFile`},
		"yes":               {"caFile: ca.pem", "insecureSkipVerify: yes", `deployments[0].sites[0].infinispan.insecureSkipVerify: got text, want true or false`},
		"retention":         {"webhook:", "tuning: {logRetentionDays: 91}\nwebhook:", `tuning.logRetentionDays: got 91, want one of 1 3 5 7 14 30 60 90`},
		"retention text":    {"webhook:", "tuning: {logRetentionDays: '90'}\nwebhook:", `tuning.logRetentionDays: got text, want one of`},
		"confirmAfter":      {"webhook:", "tuning: {confirmAfter: 1m}\nwebhook:", `tuning.confirmAfter: got "1m", want a number of seconds from 0s to 300s, as 10s`},
		"confirmAfter long": {"webhook:", "tuning: {confirmAfter: 301s}\nwebhook:", `tuning.confirmAfter: got "301s", want a number of seconds`},
		"architecture":      {"webhook:", "tuning: {architecture: x86_64}\nwebhook:", `tuning.architecture: got "x86_64", want arm64 or amd64`},
		"e-mail":            {"webhook:", "notifications: {emails: ['Ops <ops@example.com>']}\nwebhook:", `notifications.emails[0]: got "Ops <ops@example.com>", want`},
		"e-mail twice":      {"webhook:", "notifications: {emails: [a@example.com, a@example.com]}\nwebhook:", `notifications.emails[1]: got "a@example.com", want a value that no other entry has`},
		"KMS alias":         {"webhook:", "notifications: {kmsKeyArn: 'arn:aws:kms:eu-west-1:123456789012:alias/aws/sns'}\nwebhook:", `notifications.kmsKeyArn: got "arn:aws:kms`},
		"aws tag":           {"webhook:", "tags: {'aws:x': y}\nwebhook:", `tags.aws:x: got "aws:x", want a tag key`},
		"tag value":         {"webhook:", "tags: {x: 'hunter2!'}\nwebhook:", `tags.x: got a value that no tag can have, want`},
		"merge key":         {"webhook:\n", "webhook:\n  <<: {user: hunter2}\n", `webhook: got a key that is no text, want text keys only`},
		"number as key":     {"webhook:\n", "webhook:\n  1: 2\n", `webhook: got a key that is no text`},
		"key with escapes":  {"webhook:\n", "webhook:\n  \"a\\e[31m\": 2\n", `webhook.a\x1b[31m: unknown field; known here: user, passwordSecret (line`},
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

// wantProblems holds the problems of err against their beginnings, in order.
func wantProblems(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error repeats what might be a secret: %v", err)
	}
	joined, ok := errors.Unwrap(err).(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("no joined problems: %v", err)
	}
	got := joined.Unwrap()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("missing problem %q", want[i])
		case i >= len(want):
			t.Errorf("further problem %q", got[i])
		case !strings.HasPrefix(got[i].Error(), want[i]):
			t.Errorf("problem %d:\n got %q\nwant %q…", i, got[i], want[i])
		}
	}
}

func TestLoadAllProblemsAtOnce(t *testing.T) {
	_, err := load(t, `
webhook: {user: "a:b"}
deployments:
  - name: one
    accelerator: {arn: `+acceleratorARN+`, dnsNames: [a.example.com]}
    sites: [{name: a, infinispan: none}]
  - name: one
    accelerator: {arn: `+acceleratorARN+`, dnsNames: [a.example.com]}
    sites:
      - {name: a, infinispan: {url: "ftp://x"}}
      - {name: b, infinispan: none, loadBalancerArns: []}
  - extra
tuning: {tracing: 1}
`)
	wantProblems(t, err,
		"webhook.user: got a value that is no user name",
		"deployments[0].sites: got 1, want 2 to 4 sites (line 6)",
		`deployments[1].name: got "one", want a value that no other deployment has (it is deployments[0].name as well)`,
		"deployments[1].accelerator.arn: got",
		"deployments[1].accelerator.dnsNames[0]: got",
		"deployments[1].sites[0].infinispan.url: got",
		"deployments[1].sites[0].infinispan.user: got nothing",
		"deployments[1].sites[0].infinispan.passwordSecret: got nothing",
		"deployments[1].sites[1].loadBalancerArns: got 0",
		"deployments[2]: got text, want a mapping",
		"tuning.tracing: got a number, want true or false",
	)
}

func TestLoadTooMany(t *testing.T) {
	_, err := load(t, "webhook: {user: a}\ndeployments: ["+strings.Repeat("x, ", 100)+"]\n")
	if err == nil || !strings.Contains(err.Error(), "deployments: got 100, want 1 to 8") || strings.Contains(err.Error(), "deployments[8]") {
		t.Errorf("got %v, want a refusal that looks at eight only", err)
	}
}

func TestLoadNoDocument(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 10) + "]\n"
	}
	tests := map[string]struct{ text, want string }{
		"empty":          {"", "webhook: got nothing, want a value: the field is required\ndeployments: got nothing"},
		"comment":        {"# nothing\n", "webhook: got nothing"},
		"list":           {"- a\n", "the file: got a list, want a mapping"},
		"text":           {"hunter2\n", "the file: got text, want a mapping"},
		"two documents":  {good + "\n---\n{}\n", "more than one YAML document"},
		"syntax":         {"a: [\n", "yaml: "},
		"unknown anchor": {"a: b\npassword: *hunter2\n", "an anchor (&) that is not there; put it in quotes if it is meant as text (line 2)"},
		"directive":      {"# x\n%YAML 1.1\n---\na: b\n", "a YAML directive, want none (line 2)"},
		"control":        {"a: b\nb: \x01\n", "control characters are not allowed (line 2)"},
		"self reference": {"webhook: &w {user: *w}\n", "webhook.user: got a mapping, want"},
		"bomb":           {bomb + "deployments: *j\nwebhook: *j\n", "webhook: got a list, want a mapping"},
		"large":          {strings.Repeat("#", 256<<10) + "\n", "larger than 256 KiB"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want an error with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats what might be a secret: %v", err)
			}
		})
	}
	if _, err := config.Load(filepath.Join(t.TempDir(), "gone.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that the file does not exist", err)
	}
}
