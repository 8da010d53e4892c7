package infinispan_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/local/infinispan"
)

const backups = "/rest/v2/container/x-site/backups/"

// The contract: the same behaviours of both worlds. What holds here for the
// double holds for a server, so tests elsewhere may rely on the double.
func TestContractDouble(t *testing.T) {
	t.Parallel()
	testContract(t, newDouble(t, infinispan.Options{Password: oddPassword}))
}

func TestContractReal(t *testing.T) { testContract(t, startReal(t)) }

func testContract(t *testing.T, w infinispan.World) {
	for _, b := range []struct {
		name string
		test func(*testing.T, infinispan.World)
	}{
		{"answers", testAnswers},
		{"both sites serve", testServe},
		{"status of one cache makes it mixed", testMixed},
		{"cut and fenced", testCutAndFenced},
		{"push started while cut sticks", testPushWhileCut},
		{"listed, counted, cleared", testWhole},
		{"clear is replicated", testClearReplicates},
		{"restart forgets", testRestartForgets},
		{"stopped site", testStoppedSite},
		{"killed site", testKilledSite},
	} {
		if !t.Run(b.name, func(t *testing.T) { b.test(t, settled(t, w)) }) {
			return // what follows would only fail for the same reason
		}
	}
}

// settled brings a world to where every behaviour begins: link up, all online.
func settled(t *testing.T, w infinispan.World) infinispan.World {
	t.Helper()
	check(t, w.HealLink(t.Context()))
	check(t, w.BringOnline(t.Context(), "site-a", "site-b"))
	check(t, w.BringOnline(t.Context(), "site-b", "site-a"))
	return w
}

