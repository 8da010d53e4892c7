package alert_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sitefence/sitefence/internal/alert"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

var (
	now         = time.Date(2026, 11, 23, 10, 0, 0, 999_999_999, time.FixedZone("", 3600))
	deployments = []config.IngestDeployment{
		{Name: "one", DNSNames: []string{"a1.example.com", "a1.dualstack.example.com"}, Sites: []contract.Site{"a", "b"}},
		{Name: "two", DNSNames: []string{"a2.example.com"}, Sites: []contract.Site{"a", "c"}},
	}
)

const fingerprint = "0123456789abcdef"

// firing is a good alert with some of its fields changed; a nil value takes
// the field away.
func firing(changes map[string]any) json.RawMessage {
	a := map[string]any{
		"status": "firing", "startsAt": "2026-11-23T08:59:00Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": fingerprint,
		"labels": map[string]any{"alertname": "SiteOffline", "accelerator": "a1.example.com", "reporter": "a", "site": "b"},
	}
	labels := a["labels"].(map[string]any)
	for k, v := range changes {
		in := a
		if _, ok := labels[k]; ok {
			in = labels
		}
		if in[k] = v; v == nil {
			delete(in, k)
		}
	}
	data, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	return data
}

func decode(t testing.TB, groupKey string, alerts ...json.RawMessage) alert.Webhook {
	t.Helper()
	if alerts == nil {
		alerts = []json.RawMessage{}
	}
	body, err := json.Marshal(map[string]any{
		"version": "4", "groupKey": groupKey, "truncatedAlerts": 3, "alerts": alerts, "status": "firing", "more": []int{1},
	})
	if err != nil {
		t.Fatal(err)
	}
	w, err := alert.Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestSelectOne(t *testing.T) {
	good := contract.Event{
		Version: "1", Deployment: "one", Accelerator: "a1.example.com", Reporter: "a", Site: "b",
		Alert:      contract.Alert{Fingerprint: fingerprint, StartsAt: time.Date(2026, 11, 23, 8, 59, 0, 0, time.UTC), GroupKey: "group"},
		ReceivedAt: time.Date(2026, 11, 23, 9, 0, 0, 999e6, time.UTC),
	}
	is := func(change func(*contract.Event)) *contract.Event { e := good; change(&e); return &e }
	tests := map[string]struct {
		alert  json.RawMessage
		want   *contract.Event
		reason alert.Reason
	}{
		"good":       {firing(nil), &good, ""},
		"dual-stack": {firing(map[string]any{"accelerator": "a1.dualstack.example.com"}), is(func(e *contract.Event) { e.Accelerator = "a1.dualstack.example.com" }), ""},
		"other deployment": {firing(map[string]any{"accelerator": "a2.example.com", "site": "c"}), is(func(e *contract.Event) {
			e.Deployment, e.Accelerator, e.Site = "two", "a2.example.com", "c"
		}), ""},
		"mirrored": {firing(map[string]any{"reporter": "b", "site": "a"}), is(func(e *contract.Event) { e.Reporter, e.Site = "b", "a" }), ""},
		"offset and nanoseconds": {firing(map[string]any{"startsAt": "2026-11-23T10:59:00.123456789+02:00"}), is(func(e *contract.Event) {
			e.Alert.StartsAt = e.Alert.StartsAt.Add(123 * time.Millisecond)
		}), ""},
		"a little ahead":           {firing(map[string]any{"startsAt": "2026-11-23T09:05:00Z"}), is(func(e *contract.Event) { e.Alert.StartsAt = time.Date(2026, 11, 23, 9, 5, 0, 0, time.UTC) }), ""},
		"annotations of any type":  {firing(map[string]any{"annotations": 7, "endsAt": []int{}, "generatorURL": false}), &good, ""},
		"escaped names and values": {json.RawMessage(strings.NewReplacer(`"site"`, `"\u0073ite"`, `"status"`, `"st\u0061tus"`, `"labels"`, `"\u006cabels"`, `"firing"`, `"f\u0069ring"`).Replace(string(firing(nil)))), &good, ""},
		"unknown fields":           {firing(map[string]any{"new": map[string]any{"x": 1}}), &good, ""},
		"resolved":                 {firing(map[string]any{"status": "resolved"}), nil, alert.Resolved},
		"other alert":              {firing(map[string]any{"alertname": "KeycloakSlow"}), nil, alert.OtherAlert},
		"no alertname":             {firing(map[string]any{"alertname": nil}), nil, alert.OtherAlert},
		"no status":                {firing(map[string]any{"status": nil}), nil, alert.BadStatus},
		"other status":             {firing(map[string]any{"status": "Firing"}), nil, alert.BadStatus},
		"no labels":                {json.RawMessage(`{"status":"firing"}`), nil, alert.OtherAlert},
		"no accelerator":           {firing(map[string]any{"accelerator": nil}), nil, alert.NoAccelerator},
		"empty accelerator":        {firing(map[string]any{"accelerator": ""}), nil, alert.NoAccelerator},
		"unknown accelerator":      {firing(map[string]any{"accelerator": "a9.example.com"}), nil, alert.UnknownAccelerator},
		"accelerator in capitals":  {firing(map[string]any{"accelerator": "A1.example.com"}), nil, alert.UnknownAccelerator},
		"no reporter":              {firing(map[string]any{"reporter": nil}), nil, alert.NoReporter},
		"no site":                  {firing(map[string]any{"site": nil}), nil, alert.NoSite},
		"unknown reporter":         {firing(map[string]any{"reporter": "c"}), nil, alert.UnknownReporter},
		"unknown site":             {firing(map[string]any{"site": "c"}), nil, alert.UnknownSite},
		"site with a query":        {firing(map[string]any{"site": "b?action=bring-online"}), nil, alert.UnknownSite},
		"site with a path":         {firing(map[string]any{"site": "../../b"}), nil, alert.UnknownSite},
		"reporter is site":         {firing(map[string]any{"reporter": "b"}), nil, alert.ReporterIsSite},
		"no fingerprint":           {firing(map[string]any{"fingerprint": nil}), nil, alert.BadFingerprint},
		"long fingerprint":         {firing(map[string]any{"fingerprint": fingerprint + "0"}), nil, alert.BadFingerprint},
		"fingerprint in capitals":  {firing(map[string]any{"fingerprint": strings.ToUpper(fingerprint)}), nil, alert.BadFingerprint},
		"fingerprint with newline": {firing(map[string]any{"fingerprint": fingerprint + "\n"}), nil, alert.BadFingerprint},
		"no startsAt":              {firing(map[string]any{"startsAt": nil}), nil, alert.BadStartsAt},
		"no time":                  {firing(map[string]any{"startsAt": "yesterday"}), nil, alert.BadStartsAt},
		"zero time":                {firing(map[string]any{"startsAt": "0001-01-01T00:00:00Z"}), nil, alert.BadStartsAt},
		"before year 0":            {firing(map[string]any{"startsAt": "0000-01-01T00:00:00+23:59"}), nil, alert.BadStartsAt},
		"far ahead":                {firing(map[string]any{"startsAt": "2026-11-24T09:00:01Z"}), nil, alert.BadStartsAt},
		"after year 9999":          {firing(map[string]any{"startsAt": "9999-12-31T23:59:59-23:59"}), nil, alert.BadStartsAt},
		"null":                     {json.RawMessage(`null`), nil, alert.Malformed},
		"number":                   {json.RawMessage(`7`), nil, alert.Malformed},
		"list":                     {json.RawMessage(`[{}]`), nil, alert.Malformed},
		"empty":                    {json.RawMessage(`{}`), nil, alert.BadStatus},
		"labels a list":            {firing(map[string]any{"labels": []string{"x"}}), nil, alert.Malformed},
		"label a number":           {firing(map[string]any{"site": 7}), nil, alert.Malformed},
		"other label a number":     {firing(map[string]any{"labels": map[string]any{"x": 1}}), nil, alert.Malformed},
		"startsAt a number":        {firing(map[string]any{"startsAt": 1700000000}), nil, alert.Malformed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			// A good one beside it is never stopped, wherever it stands.
			beside := firing(map[string]any{"accelerator": "a2.example.com", "reporter": "c", "site": "a"})
			for _, alerts := range [][]json.RawMessage{{tt.alert, beside}, {beside, tt.alert}} {
				events, refused, _ := alert.Select(decode(t, "group", alerts...), deployments, now)
				at := slices.IndexFunc(events, func(e contract.Event) bool { return e.Deployment == "two" && e.Reporter == "c" })
				if at < 0 {
					t.Fatalf("the good alert beside it was lost: %+v", events)
				}
				events = slices.Delete(events, at, at+1)
				switch {
				case tt.want != nil:
					if diff := cmp.Diff([]contract.Event{*tt.want}, events); diff != "" || len(refused) != 0 {
						t.Errorf("(-want +got):\n%s\nrefused: %+v", diff, refused)
					}
				case len(events) != 0 || len(refused) != 1 || refused[0].Reason != tt.reason:
					t.Errorf("got events %+v, refused %+v, want reason %q", events, refused, tt.reason)
				}
			}
		})
	}
}

