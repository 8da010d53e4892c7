package alert_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/alert"
)

// watchdog is a heartbeat as the generated rule makes it, with labels changed.
func watchdog(changes map[string]any) json.RawMessage {
	all := map[string]any{"alertname": "Watchdog", "site": nil}
	for name, value := range changes {
		all[name] = value
	}
	return firing(all)
}

func TestHeartbeats(t *testing.T) {
	one, two := alert.Heartbeat{Deployment: "one", Reporter: "a"}, alert.Heartbeat{Deployment: "two", Reporter: "c"}
	for name, tc := range map[string]struct {
		alerts []json.RawMessage
		want   []alert.Heartbeat
		reason alert.Reason // of the refusal, if any
	}{
		"one":                 {[]json.RawMessage{watchdog(nil)}, []alert.Heartbeat{one}, ""},
		"by its other name":   {[]json.RawMessage{watchdog(map[string]any{"accelerator": "a1.dualstack.example.com"})}, []alert.Heartbeat{one}, ""},
		"two sites":           {[]json.RawMessage{watchdog(nil), watchdog(map[string]any{"accelerator": "a2.example.com", "reporter": "c"})}, []alert.Heartbeat{one, two}, ""},
		"twice":               {[]json.RawMessage{watchdog(nil), watchdog(nil)}, []alert.Heartbeat{one}, alert.Duplicate},
		"without fingerprint": {[]json.RawMessage{watchdog(map[string]any{"fingerprint": "", "startsAt": ""})}, []alert.Heartbeat{one}, ""},
		"resolved":            {[]json.RawMessage{watchdog(map[string]any{"status": "resolved"})}, nil, alert.Resolved},
		"other status":        {[]json.RawMessage{watchdog(map[string]any{"status": "x"})}, nil, alert.BadStatus},
		"Prometheus' own":     {[]json.RawMessage{watchdog(map[string]any{"accelerator": nil, "reporter": nil})}, nil, alert.OtherAlert},
		"no accelerator":      {[]json.RawMessage{watchdog(map[string]any{"accelerator": nil})}, nil, alert.NoAccelerator},
		"no reporter":         {[]json.RawMessage{watchdog(map[string]any{"reporter": nil})}, nil, alert.NoReporter},
		"unknown accelerator": {[]json.RawMessage{watchdog(map[string]any{"accelerator": "a9.example.com"})}, nil, alert.UnknownAccelerator},
		"unknown reporter":    {[]json.RawMessage{watchdog(map[string]any{"reporter": "x"})}, nil, alert.UnknownReporter},
		"of another's site":   {[]json.RawMessage{watchdog(map[string]any{"reporter": "c"})}, nil, alert.UnknownReporter},
	} {
		t.Run(name, func(t *testing.T) {
			// A real outage beside it is heard, wherever it stands.
			for _, alerts := range [][]json.RawMessage{append([]json.RawMessage{firing(nil)}, tc.alerts...), append(tc.alerts, firing(nil))} {
				events, refused, beats := alert.Select(decode(t, "g", alerts...), deployments, now)
				if len(events) != 1 {
					t.Errorf("%d events, want that of SiteOffline", len(events))
				}
				if diff := cmp.Diff(tc.want, beats); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if tc.reason == "" && len(refused) > 0 || tc.reason != "" && (len(refused) != 1 || refused[0].Reason != tc.reason) {
					t.Errorf("refused %+v, want %q", refused, tc.reason)
				}
				for _, r := range refused {
					if !r.Harmless() {
						t.Errorf("%s of a Watchdog would page", r.Reason)
					}
				}
			}
		})
	}
}
