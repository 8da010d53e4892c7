package storm_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sitefence/sitefence/local/bench/storm"
	"github.com/sitefence/sitefence/local/infinispan"
)

// TestHundred: of so many deployments that lose their links in the same second,
// every one is fenced while the alerts are repeated, and written once, whatever is
// throttled. The first alerts carry nearly all of them, also when none is ever
// repeated, and nearly all guards and fences have the patience for it. (Whether it was
// all of them, which chance may prevent, is a target of the bench.)
func TestHundred(t *testing.T) {
	var doubles []*infinispan.Double
	for range deployments {
		d, err := infinispan.NewDouble(infinispan.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		doubles = append(doubles, d)
	}
	var reports []storm.Report
	for _, region := range storm.Regions() {
		for _, posts := range []int{storm.Once, storm.Repeated} {
			var report storm.Report
			var err error
			synctest.Test(t, func(t *testing.T) {
				report, err = storm.Live(region, posts, doubles, func(name, value string) { t.Setenv(name, value) })
			})
			if err != nil {
				t.Fatal(err)
			}
			reports = append(reports, report)
		}
	}
	t.Log("\n" + storm.Markdown(reports))
	if file := os.Getenv(storm.EnvReport); file != "" {
		data, err := json.Marshal(reports)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, report := range reports {
		judge(t, report)
	}
}

func judge(t *testing.T, r storm.Report) {
	t.Helper()
	fenced, byFirst, gaveUp := deployments, deployments*9/10, max(1, deployments/5)
	if r.Rounds == storm.Once {
		// What is left over is for the repeat.
		fenced, byFirst, gaveUp = deployments*97/100, deployments*97/100, max(1, deployments/20)
	}
	if r.Fenced < fenced || r.Alerts != 2*deployments {
		t.Errorf("%s: %d of %d are fenced, after %d alerts:\n%s\n%v", r.Region, r.Fenced, deployments, r.Alerts, strings.Join(r.Problems, "\n"), r.Outcomes)
	}
	if r.ByFirst < byFirst {
		t.Errorf("%s: the first of %d alerts carried %d of %d, want at least %d: %v", r.Region, r.Rounds, r.ByFirst, deployments, byFirst, r.Outcomes)
	}
	if r.GaveUp > gaveUp {
		t.Errorf("%s: %d executions gave up, want at most %d: %v", r.Region, r.GaveUp, gaveUp, r.Outcomes)
	}
	for end := range r.Outcomes {
		if strings.HasSuffix(end, ": Refused") {
			t.Errorf("%s: %s: two were at one deployment at once: %v", r.Region, end, r.Outcomes)
		}
	}
	if r.Writes < r.Fenced || r.Writes > deployments {
		t.Errorf("%s: %d writes of endpoint groups, want one for each deployment", r.Region, r.Writes)
	}
	if deployments == 100 && !throttled(r) {
		t.Errorf("%s: nothing was throttled, so that nothing was survived", r.Region)
	}
}

func throttled(r storm.Report) bool {
	for _, q := range r.Quotas {
		if q.Refused > 0 {
			return true
		}
	}
	return false
}
