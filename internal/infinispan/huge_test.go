//go:build !race

package infinispan_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// TestHugeAnswers: an answer of any size ends as a short error, and takes about
// as much memory as is read of it.
func TestHugeAnswers(t *testing.T) {
	const n = 1 << 20
	names := func(form string) string { return strings.TrimSuffix(strings.Repeat(form+",", n/(len(form)+1)-20), ",") }
	var caches strings.Builder
	for i := 0; caches.Len() < n-100; i++ {
		fmt.Fprintf(&caches, `"cache-%d":"ok",`, i)
	}
	for name, body := range map[string]string{
		"at the bound, one text": `{"local_site":"site-a","x":"` + strings.Repeat("x", n-40) + `"}`, "beyond it": strings.Repeat(" ", n+1) + goodOffline,
		"a view of many": `{"local_site":"site-a","sites_view":["site-a",` + names(`"b"`) + `]}`, "a view without itself": `{"local_site":"site-a","sites_view":[` + names(`"b"`) + `]}`,
		"a long name in the view": `{"local_site":"site-a","sites_view":["site-a","` + strings.Repeat("b", n-100) + `"]}`, "a long local site": `{"local_site":"` + strings.Repeat("a", n-20) + `"}`,
		"a long status": `{"status":"` + strings.Repeat("\n", n-20) + `"}`, "a long number": `{"status":` + strings.Repeat("9", n-20) + `,"local_site":1}`,
		"a long failure": `{"sessions":"` + strings.Repeat("x", n-20) + `"}`, "failures": `{` + strings.ReplaceAll(strings.TrimSuffix(caches.String(), ","), "ok", "no") + `}`,
		"nested": strings.Repeat("[", n), "nested objects": strings.Repeat(`{"a":`, n/6), "many caches": `{` + caches.String() + `"status":"ok"}`, "a name many times": `{` + names(`"a":"ok"`) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			hear(t, func(r *http.Request) []byte {
				if name == "many caches" && r.Method == http.MethodGet {
					return response(200, []byte(goodOffline))
				}
				return response(200, []byte(body))
			})
			runtime.ReadMemStats(&after)
			if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 256 {
				t.Errorf("%d MiB were allocated for up to eight answers", got)
			}
		})
	}
	for name, raw := range map[string]string{
		"a long status line": "HTTP/1.1 200 " + strings.Repeat("x", 20<<20), "a long header": "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 20<<20) + "\r\n\r\n" + goodOffline,
		"many headers": "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 2<<20) + "\r\n" + goodOffline, "no end of continuing": strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 1<<19),
		"no HTTP": strings.Repeat("x", 20<<20),
	} {
		t.Run(name, func(t *testing.T) {
			h := hear(t, func(*http.Request) []byte { return []byte(raw) })
			if h.seesErr == nil || h.statusErr == nil || h.takeErr == nil {
				t.Errorf("believed: %+v", h)
			}
		})
	}
}
