package alert_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/alert"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// reference is the webhook as encoding/json decodes it.
type reference struct {
	Version         *string           `json:"version"`
	GroupKey        string            `json:"groupKey"`
	TruncatedAlerts uint64            `json:"truncatedAlerts"`
	Alerts          []json.RawMessage `json:"alerts"`
}

// referenceAlert is likewise.
type referenceAlert struct {
	Status      string            `json:"status"`
	Labels      map[string]string `json:"labels"`
	StartsAt    string            `json:"startsAt"`
	Fingerprint string            `json:"fingerprint"`
}

var names = []string{"version", "groupKey", "truncatedAlerts", "alerts", "status", "labels", "startsAt", "fingerprint"}

// plain reports whether no object of the JSON names a member twice, or one of
// ours in other letters: of such encoding/json thinks otherwise.
func plain(t *testing.T, body []byte) bool {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	type object struct{ names []string } // nil names: a list
	var open []*object
	isName := false
	for {
		token, err := d.Token()
		if err != nil {
			return true
		}
		if name, ok := token.(string); ok && isName {
			top := open[len(open)-1]
			for _, known := range append(names, top.names...) {
				if name != known && strings.EqualFold(name, known) {
					return false
				}
			}
			if slices.Contains(top.names, name) {
				return false
			}
			top.names = append(top.names, name)
			isName = false
			continue
		}
		switch token {
		case json.Delim('{'):
			open = append(open, &object{names: []string{}})
		case json.Delim('['):
			open = append(open, &object{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		isName = len(open) > 0 && open[len(open)-1].names != nil
	}
}

// wanted is what encoding/json makes of the body.
func wanted(body []byte) (reference, error) {
	var r reference
	switch err := json.Unmarshal(body, &r); {
	case !json.Valid(body):
		return r, alert.ErrNotJSON
	case err != nil || r.Version == nil || r.Alerts == nil:
		return r, alert.ErrNotWebhook
	case *r.Version != alert.Version:
		return r, alert.ErrVersion
	case len(r.Alerts) > alert.MaxAlerts:
		return r, alert.ErrTooMany
	}
	return r, nil
}

// FuzzWebhook: a body is understood as encoding/json understands it, alert by
// alert, and what comes of it is of the configuration and bounded.
func FuzzWebhook(f *testing.F) {
	good := string(firing(nil))
	for _, seed := range []string{
		"", "null", "{}", `{"version":"4","alerts":[]}`, `{"version":"4","groupKey":"k","truncatedAlerts":3,"alerts":[` + good + `]}`,
		`{"version":"4","alerts":[1,"x",null,{},[{}],` + good + `,{"labels":{"site":7}},{"labels":null,"status":null}]}`,
		`{"version":"4","alerts":["\\\"",{"a":[{"}":"]"}]}, {"status":"fir\u0069ng","labels":{"\u0061lertname":"SiteOffline"}} ]}`,
		`{"version":"4","truncatedAlerts":-0,"alerts":[]}`, `{"version":"4","truncatedAlerts":1e1,"alerts":[]}`,
		" \n{ \"version\" : \"4\" ,\t\"alerts\" : [ 1 , true , -2.5e+3 , \"\" ] } ",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w, err := alert.Decode(body)
		want, wantErr := wanted(body)
		if isPlain := plain(t, body); isPlain && !errors.Is(err, wantErr) {
			t.Fatalf("got %v, want %v", err, wantErr)
		} else if err != nil || !isPlain {
			return
		}
		if w.GroupKey != want.GroupKey || w.Truncated != want.TruncatedAlerts {
			t.Errorf("got %+v, want %q and %d", w, want.GroupKey, want.TruncatedAlerts)
		}
		events, refused, beats := alert.Select(w, deployments, now)
		if len(events)+len(refused)+len(beats) != len(want.Alerts) {
			t.Fatalf("%d events and %d refusals of %d alerts", len(events), len(refused), len(want.Alerts))
		}
		for _, e := range events {
			inConfiguration(t, e)
		}
		for _, r := range refused {
			bounded(t, r)
			var a referenceAlert
			malformed := json.Unmarshal(want.Alerts[r.Index], &a) != nil || string(want.Alerts[r.Index]) == "null"
			if malformed != (r.Reason == alert.Malformed) {
				t.Errorf("%s: got %s", want.Alerts[r.Index], r.Reason)
			}
			if a.Labels["site"] != r.Site && !malformed && len(a.Labels["site"]) < 100 && utf8.ValidString(a.Labels["site"]) {
				t.Errorf("%s: got site %q", want.Alerts[r.Index], r.Site)
			}
		}
	})
}

// inConfiguration: every name of an event is one of the configuration's, letter
// by letter, and the rest is bounded.
func inConfiguration(t *testing.T, e contract.Event) {
	t.Helper()
	if err := e.Validate(); err != nil {
		t.Error(err)
	}
	d := deployments[slices.IndexFunc(deployments, func(d config.IngestDeployment) bool { return d.Name == e.Deployment })]
	if !slices.Contains(d.DNSNames, e.Accelerator) || !slices.Contains(d.Sites, e.Site) || !slices.Contains(d.Sites, e.Reporter) {
		t.Errorf("not of the configuration: %+v", e)
	}
	if !contract.ValidFingerprint(e.Alert.Fingerprint) || len(e.Alert.GroupKey) > contract.MaxGroupKey || !utf8.ValidString(e.Alert.GroupKey) {
		t.Errorf("not bounded: %+v", e.Alert)
	}
}

func bounded(t *testing.T, r alert.Refusal) {
	t.Helper()
	for _, a := range r.Attrs() {
		if s := a.Value.String(); len(s) > 128 || !utf8.ValidString(s) {
			t.Errorf("%s: %d bytes for the log: %q", a.Key, len(s), s)
		}
	}
}

// FuzzLabels: an alert makes an event exactly when each of its fields is, letter
// by letter, what the configuration and the contract allow.
func FuzzLabels(f *testing.F) {
	add := func(name, accelerator, reporter, site, print string) {
		f.Add("firing", name, accelerator, reporter, site, print, "2026-11-23T08:59:00Z", "key")
	}
	add("SiteOffline", "a1.example.com", "a", "b", fingerprint)
	add("Watchdog", "a1.example.com", "a", "", fingerprint)
	for _, s := range []string{"b?action=bring-online", "../../b", "b/", "b%2f", "b\r\nHost: x", "b\x00", " b", "B", "b\u0301", "\u202eb", "b\n{\"level\":\"ERROR\"}", "${b}", "arn:aws:x", strings.Repeat("b", 999)} {
		add("SiteOffline", "a1.example.com", "a", s, fingerprint)
		add("SiteOffline", "a1.example.com", s, "b", fingerprint)
		add("SiteOffline", s, "a", "b", fingerprint)
		add(s, "a1.example.com", "a", "b", fingerprint)
		add("SiteOffline", "a1.example.com", "a", "b", s)
		f.Add("firing", "SiteOffline", "a1.example.com", "a", "b", fingerprint, s, s)
		f.Add(s, "SiteOffline", "a1.example.com", "a", "b", fingerprint, "2026-11-23T08:59:00Z", "")
	}
	f.Fuzz(func(t *testing.T, status, name, accelerator, reporter, site, print, startsAt, key string) {
		raw, err := json.Marshal(referenceAlert{status, map[string]string{"alertname": name, "accelerator": accelerator, "reporter": reporter, "site": site}, startsAt, print})
		if err != nil {
			t.Fatal(err)
		}
		events, refused, beats := alert.Select(decode(t, key, raw), deployments, now)
		began, timeErr := time.Parse(time.RFC3339Nano, startsAt)
		at := slices.IndexFunc(deployments, func(d config.IngestDeployment) bool { return slices.Contains(d.DNSNames, accelerator) })
		good := status == "firing" && name == "SiteOffline" && at >= 0 && reporter != site &&
			slices.Contains(deployments[at].Sites, contract.Site(reporter)) && slices.Contains(deployments[at].Sites, contract.Site(site)) &&
			len(print) == 16 && strings.Trim(print, "0123456789abcdef") == "" &&
			timeErr == nil && began.Unix() >= 0 && !began.After(now.Add(24*time.Hour))
		beat := status == "firing" && name == "Watchdog" && at >= 0 && slices.Contains(deployments[at].Sites, contract.Site(reporter))
		if beat != (len(beats) == 1) || beat && beats[0] != (alert.Heartbeat{Deployment: deployments[at].Name, Reporter: contract.Site(reporter)}) {
			t.Fatalf("got heartbeats %+v", beats)
		}
		if good != (len(events) == 1) || good == (len(refused)+len(beats) == 1) {
			t.Fatalf("got %+v and %+v", events, refused)
		}
		for _, r := range refused {
			bounded(t, r)
			return
		}
		if beat {
			return
		}
		inConfiguration(t, events[0])
		want := []string{deployments[at].Name, accelerator, reporter, site, print}
		got := []string{events[0].Deployment, events[0].Accelerator, string(events[0].Reporter), string(events[0].Site), events[0].Alert.Fingerprint}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
