package abuse_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
)

// outage is what the events are told apart by.
type outage struct {
	Deployment     string
	Reporter, Site contract.Site
}

// alert is one of a webhook, as Alertmanager sends it.
type alert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     string            `json:"startsAt"`
	EndsAt       string            `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// firing is the nth alert that can be told apart, by its outage up to the
// 1,056th and always by its fingerprint.
func firing(n int) (alert, outage) {
	dep := n % deployments
	reporter := n / deployments % sites
	other := (reporter + 1 + n/(deployments*sites)%(sites-1)) % sites
	return alert{
		Status: "firing",
		Labels: map[string]string{"alertname": "SiteOffline", "accelerator": accelerator(dep),
			"reporter": string(site(reporter)), "site": string(site(other)), "severity": "critical"},
		Annotations:  map[string]string{"summary": "The sites cannot see each other"},
		StartsAt:     time.Now().Add(-time.Minute).UTC().Format(time.RFC3339Nano),
		EndsAt:       "0001-01-01T00:00:00Z",
		GeneratorURL: "http://prometheus.example/graph?g0.expr=site_view_status",
		Fingerprint:  fingerprint(n),
	}, outage{fmt.Sprintf("deployment-%d", dep), site(reporter), site(other)}
}

func fingerprint(n int) string { return fmt.Sprintf("%016x", n) }

// webhook is a body as Alertmanager posts it. It fits into ingest's bound.
func webhook(t *testing.T, alerts ...alert) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"version": "4", "receiver": "sitefence", "status": "firing", "groupKey": `{}:{alertname="SiteOffline"}`,
		"externalURL": "http://alertmanager.example", "truncatedAlerts": 0, "alerts": alerts,
		"groupLabels": map[string]string{}, "commonLabels": map[string]string{}, "commonAnnotations": map[string]string{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(body) >= 1<<20 {
		t.Fatalf("a body of %d bytes, want less than 1 MiB", len(body))
	}
	return body
}

// hostile are ways to spoil an alert.
var hostile = []func(*alert){
	func(a *alert) { a.Labels = nil },
	func(a *alert) { a.Status = "FIRING" },
	func(a *alert) { a.Labels["site"] = a.Labels["reporter"] },
	func(a *alert) { a.Labels["site"] = "../../v2/caches?action=clear" },
	func(a *alert) { a.Labels["reporter"] = strings.Repeat("\x00", 800) },
	func(a *alert) { a.Labels["accelerator"] = "evil.example\r\n{\"level\":\"ERROR\"}" },
	func(a *alert) { a.Labels["alertname"] = strings.Repeat("🔥", 100) },
	func(a *alert) { a.Fingerprint = strings.Repeat("f", 300) },
	func(a *alert) { a.StartsAt = "9999-12-31T23:59:59Z" },
	func(a *alert) { a.StartsAt = "yesterday" },
}

// arrived counts the bus's events by outage, and each event's fingerprint.
func arrived(t *testing.T, bus *awsfake.EventBridge) (outages map[outage]int, fingerprints map[string]int) {
	t.Helper()
	outages, fingerprints = map[outage]int{}, map[string]int{}
	for _, entry := range bus.Events() {
		var e contract.Event
		if err := json.Unmarshal([]byte(entry.Detail), &e); err != nil || entry.EventBusName != "sitefence" {
			t.Errorf("an event that is none, %v: %+v", err, entry)
			continue
		}
		outages[outage{e.Deployment, e.Reporter, e.Site}]++
		fingerprints[e.Alert.Fingerprint]++
	}
	return outages, fingerprints
}
