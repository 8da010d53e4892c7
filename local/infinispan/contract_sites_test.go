package infinispan_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/local/infinispan"
)

func testRestartForgets(t *testing.T, w infinispan.World) {
	ctx, before := t.Context(), w.Site("site-a")
	check(t, w.TakeOffline(ctx, "site-a", "site-b"))
	writes(t, w, "site-a", "only here", "1")
	check(t, w.RestartSite(ctx, "site-a"))
	if diff := cmp.Diff(before, w.Site("site-a")); diff != "" {
		t.Errorf("the site changed (-before +after):\n%s", diff)
	}
	status(t, w, "site-a", "site-b", infinispan.Online)
	wantStatus(t, http.StatusNotFound, readErr(t, w, "site-a", "only here"))
	writes(t, w, "site-a", "again", "2")
	reads(t, w, "site-b", "again", "2")
}

func testStoppedSite(t *testing.T, w infinispan.World) {
	ctx := t.Context()
	check(t, w.StopSite(ctx, "site-b"))
	check(t, w.StopSite(ctx, "site-b")) // repeated: nothing to do
	if _, err := w.View(ctx, "site-b"); err == nil {
		t.Error("a stopped site answers")
	}
	within(t, 20*time.Second, func() string {
		view, err := w.View(ctx, "site-a")
		if err != nil || !slices.Equal(view, []string{"site-a"}) {
			return fmt.Sprintf("site-a sees %v, %v", view, err)
		}
		return ""
	})
	wantStatus(t, http.StatusInternalServerError, w.Write(ctx, "site-a", "lost", "x"))
	check(t, w.TakeOffline(ctx, "site-a", "site-b"))
	writes(t, w, "site-a", "alone", "1")
	check(t, w.RestartSite(ctx, "site-b"))
	sees(t, w, "site-a", "site-a", "site-b")
	status(t, w, "site-a", "site-b", infinispan.Offline) // it was the other that restarted
	for _, err := range []error{
		w.StopSite(ctx, "nope"), w.RestartSite(ctx, "nope"), w.Write(ctx, "nope", "k", "v"), w.TakeOffline(ctx, "site-a", "nope"),
	} {
		if err == nil {
			t.Error("an unknown site was accepted")
		}
	}
}

// A site that dies without a word is missed as well.
func testKilledSite(t *testing.T, w infinispan.World) {
	ctx := t.Context()
	check(t, w.KillSite(ctx, "site-b"))
	check(t, w.KillSite(ctx, "site-b")) // repeated: nothing to do
	if _, err := w.View(ctx, "site-b"); err == nil {
		t.Error("a killed site answers")
	}
	within(t, 20*time.Second, func() string {
		view, err := w.View(ctx, "site-a")
		if err != nil || !slices.Equal(view, []string{"site-a"}) {
			return fmt.Sprintf("site-a sees %v, %v", view, err)
		}
		return ""
	})
	wantStatus(t, http.StatusInternalServerError, w.Write(ctx, "site-a", "lost", "x"))
	check(t, w.RestartSite(ctx, "site-b"))
	if w.KillSite(ctx, "nope") == nil {
		t.Error("an unknown site was accepted")
	}
}
