package infinispan_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
	double "github.com/sitefence/sitefence/local/infinispan"
)

// direct is a client of a double's site without a network, so that time is ours.
func direct(t *testing.T, d *double.Double, site contract.Site) *infinispan.Client {
	t.Helper()
	s := d.Site(string(site))
	client, err := infinispan.New(site, config.Infinispan{URL: s.URL, User: s.User, CA: string(s.CA)}, fixed(s.Password))
	if err != nil {
		t.Fatal(err)
	}
	handler := d.Handler(string(site))
	return client.Through(recorder(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Body = http.NoBody
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Result(), nil
	}))
}

type recorder func(*http.Request) (*http.Response, error)

func (f recorder) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestClearTakesAFreshProof: I9 at its last door. A proof of another client, one
// that is too old and none at all send nothing.
func TestClearTakesAFreshProof(t *testing.T) {
	d, _ := pair(t, fixed(password))
	synctest.Test(t, func(t *testing.T) {
		site, survivor := direct(t, d, "site-b"), direct(t, d, "site-a")
		prove := func(c *infinispan.Client, peer contract.Site) infinispan.Cut {
			t.Helper()
			cut, err := c.ProveCut(t.Context(), peer)
			if err != nil {
				t.Fatal(err)
			}
			return cut
		}
		d.Switch("site-b", "site-a", double.Offline)
		d.Switch("site-a", "site-b", double.Offline)
		aged := func(age time.Duration) infinispan.Cut {
			cut := prove(site, "site-a")
			time.Sleep(age)
			return cut
		}
		for name, tc := range map[string]struct {
			cut  func() infinispan.Cut
			want string
		}{
			"fresh":              {func() infinispan.Cut { return aged(0) }, ""},
			"a second old":       {func() infinispan.Cut { return aged(infinispan.CutAge) }, ""},
			"older":              {func() infinispan.Cut { return aged(infinispan.CutAge + time.Millisecond) }, "Transient not-proven"},
			"of the other site":  {func() infinispan.Cut { return prove(survivor, "site-b") }, "Transient not-proven"},
			"none":               {func() infinispan.Cut { return infinispan.Cut{} }, "Transient not-proven"},
			"of an equal client": {func() infinispan.Cut { return prove(direct(t, d, "site-b"), "site-a") }, "Transient not-proven"},
		} {
			d.ForgetCalls()
			d.Put("site-b", "sessions", "k", "v")
			cut := tc.cut()
			err := site.Clear(t.Context(), "sessions", cut)
			sent := slices.ContainsFunc(d.Calls("site-b"), func(c double.Call) bool { return c.Kind == double.CacheClear })
			if kind(err) != tc.want || sent != (tc.want == "") || (len(d.Entries("site-b", "sessions")) == 0) != sent {
				t.Errorf("%s: got %q (%v), sent %v; want %q", name, kind(err), err, sent, tc.want)
			}
		}
	})
}

// TestProveCut: only "all offline, the peer among them" is a proof.
func TestProveCut(t *testing.T) {
	for body, want := range map[string]string{
		`{"site-b":{"status":"offline"}}`:                                "",
		`{"site-b":{"status":"offline"},"LON":{"status":"offline"}}`:     "",
		`{"site-b":{"status":"offline"},"site-c":{"status":"online"}}`:   "Refused not-proven",
		`{"site-b":{"status":"mixed","online":["x"],"offline":[]}}`:      "Refused not-proven",
		`{"site-b":{"status":"online"}}`:                                 "Refused not-proven",
		`{"site-c":{"status":"offline"}}`:                                "Refused backup-unknown",
		`{}`:                                                             "Refused backup-unknown",
		`{"site-b":{"status":"offline"},"site-b":{"status":"offline"}}`:  "Transient reporter-unreachable",
		`{"site-b":{"status":"offline","status":"online"}}`:              "Transient reporter-unreachable",
		`{"site-b":{"Status":"offline"}}`:                                "Transient reporter-unreachable",
		`{"site-b":"offline"}`:                                           "Transient reporter-unreachable",
		`["site-b"]`:                                                     "Transient reporter-unreachable",
		`{"site-b":{"status":"offline"}`:                                 "Transient reporter-unreachable",
		`{"site-b":{"status":"offline"},"site-c":{"status":"Offline "}}`: "Transient reporter-unreachable",
	} {
		d, client := pair(t, fixed(password))
		d.Inject("site-a", double.Fault{On: double.BackupStatus, Do: double.AnswerBody(200, body)})
		if _, err := client.ProveCut(t.Context(), "site-b"); kind(err) != want {
			t.Errorf("%s: got %q (%v), want %q", body, kind(err), err, want)
		}
	}
}

