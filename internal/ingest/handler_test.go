package ingest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/alert"
	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

func TestStatus(t *testing.T) {
	good := webhook(firing("site-a", "site-b"))
	b64 := base64.StdEncoding.EncodeToString
	tests := map[string]struct {
		req    request
		want   int
		events int
		reason string // in the log, when there is a line
	}{
		"one alert":            {post(good), 204, 1, ""},
		"base64 body":          {with(post(b64([]byte(good))), func(r *request) { r.IsBase64Encoded = true }), 204, 1, ""},
		"scheme in upper case": {with(post(good), func(r *request) { r.Headers["authorization"] = "BASIC " + basic(user, password)[6:] }), 204, 1, ""},
		"header in mixed case": {with(post(good), func(r *request) { r.Headers = map[string]string{"Authorization": basic(user, password)} }), 204, 1, ""},
		"no alerts":            {post(webhook()), 204, 0, ""},
		"resolved":             {post(webhook(strings.Replace(firing("site-a", "site-b"), "firing", "resolved", 1))), 204, 0, "resolved"},
		"other alert":          {post(webhook(strings.Replace(firing("site-a", "site-b"), "SiteOffline", "KeycloakSlow", 1))), 204, 0, "other-alert"},
		"unknown site":         {post(webhook(firing("site-a", "site-x"))), 204, 0, "unknown-site"},
		"bad beside good":      {post(webhook(`{"labels": 7}`, firing("site-a", "site-b"), `[]`)), 204, 1, "malformed"},

		"GET":         {with(post(good), func(r *request) { r.RequestContext.HTTP.Method = "GET" }), 405, 0, "wrong-method"},
		"HEAD":        {with(post(good), func(r *request) { r.RequestContext.HTTP.Method = "HEAD" }), 405, 0, ""},
		"lower":       {with(post(good), func(r *request) { r.RequestContext.HTTP.Method = "post" }), 405, 0, ""},
		"empty event": {request{}, 405, 0, ""},

		"no header":           {with(post(good), func(r *request) { r.Headers = nil }), 401, 0, "no-credentials"},
		"wrong user":          {login(good, "someone", password), 401, 0, "wrong-user"},
		"wrong password":      {login(good, user, "the wrong password"), 401, 0, "wrong-password"},
		"both wrong":          {login(good, "someone", "the wrong password"), 401, 0, "wrong-user"},
		"empty password":      {login(good, user, ""), 401, 0, "wrong-password"},
		"empty both":          {login(good, "", ""), 401, 0, "wrong-user"},
		"longer password":     {login(good, user, password+"x"), 401, 0, "wrong-password"},
		"shorter password":    {login(good, user, password[:len(password)-1]), 401, 0, "wrong-password"},
		"user in other case":  {login(good, strings.ToUpper(user), password), 401, 0, "wrong-user"},
		"Bearer":              {auth(good, "Bearer "+password), 401, 0, "no-credentials"},
		"no scheme":           {auth(good, basic(user, password)[6:]), 401, 0, "no-credentials"},
		"broken base64":       {auth(good, "Basic !!!"), 401, 0, "no-credentials"},
		"base64 cut":          {auth(good, basic(user, password)[:20]), 401, 0, "no-credentials"},
		"two headers":         {auth(good, basic(user, password)+","+basic(user, password)), 401, 0, "no-credentials"},
		"no colon":            {auth(good, "Basic "+b64([]byte(user+rotated))), 401, 0, "no-credentials"},
		"stranger, bad body":  {auth("{", ""), 401, 0, "no-credentials"},
		"stranger, huge body": {auth(strings.Repeat("x", 5<<20), ""), 401, 0, "no-credentials"},

		"not JSON":           {post("hello"), 400, 0, "no-webhook"},
		"cut JSON":           {post(good[:len(good)-1]), 400, 0, "no-webhook"},
		"JSON and more":      {post(good + good), 400, 0, "no-webhook"},
		"empty":              {post(""), 400, 0, "no-webhook"},
		"null":               {post("null"), 400, 0, "no-webhook"},
		"list":               {post("[" + good + "]"), 400, 0, "no-webhook"},
		"no version":         {post(`{"alerts":[]}`), 400, 0, "no-webhook"},
		"other version":      {post(`{"version":"5","alerts":[]}`), 400, 0, "no-webhook"},
		"version a number":   {post(`{"version":4,"alerts":[]}`), 400, 0, "no-webhook"},
		"no alerts at all":   {post(`{"version":"4"}`), 400, 0, "no-webhook"},
		"alerts a map":       {post(`{"version":"4","alerts":{}}`), 400, 0, "no-webhook"},
		"broken base64 body": {with(post("!"), func(r *request) { r.IsBase64Encoded = true }), 400, 0, "bad-body"},

		"5 MB":              {post(strings.Repeat(" ", 5<<20)), 413, 0, "bad-body"},
		"at the bound":      {post(good + strings.Repeat(" ", maxBody-len(good))), 204, 1, ""},
		"one byte more":     {post(good + strings.Repeat(" ", maxBody-len(good)+1)), 413, 0, "bad-body"},
		"base64 too large":  {with(post(b64([]byte(strings.Repeat(" ", maxBody+1)))), func(r *request) { r.IsBase64Encoded = true }), 413, 0, "bad-body"},
		"base64 enormous":   {with(post(strings.Repeat("!", 5<<20)), func(r *request) { r.IsBase64Encoded = true }), 413, 0, "bad-body"},
		"deeply nested":     {post(strings.Repeat("[", 1<<19)), 400, 0, "no-webhook"},
		"as many as may be": {post(webhook(strings.Repeat("0,", alert.MaxAlerts-1) + firing("site-a", "site-b"))), 204, 1, "malformed"},
		"one alert more":    {post(webhook(strings.Repeat("0,", alert.MaxAlerts) + firing("site-a", "site-b"))), 413, 0, "no-webhook"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			got := w.handle(tt.req)
			if got.StatusCode != tt.want {
				t.Errorf("got %d %q, want %d", got.StatusCode, got.Body, tt.want)
			}
			if n := len(w.bus.Events()); n != tt.events {
				t.Errorf("%d events on the bus, want %d", n, tt.events)
			}
			if tt.reason != "" && !strings.Contains(w.log.String(), `"reason":"`+tt.reason+`"`) {
				t.Errorf("no line with reason %q in\n%s", tt.reason, w.log)
			}
			// The dashboard counts the lines that have a status.
			if n := strings.Count(w.log.String(), `"status":`); n != 1 || !strings.Contains(w.log.String(), fmt.Sprintf(`"status":%d`, tt.want)) {
				t.Errorf("%d lines with a status, want one with %d:\n%s", n, tt.want, w.log)
			}
			if got := got.Headers["www-authenticate"]; (got == `Basic realm="sitefence"`) != (tt.want == 401) {
				t.Errorf("www-authenticate: %q beside %d", got, tt.want)
			}
			if got := got.Headers["allow"]; (got == "POST") != (tt.want == 405) {
				t.Errorf("allow: %q beside %d", got, tt.want)
			}
			if w.log.Len() > 64<<10 {
				t.Errorf("%d bytes of log for one request", w.log.Len())
			}
		})
	}
}

