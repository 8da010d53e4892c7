package config

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// mostText bounds all the problems of a file, in bytes.
const mostText = 64 << 10

const small = "webhook: {user: a}\ndeployments: [{name: a, accelerator: {arn: 'arn:aws:globalaccelerator::123456789012:accelerator/1', dnsNames: [a.b]}, sites: [{name: a, infinispan: none}, {name: b, infinispan: none}]}]"

// FuzzRead: a file is within the limits and reaches the functions as it is, or
// every problem names its place, in a text that can be shown.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		small, small + "\ntags: {a: b}\ntuning: {logRetentionDays: 1, tracing: true}\nnotifications: {emails: [a@b.c]}", strings.Replace(small, "none", "{url: https://a, user: u, passwordSecret: s}", 1),
		"deployments: [{sites: [{infinispan: {password: hunter2}}]}]", "a: &a [*a]", "a: *b", "<<: {webhook: {user: a}}", "webhook: &w {user: a}\ntags: {<<: *w}", "a: b\na: c", "{a: b", "a:\tb", "\ta: b",
		"\x01", "a: \"\x1b[2J\"", "\"\\e[2J\": x", "\"\u202e\": \u0085", "\xff", "a: \xff", "---\n---\n", "--- a\n... b", "%YAML 9.9\n---\na", "%TAG ! x\n%TAG ! x\n---", "!!binary a", "!x {}", "? [a]\n: b", "? {}", "1: x", "null", "~: ~",
		"deployments: 8\nwebhook: []\ntags: {a: {}}\ntuning: {tracing: yes, logRetentionDays: 99999999999999999999}", "a: |\n x\n  - ", "# only", "\ufeffa: b", "- - - ? : -",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := read([]byte(text), t.Name())
		if err == nil {
			within(t, c)
			if err := inSchema(t, []byte(text)); err != nil {
				t.Errorf("%q: the schema refuses it: %v", text, err)
			}
			return
		}
		if shown := strings.ReplaceAll(err.Error(), "\n", ""); len(shown) > mostText || strings.ContainsFunc(shown, unicode.IsControl) {
			t.Errorf("%q: an error of %d bytes that cannot be shown: %.200q", text, len(shown), shown)
		}
		all := []error{err}
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			all = joined.Unwrap()
		}
		for _, err := range all {
			p, isProblem := errors.AsType[*Problem](err)
			if isProblem && p.Path == "" && p.Line == 0 || !isProblem && !place.MatchString(err.Error()) {
				t.Errorf("%q: a problem without a place: %v", text, err)
			}
		}
	})
}

var place = regexp.MustCompile(`\bline [1-9][0-9]*\b`)

// within: an accepted file is within the limits, and each function reads its
// part of it as it was.
func within(t *testing.T, c Config) {
	t.Helper()
	if len(c.Deployments) < 1 || len(c.Deployments) > maxDeployments || len(c.Tags) > maxTags || c.Webhook.User == "" {
		t.Errorf("accepted %+v", c)
	}
	for _, d := range c.Deployments {
		if !nameRule.ok(d.Name) || !acceleratorRule.ok(d.Accelerator.ARN) || len(d.Sites) < minSites || len(d.Sites) > maxSites || len(d.Accelerator.DNSNames) < 1 {
			t.Errorf("accepted %+v", d)
		}
		for _, s := range d.Sites {
			if found, ok := d.Find(s.Name); !ok || !nameRule.ok(string(s.Name)) || !cmp.Equal(found, s) || s.Infinispan != nil && !urlRule.ok(s.Infinispan.URL) {
				t.Errorf("accepted %+v", s)
			}
		}
		again(t, d)
	}
	again(t, c.Ingest())
}

func again[T any](t *testing.T, v T) {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeFile[T](data)
	if diff := cmp.Diff(v, got); err != nil || diff != "" {
		t.Errorf("%s: %v (-want +got):\n%s", data, err, diff)
	}
}

// FuzzFunctionFile: the file beside a function is read, or the error says where
// it is wrong.
func FuzzFunctionFile(f *testing.F) {
	for _, text := range []string{
		``, `{}`, `null`, `[]`, `{"name":7}`, "{\n\n", `{"sites":[{"infinispan":{"url":[]}}]}`, `{"sites":{}}`, `{"deployments":[{"dnsNames":"x"}],"user":null}`, `{"name":"a"}{}`, "{\"name\":\"\x01\"}", strings.Repeat("[", 20_000),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, deployment := decodeFile[Deployment](data)
		_, ingest := decodeFile[IngestFile](data)
		for _, err := range []error{deployment, ingest} {
			if err == nil {
				continue
			}
			_, isType := errors.AsType[*json.UnmarshalTypeError](err)
			if !isType && !place.MatchString(err.Error()) || len(err.Error()) > len(data)+500 {
				t.Errorf("%q: got %v", data, err)
			}
		}
	})
}

// authority is a certificate whose key nobody has.
const authority = `-----BEGIN CERTIFICATE-----
MIIBbzCCARWgAwIBAgIUYvxQDjPjBlfqKwOZxc8G+LHyHeUwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBeDAgFw0yNjExMjQxMzQ1NTVaGA8yMTI2MTAzMTEzNDU1NVow
DDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABO18xIs00p8P
5H16iiztf3FKkVZnSSFj3j7YwKp6ZhV+0TxJDayGmoaiUb/x3QBzMHNJzPWGdmOm
DJKBvkBSeEujUzBRMB0GA1UdDgQWBBRnYAXCtnoe2bwiPgryKtMzvJ4uyTAfBgNV
HSMEGDAWgBRnYAXCtnoe2bwiPgryKtMzvJ4uyTAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0gAMEUCIQDDuBiafdj+N8rkKqOf48xYgnkHyzlEnL9S56r2dYCF
bgIgOOXC5MvxFll3Xx+XI3CVT9Q3AAGvW/IHGycW9KOpI2o=
-----END CERTIFICATE-----
`

// FuzzCertificates: of a file only certificates go on, each of which can be
// trusted, and never a key.
func FuzzCertificates(f *testing.F) {
	for _, text := range []string{
		"", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
		"-----BEGIN \x1b[2J-----\nAAAA\n-----END \x1b[2J-----\n", authority, "x\n" + authority + "y\n" + authority, authority + "-----BEGIN EC PRIVATE KEY-----", strings.Replace(authority, "\n", "\nA: b\n\n", 1),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		clean, got, want := onlyCertificates(data)
		if got != "" {
			if text := got + want; clean != nil || len(text) > 500 || strings.ContainsFunc(text, unicode.IsControl) {
				t.Errorf("%q: got %q", data, text)
			}
			return
		}
		for rest := clean; len(rest) > 0; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" || len(block.Headers) > 0 {
				t.Fatalf("%q: goes on as %q", data, clean)
			}
			if _, err := x509.ParseCertificate(block.Bytes); err != nil {
				t.Error(err)
			}
		}
		if !x509.NewCertPool().AppendCertsFromPEM(clean) || bytes.Contains(clean, []byte("PRIVATE")) {
			t.Errorf("%q: goes on as %q", data, clean)
		}
	})
}
