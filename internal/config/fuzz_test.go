package config

import (
	"strings"
	"testing"
)

// FuzzRead holds that no file makes Load panic, and that what it accepts is
// within the limits.
func FuzzRead(f *testing.F) {
	f.Add("webhook: {user: a}\ndeployments: [{name: a, accelerator: {arn: 'arn:aws:globalaccelerator::123456789012:accelerator/1', dnsNames: [a.b]}, sites: [{name: a, infinispan: none}, {name: b, infinispan: none}]}]")
	f.Add("deployments: [{sites: [{infinispan: {password: hunter2}}]}]")
	f.Add("a: &a [*a]")
	f.Add("tags: {a: b}\ntuning: {logRetentionDays: 1, tracing: true}\nnotifications: {emails: [a@b.c]}")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := read([]byte(text), t.Name())
		if err != nil {
			if strings.Contains(err.Error(), "\x1b") {
				t.Errorf("%q: the error could garble a terminal: %v", text, err)
			}
			return
		}
		if len(c.Deployments) < 1 || len(c.Deployments) > maxDeployments || len(c.Deployments[0].Sites) < minSites {
			t.Errorf("accepted %q", text)
		}
	})
}
