package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

func TestPreference(t *testing.T) {
	for name, tc := range map[string]struct {
		lines string
		site  contract.Site
		delay time.Duration
		wrong string
	}{
		"none":          {"", "", 0, ""},
		"a site":        {"preferred: site-b", "site-b", config.DefaultPreferenceDelay, ""},
		"a delay too":   {"preferred: site-a\n    preferenceDelay: 45s", "site-a", 45 * time.Second, ""},
		"the shortest":  {"preferred: site-a\n    preferenceDelay: 1s", "site-a", time.Second, ""},
		"the longest":   {"preferred: site-a\n    preferenceDelay: 300s", "site-a", 5 * time.Minute, ""},
		"null":          {"preferred: ~", "", 0, ""},
		"another site":  {"preferred: site-c", "", 0, `deployments[0].preferred: got "site-c", want the name of one of the deployment's sites`},
		"no name":       {"preferred: Site A", "", 0, `deployments[0].preferred: got "Site A", want a name`},
		"a list":        {"preferred: [site-a]", "", 0, `deployments[0].preferred: got a list`},
		"a delay alone": {"preferenceDelay: 10s", "", 0, `deployments[0].preferenceDelay: got a delay without preferred`},
		"no delay":      {"preferred: site-a\n    preferenceDelay: 0s", "", 0, `deployments[0].preferenceDelay: got "0s", want a number of seconds from 1s to 300s`},
		"too long":      {"preferred: site-a\n    preferenceDelay: 301s", "", 0, `deployments[0].preferenceDelay: got "301s"`},
		"minutes":       {"preferred: site-a\n    preferenceDelay: 1m", "", 0, `deployments[0].preferenceDelay: got "1m"`},
		"no unit":       {"preferred: site-a\n    preferenceDelay: 10", "", 0, `deployments[0].preferenceDelay: got a number`},
		"negative":      {"preferred: site-a\n    preferenceDelay: -5s", "", 0, `deployments[0].preferenceDelay: got "-5s"`},
		"a fraction":    {"preferred: site-a\n    preferenceDelay: 1.5s", "", 0, `deployments[0].preferenceDelay: got "1.5s"`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := load(t, strings.Replace(good, "  - name: keycloak\n", "  - name: keycloak\n    "+tc.lines+"\n", 1))
			if tc.wrong != "" {
				wantProblems(t, err, tc.wrong)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := got.Deployments[0]; d.Preferred != tc.site || d.PreferenceDelay != tc.delay {
				t.Errorf("got %q and %s, want %q and %s", d.Preferred, d.PreferenceDelay, tc.site, tc.delay)
			}
		})
	}
}
