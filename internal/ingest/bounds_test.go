package ingest

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/bus"
	"github.com/sitefence/sitefence/internal/secret"
)

// The bounds of one body of maxBody bytes. What is allocated in all bounds what
// is held at any moment; it is exact, where a peak would have to be sampled.
const (
	mostTime   = 50 * time.Millisecond
	mostMemory = 64 << 20
	mostLog    = 1 << 20

	// mostWalks bounds the time on a machine that is slower than that which
	// mostTime was written for: so many times what encoding/json needs for a look
	// at the same bytes at the same moment. There that takes 4.5 ms.
	mostWalks = 11
)

// counter is a log's end that keeps nothing.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// fill repeats part, with commas between, to as much of n bytes as fits.
func fill(n int, part string) string {
	return strings.TrimSuffix(strings.Repeat(part+",", n/(len(part)+1)), ",")
}

// nasty are bodies of about maxBody bytes that are as much work as can be made
// of that.
func nasty() map[string]string {
	const n = maxBody - 1024 // the webhook's own fields
	one, wide := firing("site-a", "site-b"), func(inner string) string {
		return `{"status":"firing","labels":{"alertname":"SiteOffline",` + inner + `}}`
	}
	numbered := func(form string, size int) string {
		var b strings.Builder
		for i := 0; b.Len() < n-size; i++ {
			b.WriteString(strings.ReplaceAll(form, "#", strconv.Itoa(i)) + ",")
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	key := func(groupKey, alerts string) string {
		return `{"version":"4","groupKey":"` + groupKey + `","alerts":[` + alerts + `]}`
	}
	bodies := map[string]string{
		"nothing but brackets":          strings.Repeat("[", maxBody),
		"nested lists":                  webhook(strings.Repeat("[", n/2) + strings.Repeat("]", n/2)),
		"nested lists, as deep as goes": webhook(fill(n, strings.Repeat("[", 9_000)+strings.Repeat("]", 9_000))),
		"nested objects":                webhook(strings.Repeat(`{"a":`, 9_000) + fill(n-60_000, "1") + strings.Repeat("}", 9_000)),
		"nested annotations":            webhook(strings.Replace(one, `"x"`, strings.Repeat("[", 9_000)+strings.Repeat("]", 9_000), 1)),
		"one string":                    `{"version":"4","alerts":["` + strings.Repeat("x", n) + `"]}`,
		"one label":                     webhook(firing("site-a", strings.Repeat("x", n))),
		"one label of escapes":          webhook(strings.Replace(one, "site-b", strings.Repeat(`\u0000`, n/6), 1)),
		"one label, no UTF-8":           webhook(strings.Replace(one, "site-b", strings.Repeat("\xff", n), 1)),
		"one group key":                 key(strings.Repeat("k", n), one),
		"half a group key":              key(strings.Repeat("k", n/2), fill(n/2, one)),
		"half a group key of escapes":   key(strings.Repeat(`\ud83d\ude00`, n/24), fill(n/2, one)),
		"no UTF-8":                      strings.Repeat("\xff", maxBody),
		"NULs":                          strings.Repeat("\x00", maxBody),
		"spaces":                        strings.Repeat(" ", maxBody),
		"objects":                       webhook(fill(n, "{}")),
		"nulls":                         webhook(fill(n, "null")),
		"digits":                        webhook(fill(n, "0")),
		"empty strings":                 webhook(fill(n, `""`)),
		"empty lists":                   webhook(fill(n, "[]")),
		"small objects":                 webhook(fill(n, `{"":0}`)),
		"resolved":                      webhook(fill(n, `{"status":"resolved"}`)),
		"firing, nothing else":          webhook(fill(n, `{"status":"firing"}`)),
		"no labels that fit":            webhook(fill(n, wide(`"accelerator":"a1.awsglobalaccelerator.com","reporter":"a"`))),
		"good ones":                     webhook(fill(n, one)),
		"good ones, each another":       webhook(numbered(strings.Replace(one, "0123456789abcdef", "#", 1), 400)),
		"as small as a good one can be": webhook(fill(n, `{"status":"firing","labels":{"alertname":"SiteOffline","accelerator":"a2.awsglobalaccelerator.com",`+
			`"reporter":"site-a","site":"site-b"},"startsAt":"2026-11-23T00:00:00Z","fingerprint":"0123456789abcdef"}`)),
		"labels":                webhook(wide(numbered(`"#":""`, 40))),
		"many with labels":      webhook(fill(n, wide(`"a":"","b":"","c":"","d":"","e":"","f":"","g":"","h":""`))),
		"labels, escaped":       webhook(wide(numbered(`"\u0061#":"\u0061"`, 60))),
		"one label many times":  webhook(wide(fill(n, `"site":"a"`))),
		"one field many times":  webhook(`{` + fill(n, `"labels":{}`) + `}`),
		"alerts many times":     `{"version":"4",` + fill(n, `"alerts":[0]`) + `}`,
		"unknown fields":        `{"version":"4","alerts":[],` + numbered(`"#":0`, 40) + `}`,
		"a number":              webhook(strings.Repeat("9", n)),
		"a number for a status": webhook(`{"status":` + strings.Repeat("9", n) + `}`),
		"numbers of all sizes":  webhook(fill(n, `1e999999999`)),
		"truncated alerts":      `{"version":"4","alerts":[],"truncatedAlerts":` + strings.Repeat("9", n) + `}`,
		"a version":             `{"alerts":[],"version":"` + strings.Repeat("4", n) + `"}`,
		"cut off":               webhook(fill(n, one))[:n/2],
	}
	for name, body := range bodies {
		if len(body) > maxBody {
			panic(name + ": longer than a body may be: " + strconv.Itoa(len(body)))
		}
	}
	return bodies
}

// measure handles the request and says what that took: bytes allocated in all,
// time of a CPU, and bytes logged.
func measure(t *testing.T, r request) (status int, memory uint64, took time.Duration, logged counter) {
	t.Helper()
	var fakes inMemory
	h := &Handler{
		User: user, Deployments: deployments, Now: func() time.Time { return now },
		Secret: secret.New(&fakes, "webhook"), Bus: bus.New(&fakes, "sitefence"),
		Log: slog.New(slog.NewJSONHandler(&logged, nil)),
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	started := worked()
	got, err := h.Handle(t.Context(), r)
	took = worked() - started
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Error(err)
	}
	return got.StatusCode, after.TotalAlloc - before.TotalAlloc, took, logged
}

// walk is what one plain look at a body takes of a CPU now, at best.
func walk(body string) time.Duration {
	best := time.Hour
	for range 3 {
		started := worked()
		json.Valid([]byte(body))
		best = min(best, worked()-started)
	}
	return best
}

// TestBounds: no body of a mebibyte, as it is or in base64, takes more than
// 50 ms (or mostWalks), 64 MiB or a mebibyte of log.
func TestBounds(t *testing.T) {
	for name, body := range nasty() {
		for _, encoded := range []bool{false, true} {
			name, r := name, post(body)
			if encoded && slower > 1 {
				continue // it costs a second walk; the build without the detector has it
			}
			if encoded {
				name += ", base64"
				r.IsBase64Encoded, r.Body = true, base64.StdEncoding.EncodeToString([]byte(body))
			}
			t.Run(name, func(t *testing.T) {
				status, memory, took, logged := measure(t, r)
				most := max(mostTime*slower, mostWalks*walk(body))
				// A busy machine slows us down at any moment: the best of a few counts.
				for range 4 {
					if took > most {
						_, _, again, _ := measure(t, r)
						took = min(took, again)
					}
				}
				t.Logf("%d after %.1f ms, %.1f MiB allocated, %d KiB of log", status, float64(took.Microseconds())/1000, float64(memory)/(1<<20), logged>>10)
				if took > most || memory > mostMemory || logged > mostLog {
					t.Errorf("want at most %s, %d MiB and %d KiB", most, mostMemory>>20, mostLog>>10)
				}
				if status != 204 && status != 400 && status != 413 {
					t.Errorf("got %d", status)
				}
			})
		}
	}
}
