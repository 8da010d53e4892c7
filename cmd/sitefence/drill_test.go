package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
)

// rehearse is a guard and a fence that answer a drill.
func (a *operated) rehearse(e contract.Event) {
	fence := ended(fenceARN, "fence-8-of-"+string(e.Reporter), "Rehearsed", e, map[string]any{
		"reason": "split", "passedOver": []string{"site-visible"},
		"update":      contract.Update{Version: "1", DryRun: true, Planned: []contract.Endpoint{{Group: "the-group", Endpoint: "the-balancer", Weight: 77}}},
		"replication": contract.Offline{Version: "1", DryRun: true, Backup: "online", Caches: []string{"sessions", "tokens"}, Notes: []string{"would be refused: x"}},
	})
	a.states.Put(fence, ended(guardARN, "g-"+e.Alert.Fingerprint, "FenceStarted", e, map[string]any{"fence": fence.ARN()}))
}

func TestDrill(t *testing.T) {
	a := newOperated(t)
	a.alert = func(e contract.Event) {
		if !e.DryRun {
			t.Error("an alert without the drill's mark was posted")
		}
		// An alert of somebody else at the same time is not taken for the drill's.
		other := e
		other.Alert.Fingerprint = "00000000000000ff"
		a.rehearse(e)
		a.states.Put(ended(guardARN, "g-other-"+e.Alert.Fingerprint, "Ignored", other, map[string]any{"reason": "reporter-absent"}))
	}
	out, _, err := a.command("drill", "--site", "site-b", "--user", "alertmanager")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "Nothing is changed", "site-b would have been fenced, by site-a (split)", "the-balancer (weight 77)", "now online; would stop for sessions, tokens",
		"passed over, since this was a drill: site-visible", "note: would be refused: x", "ingest took the alert", "the fence rehearsed")
	has(t, a.webhooks[0], `"drill":"true"`, `"reporter":"site-a"`, `"site":"site-b"`, `"accelerator":"x.awsglobalaccelerator.com"`)

	// The user that was deployed is known without the configuration.
	a.inspect.WebhookUser = "alertmanager"
	if _, _, err := a.command("drill", "--site", "site-b"); err != nil {
		t.Errorf("without --user: %v", err)
	}
	out, _, err = a.typing(password+"\n", "drill", "--both", "--user", "alertmanager", "--password-stdin", "-o", "json")
	var answer drillAnswer
	if err != nil || json.Unmarshal([]byte(out), &answer) != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if r := answer.Rehearsals; len(r) != 2 || r[0].Site != "site-b" || r[1].Site != "site-a" || !r[0].Rehearsed || len(r[1].Removed) != 1 || r[0].Guard == r[1].Guard {
		t.Errorf("%+v", r)
	}
	if len(a.webhooks) != 4 || a.webhooks[2] == a.webhooks[3] {
		t.Errorf("%d webhooks", len(a.webhooks))
	}
}

func TestDrillThatShowsTrouble(t *testing.T) {
	a := newOperated(t)
	a.alert = func(e contract.Event) {
		fence := awsfake.Run{Machine: fenceARN, Name: "fence-8", Status: "FAILED", Error: "Refused", Cause: "Nothing was changed: this was a rehearsal. would-go-dark", Input: jsonText(e)}
		a.states.Put(fence, ended(guardARN, "g-1", "FenceStarted", e, map[string]any{"fence": fence.ARN()}))
	}
	out, _, err := a.command("drill", "--site", "site-b", "--user", "alertmanager")
	if err == nil || !strings.Contains(err.Error(), "would not fence site-b") {
		t.Errorf("%v", err)
	}
	has(t, out, "site-b would NOT have been fenced: failed", "Refused: Nothing was changed: this was a rehearsal. would-go-dark")
}

func TestDrillRefuses(t *testing.T) {
	a := newOperated(t)
	for name, tc := range map[string]struct {
		args  []string
		input string
		want  string
	}{
		"nobody's user":        {[]string{"--site", "site-b"}, "", "--user"},
		"another user":         {[]string{"--site", "site-b", "--user", "mallory"}, "", "ingest refused user"},
		"another password":     {[]string{"--site", "site-b", "--user", "alertmanager", "--password-stdin"}, "wrong-password-of-mine", "401"},
		"no password":          {[]string{"--site", "site-b", "--user", "alertmanager", "--password-stdin"}, "", "--password-stdin"},
		"unknown site":         {[]string{"--site", "site-x", "--user", "alertmanager"}, "", "want one of site-a, site-b"},
		"no site":              {[]string{"--user", "alertmanager"}, "", "--site"},
		"site is the reporter": {[]string{"--site", "site-a", "--reporter", "site-a", "--user", "alertmanager"}, "", "another site"},
		"no such file":         {[]string{"--site", "site-b", "--config", "/nonexistent.yaml"}, "", "nonexistent"},
	} {
		_, _, err := a.typing(tc.input, append([]string{"drill"}, tc.args...)...)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "wrong-password-of-mine") {
			t.Errorf("%s: the password is in %v", name, err)
		}
	}
	a.states.Put(awsfake.Run{Machine: restoreARN, Name: "restore-7-1", Status: "RUNNING"})
	if _, _, err := a.command("drill", "--site", "site-b", "--user", "alertmanager"); err == nil || !strings.Contains(err.Error(), "restore-7-1 is running") {
		t.Errorf("beside a restore: %v", err)
	}
	if len(a.webhooks) > 0 {
		t.Errorf("posted %s", a.webhooks)
	}
}
