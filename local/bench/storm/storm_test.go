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
// every one is fenced, and written once, whatever is throttled.
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
	// Of a hundred: the retries must outlast the throttling, not wait for the repeat.
	const least = deployments * 9 / 10
	for _, region := range storm.Regions() {
		var report storm.Report
		var err error
		synctest.Test(t, func(t *testing.T) {
			report, err = storm.Live(region, doubles, func(name, value string) { t.Setenv(name, value) })
		})
		if err != nil {
			t.Fatal(err)
		}
		if report.Fenced != deployments || report.Alerts != 2*deployments {
			t.Errorf("%s: %d of %d are fenced, after %d alerts:\n%s\n%v", region.Name, report.Fenced, deployments, report.Alerts,
				strings.Join(report.Problems, "\n"), report.Outcomes)
		}
		if report.ByFirst < least {
			t.Errorf("%s: the first alerts carried %d of %d, want at least %d:\n%v", region.Name, report.ByFirst, deployments, least, report.Outcomes)
		}
		if report.Writes != deployments {
			t.Errorf("%s: %d writes of endpoint groups, want one for each deployment", region.Name, report.Writes)
		}
		if deployments == 100 && !throttled(report) {
			t.Errorf("%s: nothing was throttled, so that nothing was survived", region.Name)
		}
		reports = append(reports, report)
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
}

func throttled(r storm.Report) bool {
	for _, q := range r.Quotas {
		if q.Refused > 0 {
			return true
		}
	}
	return false
}
