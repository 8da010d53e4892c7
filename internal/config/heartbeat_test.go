package config

import (
	"strings"
	"testing"
	"time"
)

// one is a file with one deployment, ending where a field of it can be added.
const one = `webhook: {user: alertmanager}
deployments:
  - name: keycloak
    accelerator: {arn: "arn:aws:globalaccelerator::111122223333:accelerator/1", dnsNames: [a.example.com]}
    sites: [{name: a, infinispan: none}, {name: b, infinispan: none}]
`

func TestHeartbeat(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want time.Duration
		bad  string // in the error
	}{
		"off":            {"", 0, ""},
		"null":           {"    heartbeat:\n", 0, ""},
		"on":             {"    heartbeat: {silence: 15m}\n", 15 * time.Minute, ""},
		"least":          {"    heartbeat: {silence: 5m}\n", 5 * time.Minute, ""},
		"most":           {"    heartbeat: {silence: 120m}\n", 2 * time.Hour, ""},
		"too short":      {"    heartbeat: {silence: 4m}\n", 0, "deployments[0].heartbeat.silence"},
		"too long":       {"    heartbeat: {silence: 121m}\n", 0, "deployments[0].heartbeat.silence"},
		"other unit":     {"    heartbeat: {silence: 600s}\n", 0, "from 5m to 120m"},
		"a number":       {"    heartbeat: {silence: 15}\n", 0, "deployments[0].heartbeat.silence"},
		"no silence":     {"    heartbeat: {}\n", 0, "the field is required"},
		"unknown field":  {"    heartbeat: {silence: 15m, every: 1m}\n", 0, "deployments[0].heartbeat.every"},
		"not a mapping":  {"    heartbeat: 15m\n", 0, "deployments[0].heartbeat"},
		"at the top":     {"heartbeat: {silence: 15m}\n", 0, "heartbeat: unknown field"},
		"not every site": {"    heartbeat: true\n", 0, "deployments[0].heartbeat"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := read([]byte(one+tc.text), t.TempDir())
			if tc.bad != "" {
				if err == nil || !strings.Contains(err.Error(), tc.bad) {
					t.Errorf("got %v, want %s named", err, tc.bad)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Deployments[0].HeartbeatSilence; got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestNotifications(t *testing.T) {
	const key = "arn:aws:kms:eu-west-1:111122223333:key/1"
	for name, tc := range map[string]struct {
		text string
		want Notifications
		bad  string
	}{
		"encrypted":          {"encrypted: true", Notifications{Encrypted: true}, ""},
		"key":                {"kmsKeyArn: " + key, Notifications{KMSKeyARN: key}, ""},
		"key, encrypted not": {"encrypted: false\n  kmsKeyArn: " + key, Notifications{KMSKeyARN: key}, ""},
		"both":               {"encrypted: true\n  kmsKeyArn: " + key, Notifications{}, "notifications.encrypted"},
		"AWS's own key":      {"kmsKeyArn: alias/aws/sns", Notifications{}, "notifications.kmsKeyArn"},
		"chat":               {"chatTopic: true", Notifications{ChatTopic: true}, ""},
		"runbooks":           {"runbooks: https://wiki.example.com/sitefence", Notifications{Runbooks: "https://wiki.example.com/sitefence"}, ""},
		"runbooks, a slash":  {"runbooks: https://wiki.example.com/sitefence/", Notifications{Runbooks: "https://wiki.example.com/sitefence"}, ""},
		"runbooks, no https": {"runbooks: http://wiki.example.com", Notifications{}, "notifications.runbooks"},
		"runbooks, a query":  {"runbooks: https://wiki.example.com/?a=b", Notifications{}, "notifications.runbooks"},
		"runbooks, a quote":  {`runbooks: 'https://wiki.example.com/"'`, Notifications{}, "notifications.runbooks"},
		"runbooks, a field":  {`runbooks: 'https://wiki.example.com/<site>'`, Notifications{}, "notifications.runbooks"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := read([]byte(one+"notifications:\n  "+tc.text+"\n"), t.TempDir())
			if tc.bad != "" {
				if err == nil || !strings.Contains(err.Error(), tc.bad) {
					t.Errorf("got %v, want %s named", err, tc.bad)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Notifications; got.Encrypted != tc.want.Encrypted || got.KMSKeyARN != tc.want.KMSKeyARN ||
				got.ChatTopic != tc.want.ChatTopic || got.Runbooks != tc.want.Runbooks {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestRunbook(t *testing.T) {
	for base, want := range map[string]string{
		"":                                   "https://github.com/sitefence/sitefence/blob/main/docs/runbooks/guard-failed.md",
		"https://wiki.example.com/sitefence": "https://wiki.example.com/sitefence/guard-failed.md",
	} {
		if got := (Notifications{Runbooks: base}).Runbook("guard-failed"); got != want {
			t.Errorf("%q: got %s, want %s", base, got, want)
		}
	}
}
