package ingest

import (
	"strings"
	"testing"
)

// TestFailedLoginsAreCounted: strangers by rate, and never as a request that was
// lost; the right user with a wrong password is one at once.
func TestFailedLoginsAreCounted(t *testing.T) {
	for name, tc := range map[string]struct {
		request         request
		failed, refused bool
	}{
		"no credentials": {auth(webhook(), ""), true, false},
		"another scheme": {auth(webhook(), "Bearer x"), true, false},
		"no Basic":       {auth(webhook(), "Basic x"), true, false},
		"wrong user":     {login(webhook(), "someone", password), true, false},
		"wrong password": {login(webhook(), user, "the wrong password"), false, true},
		"accepted":       {login(webhook(), user, password), false, false},
		"GET":            {with(post(""), func(r *request) { r.RequestContext.HTTP.Method = "GET" }), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.handle(tc.request)
			for metric, want := range map[string]bool{`"FailedLogins":1`: tc.failed, `"RefusedRequests":1`: tc.refused} {
				if got := strings.Contains(w.log.String(), metric); got != want {
					t.Errorf("%s: %v, want %v\n%s", metric, got, want, w.log)
				}
			}
			if n := strings.Count(w.log.String(), "\n"); n > 1 {
				t.Errorf("%d lines for one login", n)
			}
		})
	}
}

func watchdog(accelerator, reporter string) string {
	return `{"status":"firing","labels":{"alertname":"Watchdog","accelerator":"` + accelerator + `","reporter":"` + reporter +
		`","severity":"none"},"startsAt":"2026-11-23T09:00:00Z","fingerprint":"0123456789abcdef"}`
}

// TestHeartbeatIsCounted: by the configuration's names, and it makes no event.
func TestHeartbeatIsCounted(t *testing.T) {
	w := newWorld(t)
	if got := w.handle(post(webhook(watchdog("a1.dualstack.awsglobalaccelerator.com", "site-b"), watchdog("a1.awsglobalaccelerator.com", "site-b")))); got.StatusCode != 204 {
		t.Errorf("got %d, want 204", got.StatusCode)
	}
	w.wantLog(`"Deployment":"keycloak","Reporter":"site-b","Heartbeats":1`, `"Dimensions":[["FunctionName","Deployment","Reporter"]]`)
	if n := strings.Count(w.log.String(), `"Heartbeats":1`); n != 1 {
		t.Errorf("counted %d times, want once for each site", n)
	}
	if n := len(w.bus.Calls()); n != 0 {
		t.Errorf("%d calls of EventBridge, want none", n)
	}
}

// TestHeartbeatOfAStranger: what a label says never names a metric, and a
// Watchdog that is not known pages nobody.
func TestHeartbeatOfAStranger(t *testing.T) {
	w := newWorld(t)
	body := webhook(watchdog("a9.example.com", "site-b"), watchdog("a1.awsglobalaccelerator.com", "site-x"), watchdog("", ""))
	if got := w.handle(post(body)); got.StatusCode != 204 {
		t.Errorf("got %d, want 204", got.StatusCode)
	}
	for _, metric := range []string{"Heartbeats", "RefusedAlerts"} {
		if strings.Contains(w.log.String(), metric) {
			t.Errorf("%s in the log:\n%s", metric, w.log)
		}
	}
	w.wantLog(`"reason":"unknown-accelerator"`, `"reason":"unknown-reporter"`, `"reason":"other-alert"`)
}