func TestSelectKeepsTheEarliest(t *testing.T) {
	early := firing(map[string]any{"startsAt": "2026-11-23T07:00:00Z", "fingerprint": "ffffffffffffffff"})
	sameTime := firing(map[string]any{"startsAt": "2026-11-23T07:00:00Z", "fingerprint": "0000000000000000"})
	late := firing(nil)
	for _, alerts := range [][]json.RawMessage{
		{early, sameTime, late},
		{late, sameTime, early},
		{sameTime, late, early},
	} {
		events, refused, _ := alert.Select(decode(t, "", alerts...), deployments, now)
		if len(events) != 1 || events[0].Alert.Fingerprint != "0000000000000000" {
			t.Errorf("got %+v, want the earliest one", events)
		}
		if len(refused) != 2 || refused[0].Reason != alert.Duplicate || refused[1].Reason != alert.Duplicate {
			t.Errorf("refused %+v, want two duplicates", refused)
		}
	}
}

func TestGroupKeyIsCut(t *testing.T) {
	for name, key := range map[string]string{
		"short": "group", "long": strings.Repeat("x", 1000), "two bytes": strings.Repeat("ä", 500),
		"four bytes": "x" + strings.Repeat("🙂", 500), "exact": strings.Repeat("y", contract.MaxGroupKey),
	} {
		events, _, _ := alert.Select(decode(t, key, firing(nil)), deployments, now)
		got := events[0].Alert.GroupKey
		if len(got) > contract.MaxGroupKey || !utf8.ValidString(got) || !strings.HasPrefix(key, got) ||
			len(key) <= contract.MaxGroupKey && got != key || len(key) > contract.MaxGroupKey && len(got) < contract.MaxGroupKey-3 {
			t.Errorf("%s: got %d bytes %q", name, len(got), got)
		}
	}
}

