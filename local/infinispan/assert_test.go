package infinispan_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/local/infinispan"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantJSON compares two JSON texts by value; lists keep their order.
func wantJSON(t *testing.T, want, got string) {
	t.Helper()
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Errorf("no JSON: %.300q", got)
		return
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func writes(t *testing.T, w infinispan.World, site, key, value string) {
	t.Helper()
	check(t, w.Write(t.Context(), site, key, value))
}

func reads(t *testing.T, w infinispan.World, site, key, want string) {
	t.Helper()
	if got, err := w.Read(t.Context(), site, key); err != nil || got != want {
		t.Errorf("reading %q at %s: want %q, got %q, %v", key, site, want, got, err)
	}
}

func readErr(t *testing.T, w infinispan.World, site, key string) error {
	t.Helper()
	_, err := w.Read(t.Context(), site, key)
	return err
}

func sees(t *testing.T, w infinispan.World, site string, want ...string) {
	t.Helper()
	if got, err := w.View(t.Context(), site); err != nil || !slices.Equal(got, want) {
		t.Errorf("%s: want it to see %v, got %v, %v", site, want, got, err)
	}
}

func status(t *testing.T, w infinispan.World, site, other, want string) {
	t.Helper()
	if got, err := w.BackupStatus(t.Context(), site, other); err != nil || got != want {
		t.Errorf("%s's backup of %s: want %s, got %s, %v", site, other, want, got, err)
	}
}

func wantStatus(t *testing.T, want int, err error) {
	t.Helper()
	var status *infinispan.StatusError
	if !errors.As(err, &status) || status.Status != want {
		t.Errorf("want status %d, got %v", want, err)
	}
}

func siteMetric(t *testing.T, w infinispan.World, site, other, want string) {
	t.Helper()
	line := regexp.MustCompile(`jgroups_site_view_status\{[^}]*site="` + other + `",?\} ` + want + `\.0\n`)
	// The server computes its metrics from a view that may be a moment older.
	within(t, 10*time.Second, func() string {
		if got := mustAsk(t, w.Site(site), http.MethodGet, "/metrics"); !line.MatchString(got.Body) {
			return fmt.Sprintf("the metrics of %s never had %s", site, line)
		}
		return ""
	})
}
