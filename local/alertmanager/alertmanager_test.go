package alertmanager_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/local/alertmanager"
)

const (
	user     = "keycloak"
	password = `p:ä"ss%20word`
)

// delivery is one webhook as it arrived.
type delivery struct {
	user, password string
	basic          bool
	contentType    string
	body           struct {
		Version     string
		Status      string
		GroupLabels map[string]string
		Alerts      []struct {
			Status, Fingerprint string
			Labels              map[string]string
			StartsAt            time.Time
		}
	}
}

// reporters are the reporter labels of the alerts, with their status.
func (d delivery) reporters() map[string]string {
	found := map[string]string{}
	for _, alert := range d.body.Alerts {
		found[alert.Labels["reporter"]] = alert.Status
	}
	return found
}

// webhook answers with the statuses given, one after the other, the last one
// for good.
func webhook(t *testing.T, statuses ...int) (url string, deliveries <-chan delivery) {
	t.Helper()
	arrived := make(chan delivery, 100)
	next := make(chan int, len(statuses))
	for _, status := range statuses {
		next <- status
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var d delivery
		d.user, d.password, d.basic = r.BasicAuth()
		d.contentType = r.Header.Get("Content-Type")
		if err := json.NewDecoder(r.Body).Decode(&d.body); err != nil {
			t.Errorf("webhook body: %v", err)
		}
		select {
		case status := <-next:
			w.WriteHeader(status)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
		arrived <- d
	}))
	t.Cleanup(server.Close)
	return server.URL, arrived
}

func start(t *testing.T, o alertmanager.Options) *alertmanager.Alertmanager {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	o.User, o.Password = user, password
	a, err := alertmanager.Start(ctx, o)
	if errors.Is(err, alertmanager.ErrUnavailable) && os.Getenv("SITEFENCE_REAL") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Stop)
	return a
}

func receive(t *testing.T, deliveries <-chan delivery) delivery {
	t.Helper()
	select {
	case d := <-deliveries:
		return d
	case <-time.After(20 * time.Second):
		t.Fatal("no webhook within 20 seconds")
		panic("unreachable")
	}
}

func siteOffline(reporter, site string) alertmanager.Alert {
	return alertmanager.Alert{Labels: map[string]string{
		"alertname": "SiteOffline", "accelerator": "a1b2.awsglobalaccelerator.com", "reporter": reporter, "site": site,
	}}
}

func post(t *testing.T, a *alertmanager.Alertmanager, alerts ...alertmanager.Alert) {
	t.Helper()
	if err := a.Post(t.Context(), alerts...); err != nil {
		t.Fatal(err)
	}
}

func TestAlertArrivesWithBasicAuth(t *testing.T) {
	url, deliveries := webhook(t)
	a := start(t, alertmanager.Options{URL: url, GroupWait: time.Millisecond})
	post(t, a, siteOffline("site-a", "site-b"))

	d := receive(t, deliveries)
	if !d.basic || d.user != user || d.password != password {
		t.Errorf("credentials %q, %q (%v), want %q, %q", d.user, d.password, d.basic, user, password)
	}
	if d.contentType != "application/json" || d.body.Version != "4" || d.body.Status != "firing" {
		t.Errorf("content type %q, version %q, status %q", d.contentType, d.body.Version, d.body.Status)
	}
	if diff := cmp.Diff(map[string]string{"accelerator": "a1b2.awsglobalaccelerator.com"}, d.body.GroupLabels); diff != "" {
		t.Errorf("group labels (-want +got):\n%s", diff)
	}
	if len(d.body.Alerts) != 1 || len(d.body.Alerts[0].Fingerprint) != 16 || d.body.Alerts[0].StartsAt.IsZero() {
		t.Errorf("alerts: %+v", d.body.Alerts)
	}
}

func TestOnlySiteOfflineIsRouted(t *testing.T) {
	url, deliveries := webhook(t)
	a := start(t, alertmanager.Options{URL: url, GroupWait: time.Millisecond})
	other := siteOffline("site-x", "site-y")
	other.Labels["alertname"] = "SiteSlow"
	post(t, a, other)
	post(t, a, siteOffline("site-a", "site-b"))
	want := map[string]string{"site-a": "firing"}
	if diff := cmp.Diff(want, receive(t, deliveries).reporters()); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}