func testAnswers(t *testing.T, w infinispan.World) {
	site := w.Site("site-a")
	all := func(text string) string { return fmt.Sprintf(`{"sessions":%q,"actionTokens":%[1]q}`, text) }
	for _, tt := range []struct {
		name, user, password, method, path string
		status                             int
		json, text                         string // one of them: the whole body as JSON, or a pattern for all of it
	}{
		{name: "all backups", path: backups, status: 200, json: `{"site-b":{"status":"online"}}`},
		{name: "all backups, no slash", path: strings.TrimSuffix(backups, "/"), status: 200, json: `{"site-b":{"status":"online"}}`},
		{name: "one backup", path: backups + "site-b", status: 200, json: `{"status":"online"}`},
		{name: "encoded name", path: backups + "site%2Db", status: 200, json: `{"status":"online"}`},
		{name: "unknown site", path: backups + "nope", status: 404},
		{name: "own site", path: backups + "site-a", status: 404},
		{name: "take-offline unknown", method: "POST", path: backups + "nope?action=take-offline", status: 200, json: all("Incorrect site name: nope")},
		{name: "take-offline own", method: "POST", path: backups + "site-a?action=take-offline", status: 200, json: all("Incorrect site name: site-a")},
		{name: "bring-online unknown", method: "POST", path: backups + "nope?action=bring-online", status: 200, json: all("Incorrect site name: nope")},
		{name: "push to unknown", method: "POST", path: backups + "nope?action=start-push-state", status: 200, json: all("Unable to pushState to 'nope'. Incorrect site name: nope")},
		{name: "cancel to unknown", method: "POST", path: backups + "nope?action=cancel-push-state", status: 200, json: all("Unable to perform operation. Error=ISPN000617: Site 'nope' not found.")},
		{name: "unknown action", method: "POST", path: backups + "site-b?action=fly", status: 400, text: "Invalid 'action' parameter supplied"},
		{name: "no action", method: "POST", path: backups + "site-b", status: 400, text: "Invalid 'action' parameter supplied"},
		{name: "delete a backup", method: "DELETE", path: backups + "site-b", status: 405, text: "Not allowed"},
		{name: "put the container", method: "PUT", path: "/rest/v2/container", status: 405, text: "Not allowed"},
		{name: "post to all backups", method: "POST", path: backups, status: 405, text: "Not allowed"},
		{name: "no such resource", path: "/rest/v2/nothing", status: 404, text: "Resource not found"},
		{name: "no credentials", user: "-", path: backups, status: 401},
		{name: "wrong password", user: site.User, password: "wrong", path: backups + "site-b", status: 401},
		{name: "wrong user", user: "nobody", password: site.Password, method: "POST", path: backups + "site-b?action=take-offline", status: 401},
		{name: "container without credentials", user: "-", path: "/rest/v2/container", status: 401},
		{name: "metrics without credentials", user: "-", path: "/metrics", status: 401},
		{name: "limited user reads", user: site.LimitedUser, password: site.LimitedPassword, path: backups + "site-b", status: 403, text: "ISPN000287: .*lacks 'ADMIN' permission"},
		{name: "limited user acts", user: site.LimitedUser, password: site.LimitedPassword, method: "POST", path: backups + "site-b?action=take-offline", status: 403, text: "ISPN000287: .*lacks 'ADMIN' permission"},
		{name: "limited user looks at the container", user: site.LimitedUser, password: site.LimitedPassword, path: "/rest/v2/container", status: 200, text: `.*"local_site":"site-a".*"sites_view":\["site-a","site-b"\].*`},
		{name: "metrics", path: "/metrics", status: 200, text: `(?s).*jgroups_site_view_status\{cache_manager="default",node="[^"]+",site="site-b",?\} 1\.0\n.*`},
		{name: "missing key", path: "/rest/v2/caches/sessions/none", status: 404},
		{name: "missing cache", path: "/rest/v2/caches/none/key", status: 404, text: "ISPN012010: .*'none'.*"},
		{name: "backups of a cache", path: "/rest/v2/caches/sessions/x-site/backups", status: 200, json: `{"site-b":{"status":"online"}}`},
		{name: "backups of a cache without any", path: "/rest/v2/caches/___script_cache/x-site/backups", status: 404, text: `Cache '___script_cache' does not have backup sites\.`},
		{name: "backups of a missing cache", path: "/rest/v2/caches/none/x-site/backups", status: 404, text: "ISPN012010: .*'none'.*"},
		{name: "size of a missing cache", path: "/rest/v2/caches/none?action=size", status: 404, text: "ISPN012010: .*'none'.*"},
		{name: "clear of a missing cache", method: "POST", path: "/rest/v2/caches/none?action=clear", status: 404, text: "ISPN012010: .*'none'.*"},
		{name: "unknown action on a cache", method: "POST", path: "/rest/v2/caches/sessions?action=fly", status: 400, text: "Invalid 'action' parameter supplied"},
		{name: "clear by GET", path: "/rest/v2/caches/sessions?action=clear", status: 400, text: "Invalid 'action' parameter supplied"},
		{name: "push status, idle", path: "/rest/v2/caches/sessions/x-site/backups?action=push-state-status", status: 200, json: `{"site-b":"IDLE"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			switch tt.user {
			case "":
				tt.user, tt.password = site.User, site.Password
			case "-":
				tt.user = ""
			}
			if tt.method == "" {
				tt.method = http.MethodGet
			}
			got, err := ask(t.Context(), t, site, tt.user, tt.password, tt.method, tt.path)
			check(t, err)
			if got.Status != tt.status {
				t.Errorf("status: want %d, got %d %q", tt.status, got.Status, got.Body)
			}
			if tt.status == http.StatusUnauthorized && got.Challenge != `Basic realm="default"` {
				t.Errorf("challenge: got %q", got.Challenge)
			}
			if tt.json != "" {
				wantJSON(t, tt.json, got.Body)
			} else if !regexp.MustCompile("^(?:" + tt.text + ")$").MatchString(got.Body) {
				t.Errorf("body: want %q, got %.2000q", tt.text, got.Body)
			}
		})
	}
}

func testServe(t *testing.T, w infinispan.World) {
	writes(t, w, "site-a", "from-a", "1 / ü")
	reads(t, w, "site-b", "from-a", "1 / ü")
	writes(t, w, "site-b", "from b/%", "2")
	reads(t, w, "site-a", "from b/%", "2")
	sees(t, w, "site-a", "site-a", "site-b")
	sees(t, w, "site-b", "site-a", "site-b")
}

func testMixed(t *testing.T, w infinispan.World) {
	a := w.Site("site-a")
	one := "/rest/v2/caches/sessions/x-site/backups/site-b"
	if got := mustAsk(t, a, http.MethodPost, one+"?action=take-offline"); got.Status != 200 || got.Body != "" {
		t.Errorf("taking one cache offline: %+v", got)
	}
	mixed := `{"status":"mixed","online":["actionTokens"],"offline":["sessions"],"mixed":[]}`
	wantJSON(t, mixed, mustAsk(t, a, http.MethodGet, backups+"site-b").Body)
	wantJSON(t, `{"site-b":`+mixed+`}`, mustAsk(t, a, http.MethodGet, backups).Body)
	wantJSON(t, `{"site-a":"offline"}`, mustAsk(t, a, http.MethodGet, one).Body)
	wantJSON(t, `{"site-b":{"status":"offline"}}`, mustAsk(t, a, http.MethodGet, "/rest/v2/caches/sessions/x-site/backups").Body)
	status(t, w, "site-a", "site-b", infinispan.Mixed)
	status(t, w, "site-b", "site-a", infinispan.Online)
	if got := mustAsk(t, a, http.MethodPost, "/rest/v2/caches/sessions/x-site/backups/nope?action=take-offline"); got.Status != 404 {
		t.Errorf("unknown site at one cache: %+v", got)
	}
}

// What an outage looks like from its begin to the day the sites are in sync.
func testCutAndFenced(t *testing.T, w infinispan.World) {
	ctx := t.Context()
	check(t, w.CutLink(ctx))
	check(t, w.CutLink(ctx)) // repeated: nothing to do
	for _, pair := range [][2]string{{"site-a", "site-b"}, {"site-b", "site-a"}} {
		sees(t, w, pair[0], pair[0])
		status(t, w, pair[0], pair[1], infinispan.Online) // administrative, not reachability
		wantStatus(t, http.StatusInternalServerError, w.Write(ctx, pair[0], "lost", "x"))
		// The failed write stays where it was made.
		reads(t, w, pair[0], "lost", "x")
		siteMetric(t, w, pair[0], pair[1], "0")
	}
	check(t, w.TakeOffline(ctx, "site-a", "site-b"))
	check(t, w.TakeOffline(ctx, "site-a", "site-b")) // repeated: still ok
	status(t, w, "site-a", "site-b", infinispan.Offline)
	writes(t, w, "site-a", "survivor", "1")
	wantStatus(t, http.StatusInternalServerError, w.Write(ctx, "site-b", "fenced", "x"))
	if err := w.PushState(ctx, "site-a", "site-b"); err == nil {
		t.Error("state was pushed over a cut link")
	}

	check(t, w.HealLink(ctx))
	sees(t, w, "site-a", "site-a", "site-b")
	siteMetric(t, w, "site-a", "site-b", "1")
	status(t, w, "site-a", "site-b", infinispan.Offline)
	writes(t, w, "site-a", "survivor", "2")
	wantStatus(t, http.StatusNotFound, readErr(t, w, "site-b", "survivor"))
	writes(t, w, "site-b", "fenced", "late") // the fenced site still reaches the survivor
	reads(t, w, "site-a", "fenced", "late")

	check(t, w.BringOnline(ctx, "site-a", "site-b"))
	wantStatus(t, http.StatusNotFound, readErr(t, w, "site-b", "survivor")) // it repairs no data
	check(t, w.TakeOffline(ctx, "site-a", "site-b"))
	check(t, w.PushState(ctx, "site-a", "site-b"))
	reads(t, w, "site-b", "survivor", "2")
	status(t, w, "site-a", "site-b", infinispan.Online) // by itself
	writes(t, w, "site-a", "after", "3")
	reads(t, w, "site-b", "after", "3")
	check(t, w.PushState(ctx, "site-a", "site-b")) // a second one finds no trace of the first
}

func testPushWhileCut(t *testing.T, w infinispan.World) {
	ctx, a := t.Context(), w.Site("site-a")
	pushStatus := "/rest/v2/caches/sessions/x-site/backups?action=push-state-status"
	clearStatus := "/rest/v2/caches/sessions/x-site/local?action=clear-push-state-status"
	check(t, w.CutLink(ctx))
	check(t, w.TakeOffline(ctx, "site-a", "site-b"))
	got := mustAsk(t, a, http.MethodPost, backups+"site-b?action=start-push-state")
	// How it names the site differs between releases.
	if got.Status != 200 || strings.Count(got.Body, "Unable to pushState to 'site-b'. ISPN000400: ") != 2 {
		t.Errorf("pushing: %+v", got)
	}
	status(t, w, "site-a", "site-b", infinispan.Online) // the fence is lost
	wantJSON(t, `{"site-b":"SENDING"}`, mustAsk(t, a, http.MethodGet, pushStatus).Body)
	wantStatus(t, http.StatusInternalServerError, w.Write(ctx, "site-a", "lost", "x"))

	check(t, w.TakeOffline(ctx, "site-a", "site-b"))
	writes(t, w, "site-a", "kept", "1")
	if got := mustAsk(t, a, http.MethodPost, clearStatus); got.Status != 200 || got.Body != `"ok"` {
		t.Errorf("clearing: %+v", got)
	}
	wantJSON(t, `{"site-b":"SENDING"}`, mustAsk(t, a, http.MethodGet, pushStatus).Body)
	// Cancelling fails as well, yet ends it at this site.
	if got := mustAsk(t, a, http.MethodPost, backups+"site-b?action=cancel-push-state"); got.Status != 200 || !strings.Contains(got.Body, "suspected") {
		t.Errorf("cancelling: %+v", got)
	}
	wantJSON(t, `{"site-b":"CANCELED"}`, mustAsk(t, a, http.MethodGet, pushStatus).Body)
	mustAsk(t, a, http.MethodPost, clearStatus)
	wantJSON(t, `{"site-b":"IDLE"}`, mustAsk(t, a, http.MethodGet, pushStatus).Body)
	status(t, w, "site-a", "site-b", infinispan.Offline)

	check(t, w.HealLink(ctx))
	check(t, w.PushState(ctx, "site-a", "site-b"))
	reads(t, w, "site-b", "kept", "1")
}

// What a restore does with a whole cache.
func testWhole(t *testing.T, w infinispan.World) {
	b := w.Site("site-b")
	var names []string
	check(t, json.Unmarshal([]byte(mustAsk(t, b, http.MethodGet, "/rest/v2/caches").Body), &names))
	for _, want := range []string{"sessions", "actionTokens", "___script_cache"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not listed in %v", want, names)
		}
	}
	check(t, w.TakeOffline(t.Context(), "site-b", "site-a"))
	writes(t, w, "site-a", "first", "1")
	writes(t, w, "site-a", "second", "2")
	sizeA := mustAsk(t, w.Site("site-a"), http.MethodGet, "/rest/v2/caches/sessions?action=size")
	if sizeB := mustAsk(t, b, http.MethodGet, "/rest/v2/caches/sessions?action=size"); sizeB.Status != 200 || sizeB.Body == "0" || sizeB.Body == "1" {
		t.Errorf("size: %+v", sizeB)
	}
	if got := mustAsk(t, b, http.MethodPost, "/rest/v2/caches/sessions?action=clear"); got.Status != 204 || got.Body != "" {
		t.Errorf("clear: %+v", got)
	}
	if got := mustAsk(t, b, http.MethodGet, "/rest/v2/caches/sessions?action=size"); got.Body != "0" {
		t.Errorf("size after the clear: %+v", got)
	}
	// Its replication is offline, so the other site keeps all.
	reads(t, w, "site-a", "first", "1")
	if got := mustAsk(t, w.Site("site-a"), http.MethodGet, "/rest/v2/caches/sessions?action=size"); got != sizeA {
		t.Errorf("size at the other site: %+v, before %+v", got, sizeA)
	}
	check(t, w.PushState(t.Context(), "site-a", "site-b"))
	reads(t, w, "site-b", "first", "1")
	// A transfer that has ended well: starting again is well too, and canceling leaves it.
	for _, action := range []string{"start-push-state", "cancel-push-state"} {
		if got := mustAsk(t, w.Site("site-a"), http.MethodPost, backups+"site-b?action="+action); got.Status != 200 {
			t.Errorf("%s: %+v", action, got)
		}
		within(t, 10*time.Second, func() string {
			got := mustAsk(t, w.Site("site-a"), http.MethodGet, "/rest/v2/caches/sessions/x-site/backups?action=push-state-status")
			if got.Body != `{"site-b":"OK"}` {
				return fmt.Sprintf("%s: %+v", action, got)
			}
			return ""
		})
	}
}

// Why a restore cuts first: a clear goes to the other site as any write does.
func testClearReplicates(t *testing.T, w infinispan.World) {
	writes(t, w, "site-a", "dear", "1")
	if got := mustAsk(t, w.Site("site-b"), http.MethodPost, "/rest/v2/caches/sessions?action=clear"); got.Status != 204 {
		t.Errorf("clear: %+v", got)
	}
	wantStatus(t, http.StatusNotFound, readErr(t, w, "site-a", "dear"))
}