func TestEvent(t *testing.T) {
	w := newWorld(t)
	if got := w.handle(post(webhook(firing("site-a", "site-b")))); got.StatusCode != 204 || got.Body != "" {
		t.Fatalf("got %d %q, want 204 without a body", got.StatusCode, got.Body)
	}
	entry := w.bus.Events()[0]
	var got contract.Event
	if err := json.Unmarshal([]byte(entry.Detail), &got); err != nil {
		t.Fatal(err)
	}
	want := contract.Event{
		Version: "1", Deployment: "keycloak", Accelerator: "a1.awsglobalaccelerator.com",
		Reporter: "site-a", Site: "site-b",
		Alert: contract.Alert{
			Fingerprint: "0123456789abcdef", GroupKey: `{}:{alertname="SiteOffline"}`,
			StartsAt: time.Date(2026, 11, 23, 9, 59, 30, 123e6, time.UTC),
		},
		ReceivedAt: now,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	entry.Detail, entry.Time = "", 0
	if diff := cmp.Diff(awsfake.Entry{EventBusName: "sitefence", Source: "sitefence", DetailType: "Site Offline"}, entry); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.wantLog(`"message":"event put"`, `"deployment":"keycloak"`, `"site":"site-b"`, `"reporter":"site-a"`,
		`"fingerprint":"0123456789abcdef"`, `"event":"event-1"`)
}

func TestTruncated(t *testing.T) {
	w := newWorld(t)
	body := strings.Replace(webhook(firing("site-a", "site-b")), `"truncatedAlerts":0`, `"truncatedAlerts":7`, 1)
	if got := w.handle(post(body)); got.StatusCode != 204 {
		t.Errorf("got %d, want 204", got.StatusCode)
	}
	w.wantLog(`"TruncatedAlerts":7`, `"Metrics":[{"Name":"TruncatedAlerts","Unit":"Count"}]`)
}

// TestRefusedRequestsAreCounted: what the right user sent and was dropped is
// counted, for an alarm; what a stranger sent is not.
func TestRefusedRequestsAreCounted(t *testing.T) {
	for name, tc := range map[string]struct {
		request func() request
		counted bool
	}{
		"wrong password": {func() request { return login(webhook(), user, "the wrong password") }, true},
		"not JSON":       {func() request { return login("x", user, password) }, true},
		"too large":      {func() request { return login(strings.Repeat("x", 2<<20), user, password) }, true},
		"wrong user":     {func() request { return login(webhook(), "someone", password) }, false},
		"accepted":       {func() request { return login(webhook(), user, password) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.handle(tc.request())
			if got := strings.Contains(w.log.String(), `"RefusedRequests":1`); got != tc.counted {
				t.Errorf("counted: %v, want %v\n%s", got, tc.counted, w.log.String())
			}
		})
	}
}

// TestRefusedAlertsAreCounted: an alert that was answered 2xx and ended in
// nothing must be able to page.
func TestRefusedAlertsAreCounted(t *testing.T) {
	w := newWorld(t)
	w.handle(post(webhook(firing("site-a", "site-x"), firing("site-a", "site-a"), strings.Replace(firing("site-a", "site-b"), "firing", "resolved", 1))))
	w.wantLog(`"RefusedAlerts":2`, `"reason":"unknown-site"`, `"reason":"reporter-is-site"`, `"reason":"resolved"`)
}

var (
	internal = awsfake.Fault{Status: 500, Code: "InternalException"}
	lost     = awsfake.Fault{Applied: true, Cut: true}
	slow     = awsfake.Fault{Delay: time.Hour}
	denied   = awsfake.Fault{Status: 400, Code: "AccessDeniedException"}
)

func TestBusFaults(t *testing.T) {
	several := webhook(firing("site-a", "site-b"), firing("site-b", "site-a"), firing("site-a", "site-c"))
	partly := awsfake.Fault{Entries: map[string]string{`"site":"site-c"`: "InternalFailure"}}
	// Good ones that follow must not hide it.
	firstOnly := awsfake.Fault{Entries: map[string]string{`"site":"site-b"`: "InternalFailure"}}
	tests := map[string]struct {
		faults []awsfake.Fault
		want   int
		calls  int
		sites  string // of the events that the bus took, in order
	}{
		"none":               {nil, 204, 1, "bac"},
		"failed once":        {[]awsfake.Fault{internal}, 204, 2, "bac"},
		"throttled once":     {[]awsfake.Fault{{Status: 400, Code: "ThrottlingException"}}, 204, 2, "bac"},
		"answer lost":        {[]awsfake.Fault{lost}, 204, 2, "bacbac"},
		"slow once":          {[]awsfake.Fault{slow}, 204, 2, "bac"},
		"nonsense":           {[]awsfake.Fault{{Body: "hello"}}, 204, 2, "bac"},
		"short answer":       {[]awsfake.Fault{{Body: `{"FailedEntryCount":0,"Entries":[]}`}}, 204, 2, "bac"},
		"no id":              {[]awsfake.Fault{{Body: `{"FailedEntryCount":0,"Entries":[{},{},{}]}`}}, 204, 2, "bac"},
		"one entry failed":   {[]awsfake.Fault{partly}, 204, 2, "bac"},
		"one entry lost":     {[]awsfake.Fault{partly, partly, partly, partly, partly}, 503, 5, "ba"},
		"the first one lost": {[]awsfake.Fault{firstOnly, firstOnly, firstOnly, firstOnly, firstOnly}, 503, 5, "ac"},
		"always failing":     {[]awsfake.Fault{internal, internal, internal, internal, internal}, 503, 5, ""},
		"always lost":        {[]awsfake.Fault{lost, lost, lost, lost, lost}, 503, 5, "bacbacbacbacbac"},
		"always slow":        {[]awsfake.Fault{slow, slow, slow, slow, slow}, 503, 5, ""},
		"forbidden":          {[]awsfake.Fault{denied}, 503, 1, ""},
		"partly, then lost":  {[]awsfake.Fault{partly, lost}, 204, 3, "bacc"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.bus.Add(tt.faults...)
				began := time.Now()
				got := w.handle(post(several))
				if got.StatusCode != tt.want {
					t.Errorf("got %d, want %d", got.StatusCode, tt.want)
				}
				if took := time.Since(began); took > 25*time.Second {
					t.Errorf("answered after %v", took)
				}
				if n := len(w.bus.Calls()); n != tt.calls {
					t.Errorf("%d calls, want %d", n, tt.calls)
				}
				sites := ""
				for _, e := range w.bus.Events() {
					_, rest, _ := strings.Cut(e.Detail, `"site":"site-`)
					sites += rest[:1]
				}
				if sites != tt.sites {
					t.Errorf("events of sites %q, want %q", sites, tt.sites)
				}
				if failed := strings.Count(w.log.String(), `"message":"event not put"`); (failed > 0) != (tt.want == 503) {
					t.Errorf("%d lines of failed events beside %d", failed, tt.want)
				}
			})
		})
	}
}

