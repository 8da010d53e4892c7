package infinispan_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
)

type fixed string

func (p fixed) Get(context.Context) (string, error)    { return string(p), nil }
func (p fixed) Reread(context.Context) (string, error) { return string(p), nil }

// TestEmptyView: a node that is no relay node has an empty view. It must never
// pass for a split; another node is asked.
func TestEmptyView(t *testing.T) {
	const empty, split, whole = `[]`, `["site-a"]`, `["site-a","site-b"]`
	tests := map[string]struct {
		views []string // the answers in order; the last one stays
		want  []contract.Site
		calls int
	}{
		"relay node, split":                    {[]string{split}, []contract.Site{"site-a"}, 1},
		"relay node, link up":                  {[]string{whole}, []contract.Site{"site-a", "site-b"}, 1},
		"another node, then the relay node":    {[]string{empty, empty, whole}, []contract.Site{"site-a", "site-b"}, 3},
		"no relay node at all":                 {[]string{empty}, nil, 4},
		"a view without the site itself":       {[]string{`["site-b"]`}, nil, 4},
		"null, as from a node without a relay": {[]string{`null`}, nil, 4},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int64
			remotes := map[string]bool{}
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n := int(calls.Add(1))
				remotes[r.RemoteAddr] = true
				_, _ = fmt.Fprintf(w, `{"local_site":"site-a","sites_view":%s}`, tc.views[min(n, len(tc.views))-1])
			}))
			defer server.Close()
			ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
			client, err := infinispan.New("site-a", config.Infinispan{URL: server.URL, User: "u", CA: string(ca)}, fixed("p"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := client.Sees(t.Context())
			if !slices.Equal(got, tc.want) || (err == nil) != (tc.want != nil) {
				t.Errorf("got %v, %v; want %v", got, err, tc.want)
			}
			if err != nil && contract.ReasonOf(err) != contract.ReporterUnreachable {
				t.Errorf("got %v, want reporter-unreachable", err)
			}
			if int(calls.Load()) != tc.calls || len(remotes) != tc.calls {
				t.Errorf("%d calls over %d connections, want %d, each over its own", calls.Load(), len(remotes), tc.calls)
			}
		})
	}
}