// TestCheckCaches: a name becomes a part of a path.
func TestCheckCaches(t *testing.T) {
	for _, good := range []string{"sessions", "___protobuf_metadata", "org.infinispan.CONFIG", "a-b", strings.Repeat("x", 128)} {
		if err := infinispan.CheckCaches([]string{good}); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", ".", "..", "../x", "a/b", `a\b`, "a b", "a?b", "a#b", "a%2fb", "a;b", "ä", "a\n", "-a", strings.Repeat("x", 129)} {
		if err := infinispan.CheckCaches([]string{"good", bad}); kind(err) != "Misconfigured bad-input" || !strings.Contains(err.Error(), "caches[1]") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, list := range [][]string{nil, {"a", "a"}, strings.Split(strings.Repeat("x ", 300), " ")} {
		if infinispan.CheckCaches(list) == nil {
			t.Errorf("%d names are accepted", len(list))
		}
	}
}

// TestNamesAskNothing: whatever takes a name refuses a bad one before any call.
func TestNamesAskNothing(t *testing.T) {
	d, client := pair(t, fixed(password))
	for what, call := range map[string]func(context.Context) error{
		"transfers": func(ctx context.Context) error { _, err := client.Transfers(ctx, []string{".."}, "site-b"); return err },
		"forget":    func(ctx context.Context) error { return client.ForgetTransfers(ctx, []string{"a/b"}) },
		"clear":     func(ctx context.Context) error { return client.Clear(ctx, "..", infinispan.Cut{}) },
		"size":      func(ctx context.Context) error { _, err := client.Size(ctx, "."); return err },
		"cut off":   func(ctx context.Context) error { _, err := client.CutOff(ctx, "../x"); return err },
		"push":      func(ctx context.Context) error { _, err := client.StartPush(ctx, "A B"); return err },
	} {
		if err := call(t.Context()); kind(err) != "Misconfigured bad-input" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := d.Calls("site-a"); len(got) > 0 {
		t.Errorf("asked %v", got)
	}
}

// TestAnswersOfARestore: what each call makes of an answer that is no good.
func TestAnswersOfARestore(t *testing.T) {
	ctx := t.Context()
	type ask = func(*infinispan.Client) (any, error)
	transfers := func(c *infinispan.Client) (any, error) { return c.Transfers(ctx, []string{"sessions"}, "site-b") }
	forget := func(c *infinispan.Client) (any, error) { return nil, c.ForgetTransfers(ctx, []string{"sessions"}) }
	size := func(c *infinispan.Client) (any, error) { return c.Size(ctx, "sessions") }
	list := func(c *infinispan.Client) (any, error) { return c.Caches(ctx, "site-b") }
	push := func(c *infinispan.Client) (any, error) { return c.StartPush(ctx, "site-b") }
	online := func(c *infinispan.Client) (any, error) { return c.BringOnline(ctx, "site-b") }
	for i, tc := range []struct {
		ask  ask
		on   double.Kind
		do   double.Effect
		want string
	}{
		{transfers, double.CacheXSite, double.AnswerBody(200, `{"site-c":"OK"}`), "Transient reporter-unreachable"},
		{transfers, double.CacheXSite, double.AnswerBody(200, `{"site-b":7}`), "Transient reporter-unreachable"},
		{transfers, double.CacheXSite, double.Answer(404), "Transient reporter-unreachable"},
		{forget, double.CacheXSite, double.AnswerBody(200, `"no"`), "Transient not-proven"},
		{forget, double.CacheXSite, double.Answer(404), "Transient not-proven"},
		{size, double.CacheSize, double.AnswerBody(200, `-1`), "Transient reporter-unreachable"},
		{size, double.CacheSize, double.AnswerBody(200, `null`), "Transient reporter-unreachable"},
		{size, double.CacheSize, double.AnswerBody(200, `"0"`), "Transient reporter-unreachable"},
		{size, double.CacheSize, double.AnswerBody(204, ``), "Transient reporter-unreachable"},
		{list, double.CacheList, double.AnswerBody(200, `null`), "Misconfigured bad-input"},
		{list, double.CacheList, double.AnswerBody(200, `["a/b"]`), "Misconfigured bad-input"},
		{list, double.CacheList, double.Answer(404), "Transient reporter-unreachable"},
		{list, double.CacheXSite, double.AnswerBody(404, `Cache 'x' is stopping`), "Transient reporter-unreachable"},
		{push, double.StartPush, double.AnswerEmpty(), "Transient not-proven"},
		{push, double.StartPush, double.OneCacheFails(), "Transient not-proven"},
		{online, double.BringOnline, double.OneCacheFails(), "Transient not-proven"},
		{online, double.BackupStatus, double.AnswerMixed(), "Transient not-proven"},
		{online, double.BackupStatus, double.AnswerBody(200, `{"status":"offline"}`), "Transient not-proven"},
		{online, double.BringOnline, double.Answer(403), "Misconfigured forbidden"},
	} {
		d, client := pair(t, fixed(password))
		d.Inject("site-a", double.Fault{On: tc.on, Do: tc.do})
		if got, err := tc.ask(client); kind(err) != tc.want {
			t.Errorf("%d, %s: got %v, %q (%v), want %q", i, tc.on, got, kind(err), err, tc.want)
		}
		d.ClearFaults("site-a")
		if _, err := tc.ask(client); err != nil {
			t.Errorf("%d: after the fault: %v", i, err)
		}
	}
}

// TestCaches: only those that are backed up, each with its own status.
func TestCaches(t *testing.T) {
	d, client := pair(t, fixed(password))
	d.Switch("site-a", "site-b", double.Mixed)
	got, err := client.Caches(t.Context(), "site-b")
	statuses := map[string]int{}
	for cache, status := range got {
		statuses[fmt.Sprint(status)]++
		if cache != "sessions" && cache != "actionTokens" {
			t.Errorf("%s is listed", cache)
		}
	}
	if diff := cmp.Diff(map[string]int{"online": 1, "offline": 1}, statuses); err != nil || diff != "" {
		t.Errorf("%v %v\n%s", got, err, diff)
	}
}
