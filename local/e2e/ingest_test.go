package e2e_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/local/stack"
)

func basic(user, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(user, password) }
}

func authorization(value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", value) }
}

// TestIngestRefuses: the right status for everything that must not fence, and
// nothing starts. The link is cut, so that a fence would follow if it did.
func TestIngestRefuses(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	good := webhook(s.alert(siteA, siteB))
	changed := func(change func(a *alert)) []byte {
		a := s.alert(siteA, siteB)
		change(&a)
		return webhook(a)
	}
	label := func(name, value string) []byte { return changed(func(a *alert) { a.Labels[name] = value }) }
	missing := func(name string) []byte { return changed(func(a *alert) { delete(a.Labels, name) }) }
	encoded := base64.StdEncoding.EncodeToString([]byte(stack.WebhookUser + ":" + stack.WebhookPassword))
	tests := map[string]struct {
		method string
		body   []byte
		change func(*http.Request)
		want   int
	}{
		"resolved alert":         {"POST", changed(func(a *alert) { a.Status = "resolved" }), nil, 204},
		"other alert":            {"POST", label("alertname", "Watchdog"), nil, 204},
		"unknown accelerator":    {"POST", label("accelerator", "x.awsglobalaccelerator.com"), nil, 204},
		"accelerator as a query": {"POST", label("accelerator", "x' || '1'=='1"), nil, 204},
		"unknown site":           {"POST", label("site", "site-x"), nil, 204},
		"site as a path":         {"POST", label("site", "../../caches"), nil, 204},
		"unknown reporter":       {"POST", label("reporter", "site-x"), nil, 204},
		"reporter = site":        {"POST", label("site", siteA), nil, 204},
		"no alert name":          {"POST", missing("alertname"), nil, 204},
		"no accelerator":         {"POST", missing("accelerator"), nil, 204},
		"no reporter":            {"POST", missing("reporter"), nil, 204},
		"no site":                {"POST", missing("site"), nil, 204},
		"wrong user":             {"POST", good, basic("someone", stack.WebhookPassword), 401},
		"wrong password":         {"POST", good, basic(stack.WebhookUser, "wrong-password"), 401},
		"both wrong":             {"POST", good, basic("someone", "wrong-password"), 401},
		"empty password":         {"POST", good, basic(stack.WebhookUser, ""), 401},
		"no header":              {"POST", good, func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"broken base64":          {"POST", good, authorization("Basic %%%" + encoded), 401},
		"base64 without colon":   {"POST", good, authorization("Basic " + base64.StdEncoding.EncodeToString([]byte("x"))), 401},
		"Bearer":                 {"POST", good, authorization("Bearer " + encoded), 401},
		"5 MB":                   {"POST", []byte(`{"version":"4","receiver":"` + strings.Repeat("x", 5<<20) + `"}`), nil, 413},
		"not JSON":               {"POST", []byte("alertname=SiteOffline"), nil, 400},
		"not a webhook":          {"POST", []byte(`{"alerts":{}}`), nil, 400},
		"another version":        {"POST", []byte(strings.Replace(string(good), `"version":"4"`, `"version":"5"`, 1)), nil, 400},
		"empty":                  {"POST", nil, nil, 400},
		"GET":                    {"GET", nil, nil, 405},
		"PUT":                    {"PUT", good, nil, 405},
	}
	for name, tc := range tests {
		resp := s.request(tc.method, tc.body, tc.change)
		if resp.StatusCode != tc.want {
			t.Errorf("%s: answered %s, want %d", name, resp.Status, tc.want)
		}
		if tc.want == 401 && !strings.HasPrefix(resp.Header.Get("Www-Authenticate"), "Basic") {
			t.Errorf("%s: no WWW-Authenticate", name)
		}
	}
	// What has a status of its own by then has started nothing: the events of
	// an accepted alert would be there before the answer.
	if got := s.guardsEnded(0); len(got) > 0 {
		t.Errorf("%d guard executions were started, want none", len(got))
	}
	s.wantUntouched()
}

// TestBadBesideGood: one webhook, one good alert among bad ones.
func TestBadBesideGood(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	resolved, unknown, mangled := s.alert(siteB, siteA), s.alert(siteA, siteB), s.alert(siteA, siteB)
	resolved.Status = "resolved"
	unknown.Labels["accelerator"] = "x"
	mangled.Fingerprint = "not hex"
	body := strings.Replace(string(webhook(resolved, unknown, mangled, s.alert(siteA, siteB))),
		`"alerts":[`, `"alerts":[{"status":"firing","labels":7},`, 1)
	if resp := s.request("POST", []byte(body), nil); resp.StatusCode != 204 {
		t.Fatalf("answered %s, want 204", resp.Status)
	}
	s.wantEnd("Fenced", "split")
	if got := len(s.guardsEnded(1)); got != 1 {
		t.Errorf("%d guard executions, want 1", got)
	}
	s.wantFenced(siteA, siteB)
}

// TestBase64Body: without a JSON content type the Function URL hands the body
// over as base64.
func TestBase64Body(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	resp := s.request("POST", webhook(s.alert(siteA, siteB)), func(r *http.Request) { r.Header.Set("Content-Type", "application/octet-stream") })
	if resp.StatusCode != 204 {
		t.Fatalf("answered %s, want 204", resp.Status)
	}
	s.wantEnd("Fenced", "split")
	s.wantFenced(siteA, siteB)
}

// TestRotatedWebhookSecret: the new password is taken at once, without a
// deployment. It runs alone: the secret is everybody's.
func TestRotatedWebhookSecret(t *testing.T) {
	s := enter(t, "stateless")
	s.must(deployed.RotateWebhookPassword(s.ctx, rotatedWebhook))
	t.Cleanup(func() {
		s.must(deployed.RotateWebhookPassword(s.ctx, stack.WebhookPassword))
		s.accepts(stack.WebhookPassword)
	})
	s.accepts(rotatedWebhook)
	if resp := s.request("POST", webhook(), basic(stack.WebhookUser, stack.WebhookPassword)); resp.StatusCode != 401 {
		t.Errorf("the old password is answered %s, want 401", resp.Status)
	}
}

// accepts wants the password to be taken by every environment of the function.
func (s *scene) accepts(password string) {
	s.t.Helper()
	for range 3 {
		if resp := s.request("POST", webhook(), basic(stack.WebhookUser, password)); resp.StatusCode != 204 {
			s.t.Errorf("the new password is answered %s, want 204", resp.Status)
		}
	}
}

// TestEntryFails: PutEvents fails for one entry of two. It is put again; the
// other is not put twice; if it goes on failing the answer is 5xx, so that
// Alertmanager sends it again, without harm.
func TestEntryFails(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	lost, kept := s.alert(siteA, siteB), s.alert(siteB, siteA)
	busProxy.fail(lost.Fingerprint, 1)
	busProxy.fail(kept.Fingerprint, 0)
	s.post(lost, kept)
	if got := busProxy.puts(lost.Fingerprint); got != 2 {
		t.Errorf("the entry that failed was put %d times, want 2", got)
	}
	if got := busProxy.puts(kept.Fingerprint); got != 1 {
		t.Errorf("the entry that did not fail was put %d times, want 1", got)
	}
	s.guardsEnded(2)
	s.fencesEnded(1)
	if len(s.present()) != 1 {
		t.Errorf("the accelerator holds %v, want one site", s.present())
	}

	again := s.alert(siteA, siteB)
	busProxy.fail(again.Fingerprint, 1000)
	started := time.Now()
	if resp := s.request("POST", webhook(again), nil); resp.StatusCode != 503 {
		t.Errorf("answered %s after %s, want 503", resp.Status, time.Since(started))
	}
	busProxy.fail(again.Fingerprint, 0)
	s.post(again)
	for _, g := range s.guardsEnded(3) {
		if o := g.Outcome(); o != "Ignored" && o != "FenceStarted" {
			t.Errorf("a guard ended %s", o)
		}
	}
}

// TestManyAlerts: one webhook for several pairs of sites is several events.
func TestManyAlerts(t *testing.T) {
	s := enter(t, "trio")
	s.must(s.world.CutLink(s.ctx))
	var alerts []alert
	for i := range 30 {
		a := s.alert([]string{siteA, siteB, siteC}[i%3], []string{siteB, siteC, siteA}[i%3])
		a.Labels["namespace"] = fmt.Sprint(i)
		alerts = append(alerts, a)
	}
	s.post(alerts...)
	if got := len(s.guardsEnded(3)); got != 3 {
		t.Errorf("%d guard executions, want one for each reporter and site: 3", got)
	}
}