func TestRefusalIsBounded(t *testing.T) {
	_, refused, _ := alert.Select(decode(t, "", firing(map[string]any{"site": strings.Repeat("x", 10_000), "fingerprint": strings.Repeat("y", 10_000)})), deployments, now)
	if n := len(fmt.Sprint(refused[0].Attrs())); n > 1000 {
		t.Errorf("%d bytes for the log", n)
	}
}

func TestReasons(t *testing.T) {
	var harmless []alert.Reason
	for _, r := range alert.Reasons {
		if r.Harmless() {
			harmless = append(harmless, r)
		}
	}
	if diff := cmp.Diff([]alert.Reason{"resolved", "other-alert", "duplicate"}, harmless); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecode(t *testing.T) {
	if w := decode(t, "k"); w.Truncated != 3 || w.GroupKey != "k" {
		t.Errorf("got %+v", w)
	}
	for body, want := range map[string]error{
		``:                                 alert.ErrNotJSON,
		`{`:                                alert.ErrNotJSON,
		`{} {}`:                            alert.ErrNotJSON,
		`null`:                             alert.ErrNotWebhook,
		`"4"`:                              alert.ErrNotWebhook,
		`{"version":"4"}`:                  alert.ErrNotWebhook,
		`{"version":"4","alerts":null}`:    alert.ErrNotWebhook,
		`{"version":"4","alerts":"x"}`:     alert.ErrNotWebhook,
		`{"version":4,"alerts":[]}`:        alert.ErrNotWebhook,
		`{"alerts":[]}`:                    alert.ErrNotWebhook,
		`{"version":"3","alerts":[]}`:      alert.ErrVersion,
		`{"version":"","alerts":[]}`:       alert.ErrVersion,
		`{"version":"4","alerts":[]}`:      nil,
		`{"version":"4","alerts":[1,"x"]}`: nil,
		`{"version":"4","alerts":[],"truncatedAlerts":-1}`: alert.ErrNotWebhook,
		strings.Repeat("[", 100_000):                       alert.ErrNotJSON,
	} {
		if _, err := alert.Decode([]byte(body)); !errors.Is(err, want) {
			t.Errorf("%.60s: got %v, want %v", body, err, want)
		}
	}
}

// TestSelectProperties: whatever stands in a webhook, every event is of the
// configuration and valid, one per triple, and no alert gets lost: each makes
// an event or a refusal.
func TestSelectProperties(t *testing.T) {
	field := func(good ...any) *rapid.Generator[any] {
		return rapid.SampledFrom(append(good, good[0], good[0], "", "x\x00\"", 7, nil, []any{}, strings.Repeat("z", 300)))
	}
	one := rapid.Custom(func(t *rapid.T) json.RawMessage {
		changes := map[string]any{}
		for name, generator := range map[string]*rapid.Generator[any]{
			"status": field("firing", "resolved"), "alertname": field("SiteOffline", "Watchdog"), "accelerator": field("a1.example.com", "a2.example.com"),
			"reporter": field("a", "b", "c"), "site": field("b", "a", "c"), "fingerprint": field(fingerprint, "ffffffffffffffff"),
			"startsAt": field("2026-11-23T08:59:00Z", "2025-01-01T00:00:00Z"),
		} {
			if rapid.IntRange(0, 2).Draw(t, "change "+name) == 0 {
				changes[name] = generator.Draw(t, name)
			}
		}
		return firing(changes)
	})
	rapid.Check(t, func(rt *rapid.T) {
		alerts := rapid.SliceOfN(one, 0, 20).Draw(rt, "alerts")
		events, refused, beats := alert.Select(decode(t, "g", alerts...), deployments, now)
		if len(events)+len(refused)+len(beats) != len(alerts) {
			rt.Errorf("%d events and %d refusals of %d alerts", len(events), len(refused), len(alerts))
		}
		seen := map[string]bool{}
		for _, e := range events {
			if err := e.Validate(); err != nil {
				rt.Error(err)
			}
			d := deployments[slices.IndexFunc(deployments, func(d config.IngestDeployment) bool { return d.Name == e.Deployment })]
			if !slices.Contains(d.DNSNames, e.Accelerator) || !slices.Contains(d.Sites, e.Site) || !slices.Contains(d.Sites, e.Reporter) {
				rt.Errorf("not of the configuration: %+v", e)
			}
			seen[fmt.Sprint(e.Deployment, e.Reporter, e.Site)] = true
		}
		if len(seen) != len(events) {
			rt.Errorf("%d events for %v", len(events), slices.Collect(maps.Keys(seen)))
		}
	})
}