func TestAlertsOfAnAcceleratorAreOneGroup(t *testing.T) {
	url, deliveries := webhook(t)
	a := start(t, alertmanager.Options{URL: url, GroupWait: time.Second})
	post(t, a, siteOffline("site-a", "site-b"), siteOffline("site-b", "site-a"))
	want := map[string]string{"site-a": "firing", "site-b": "firing"}
	if diff := cmp.Diff(want, receive(t, deliveries).reporters()); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}

func TestResolvedIsSentIfAsked(t *testing.T) {
	url, deliveries := webhook(t)
	a := start(t, alertmanager.Options{
		URL: url, GroupWait: time.Millisecond, GroupInterval: 100 * time.Millisecond,
	})
	alert := siteOffline("site-a", "site-b")
	post(t, a, alert)
	if got := receive(t, deliveries).body.Status; got != "firing" {
		t.Fatalf("status %q, want firing", got)
	}
	alert.EndsAt = time.Now().Add(-time.Second)
	alert.StartsAt = alert.EndsAt.Add(-time.Minute)
	post(t, a, alert)
	if got := receive(t, deliveries).body.Status; got != "resolved" {
		t.Errorf("status %q, want resolved", got)
	}
}

func TestFiringAlertIsRepeated(t *testing.T) {
	url, deliveries := webhook(t)
	a := start(t, alertmanager.Options{
		URL: url, GroupWait: time.Millisecond, GroupInterval: 100 * time.Millisecond, RepeatInterval: 200 * time.Millisecond,
	})
	post(t, a, siteOffline("site-a", "site-b"))
	for range 3 {
		receive(t, deliveries)
	}
}

// What ingest relies on: 5xx is asked again soon, 4xx is not.
func TestServerErrorIsRetried(t *testing.T) {
	url, deliveries := webhook(t, http.StatusServiceUnavailable, http.StatusInternalServerError)
	a := start(t, alertmanager.Options{URL: url, GroupWait: time.Millisecond})
	post(t, a, siteOffline("site-a", "site-b"))
	for range 3 {
		receive(t, deliveries)
	}
}

func TestRefusedAlertIsAnError(t *testing.T) {
	url, _ := webhook(t)
	a := start(t, alertmanager.Options{URL: url})
	err := a.Post(t.Context(), alertmanager.Alert{})
	if err == nil || !strings.Contains(err.Error(), "labels") {
		t.Errorf("error %v, want Alertmanager's own words", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]alertmanager.Options{
		"no URL":              {},
		"no address":          {URL: "webhook"},
		"user but no secret":  {URL: "http://127.0.0.1:1", User: "u"},
		"secret but no user":  {URL: "http://127.0.0.1:1", Password: "p"},
		"cannot be read":      {URL: "http://127.0.0.1:1\x00"},
		"said twice":          {URL: "http://127.0.0.1:1", Config: []byte("route: {receiver: x}\nreceivers: [{name: x}]\n")},
		"repeats in the past": {URL: "http://127.0.0.1:1", RepeatInterval: -time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if a, err := alertmanager.Start(t.Context(), o); err == nil {
				a.Stop()
				t.Error("started")
			}
		})
	}
}

func TestResolvedIsNotSentIfNotWanted(t *testing.T) {
	url, deliveries := webhook(t)
	a := start(t, alertmanager.Options{
		URL: url, GroupWait: time.Millisecond, GroupInterval: 50 * time.Millisecond, FiringOnly: true,
	})
	over := siteOffline("site-a", "site-b")
	post(t, a, over)
	receive(t, deliveries)
	over.EndsAt = time.Now().Add(-time.Second)
	over.StartsAt = over.EndsAt.Add(-time.Minute)
	post(t, a, over)
	// The next one of the group is a flush later, so the other would be in it.
	post(t, a, siteOffline("site-b", "site-a"))
	for {
		got := receive(t, deliveries).reporters()
		if status := got["site-a"]; status == "resolved" {
			t.Fatal("the webhook heard that the alert is over")
		}
		if got["site-b"] == "firing" {
			return
		}
	}
}

func TestStop(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	url, _ := webhook(t)
	begin := time.Now()
	a := start(t, alertmanager.Options{URL: url})
	t.Logf("up after %v", time.Since(begin).Round(time.Millisecond))
	a.Stop()
	a.Stop()
	select {
	case <-a.Done():
	default:
		t.Error("Done is open after Stop")
	}
	if resp, err := http.Get(a.URL()); err == nil {
		_ = resp.Body.Close()
		t.Error("something still answers after Stop")
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(left, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "sitefence-alertmanager-") }) {
		t.Errorf("data left in %s", os.TempDir())
	}
}
