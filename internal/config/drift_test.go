package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/config"
)

func TestDrift(t *testing.T) {
	on := func(hours int) config.Drift {
		return config.Drift{Enabled: true, OneSiteLeftAfter: time.Duration(hours) * time.Hour}
	}
	for name, tc := range map[string]struct {
		lines string
		want  config.Drift
		wrong string
	}{
		"none":           {"", on(24), ""},
		"null":           {"drift: ~", on(24), ""},
		"empty":          {"drift: {}", on(24), ""},
		"on":             {"drift: {enabled: true}", on(24), ""},
		"off":            {"drift: {enabled: false}", config.Drift{OneSiteLeftAfter: 24 * time.Hour}, ""},
		"off for a day":  {"drift: {enabled: false, oneSiteLeftAfter: 2h}", config.Drift{OneSiteLeftAfter: 2 * time.Hour}, ""},
		"the shortest":   {"drift: {oneSiteLeftAfter: 1h}", on(1), ""},
		"the longest":    {"drift: {oneSiteLeftAfter: 168h}", on(168), ""},
		"an hour more":   {"drift: {oneSiteLeftAfter: 169h}", on(0), `drift.oneSiteLeftAfter: got "169h", want a number of hours from 1h to 168h`},
		"nothing":        {"drift: {oneSiteLeftAfter: 0h}", on(0), `drift.oneSiteLeftAfter: got "0h"`},
		"days":           {"drift: {oneSiteLeftAfter: 1d}", on(0), `drift.oneSiteLeftAfter: got "1d"`},
		"minutes":        {"drift: {oneSiteLeftAfter: 90m}", on(0), `drift.oneSiteLeftAfter: got "90m"`},
		"a number":       {"drift: {oneSiteLeftAfter: 24}", on(0), `drift.oneSiteLeftAfter: got a number`},
		"no yes or no":   {"drift: {enabled: maybe}", on(0), `drift.enabled: got text, want true or false`},
		"a word":         {"drift: off", on(0), `drift: got`},
		"another field":  {"drift: {every: 5m}", on(0), `drift.every: unknown field; known here: enabled, oneSiteLeftAfter`},
		"in a list":      {"drift: [on]", on(0), `drift: got a list`},
		"negative hours": {"drift: {oneSiteLeftAfter: -1h}", on(0), `drift.oneSiteLeftAfter: got "-1h"`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := load(t, good+tc.lines+"\n")
			if tc.wrong != "" {
				wantProblems(t, err, tc.wrong)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got.Drift); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