// TestDeadline: with little time left the answer is ours, not the platform's.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.bus.Add(slow)
		ctx, cancel := w.within(2 * time.Second)
		defer cancel()
		got := w.handleContext(ctx, post(webhook(firing("site-a", "site-b"))))
		if got.StatusCode != 503 || ctx.Err() != nil {
			t.Errorf("got %d, %v, want 503 before the deadline", got.StatusCode, ctx.Err())
		}
	})
}

func TestBatches(t *testing.T) {
	w := newWorld(t)
	var alerts []string
	for _, d := range deployments {
		for _, reporter := range d.Sites {
			for _, site := range d.Sites {
				if site != reporter {
					alert := strings.Replace(firing(string(reporter), string(site)), "a1.awsglobalaccelerator.com", d.DNSNames[0], 1)
					alerts = append(alerts, alert, alert)
				}
			}
		}
	}
	if got := w.handle(post(webhook(alerts...))); got.StatusCode != http.StatusNoContent {
		t.Errorf("got %d, want 204", got.StatusCode)
	}
	if got, want := len(w.bus.Events()), len(alerts)/2; got != want {
		t.Errorf("%d events, want one for each of %d", got, want)
	}
	if got, want := len(w.bus.Calls()), 2; got != want {
		t.Errorf("%d calls, want %d", got, want)
	}
	w.wantLog(`"reason":"duplicate"`)
}

func TestValidate(t *testing.T) {
	file := config.IngestFile{User: user, Deployments: deployments}
	if err := validate(file, "bus", "secret"); err != nil {
		t.Errorf("got %v, want none", err)
	}
	file.User, file.Deployments = "", nil
	if err := validate(file, "", ""); strings.Count(fmt.Sprint(err), "\n") != 3 {
		t.Errorf("got %v, want four problems", err)
	}
}
