package infinispan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
	double "github.com/sitefence/sitefence/local/infinispan"
)

// TestCacheBackups: every cache with a backup, each with its status; Infinispan's
// own are not asked, and what is no answer is never "no backup".
func TestCacheBackups(t *testing.T) {
	type caches = map[string]map[contract.Site]infinispan.Status
	online, offline := infinispan.Online, infinispan.Offline
	const unreachable = "Transient reporter-unreachable"
	list := func(body string) double.Fault {
		return double.Fault{On: double.CacheList, Do: double.AnswerBody(200, body)}
	}
	of := func(e double.Effect) double.Fault { return double.Fault{On: double.CacheXSite, Do: e} }
	for name, tc := range map[string]struct {
		fault double.Fault
		want  caches
		err   string
	}{
		"both":             {double.Fault{}, caches{"sessions": {"site-b": online}, "actionTokens": {"site-b": offline}}, ""},
		"only its own":     {list(`["___protobuf_metadata","___script_cache"]`), caches{}, ""},
		"none has backups": {of(double.AnswerBody(404, "Cache 'x' does not have backup sites.")), caches{}, ""},
		"not up yet":       {of(double.Answer(404)), nil, unreachable},
		"not ADMIN":        {of(double.Answer(403)), nil, "Misconfigured forbidden"},
		"no status":        {of(double.AnswerBody(200, `{"site-b":{}}`)), nil, unreachable},
		"twice":            {of(double.AnswerBody(200, `{"site-b":{"status":"online"},"site-b":{"status":"offline"}}`)), nil, unreachable},
		"malformed":        {list(`["sess`), nil, unreachable},
		"list gone":        {double.Fault{On: double.CacheList, Do: double.Answer(404)}, nil, unreachable},
		"another path":     {list(`["../../container"]`), nil, "Misconfigured bad-input"},
	} {
		t.Run(name, func(t *testing.T) {
			d, client := pair(t, fixed(password))
			d.Inject("site-a", double.Fault{On: double.TakeOffline, Do: double.OneCacheFails(), Times: 1})
			if _, err := client.TakeOffline(t.Context(), "site-b"); err == nil {
				t.Fatal("both caches are offline")
			}
			d.ForgetCalls()
			if name != "both" {
				d.Inject("site-a", tc.fault)
			}
			got, err := client.CacheBackups(t.Context())
			if (err != nil) != (tc.err != "") || err != nil && kind(err) != tc.err {
				t.Fatalf("got %v, want %s", err, tc.err)
			}
			if err == nil && !cmp.Equal(tc.want, got) {
				t.Errorf("(-want +got):\n%s", cmp.Diff(tc.want, got))
			}
			for _, c := range d.Calls("site-a") {
				if c.Method != "GET" {
					t.Errorf("%s %s", c.Method, c.Target)
				}
			}
		})
	}
}
