package abuse_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestManyAlerts: a thousand alerts in one webhook are as good as one.
func TestManyAlerts(t *testing.T) {
	const n = 1000
	for _, distinct := range []int{n, 40} {
		t.Run(fmt.Sprintf("%d outages", distinct), func(t *testing.T) {
			d := open(t)
			var alerts []alert
			want := map[outage]bool{}
			for i := range n {
				a, o := firing(i % distinct)
				alerts = append(alerts, a)
				want[o] = true
			}
			if len(want) != distinct {
				t.Fatalf("%d outages, want %d", len(want), distinct)
			}
			rand.Shuffle(n, func(i, j int) { alerts[i], alerts[j] = alerts[j], alerts[i] })
			body := webhook(t, alerts...)
			status, took := d.caller().post(t.Context(), user, password, body)
			if status != http.StatusNoContent || took > timeout {
				t.Errorf("status %d after %v, want 204 within %v", status, took, timeout)
			}
			got, _ := arrived(t, d.bus)
			for o := range want {
				if got[o] != 1 {
					t.Errorf("%+v is %d times on the bus, want once", o, got[o])
				}
			}
			if len(got) != distinct {
				t.Errorf("%d outages on the bus, want %d", len(got), distinct)
			}
			figure(t, fmt.Sprintf("A webhook of %d alerts about %d outages", n, distinct), "%d KiB, answered 204 after %v, %d calls of the bus",
				len(body)>>10, took.Round(time.Millisecond), len(d.bus.Calls()))
		})
	}
}

// TestManyHostileAlerts: a thousand of them beside one that is good do not stop
// it, and do not fill the log.
func TestManyHostileAlerts(t *testing.T) {
	const (
		n = 1000
		// A hundred refusals, then: how many more, the metric, the event, the answer.
		maxLines = 100 + 4
		// Five values of a stranger, 128 bytes each, which JSON may write as
		// six times that.
		maxLine = 4 << 10
	)
	d := open(t)
	var alerts []alert
	for i := range n {
		a, _ := firing(i)
		hostile[i%len(hostile)](&a)
		alerts = append(alerts, a)
	}
	good, want := firing(n)
	at := rand.IntN(n)
	alerts = append(alerts[:at:at], append([]alert{good}, alerts[at:]...)...)
	status, took := d.caller().post(t.Context(), user, password, webhook(t, alerts...))
	if status != http.StatusNoContent || took > timeout {
		t.Errorf("status %d after %v, want 204 within %v", status, took, timeout)
	}
	if got, _ := arrived(t, d.bus); len(d.bus.Events()) != 1 || got[want] != 1 {
		t.Errorf("on the bus: %v, want %+v once", got, want)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(d.log(), "\n"), "\n")
	longest := 0
	for _, line := range lines {
		longest = max(longest, len(line))
	}
	if len(lines) > maxLines || longest > maxLine {
		t.Errorf("%d log lines, the longest of %d bytes; want at most %d and %d", len(lines), longest, maxLines, maxLine)
	}
	figure(t, fmt.Sprintf("A webhook of %d hostile alerts and a good one", n), "the good one on the bus, 204 after %v, %d log lines of at most %d bytes",
		took.Round(time.Millisecond), len(lines), longest)
}

// TestManyWebhooks: 300 webhooks at once, each about an outage of its own, to a
// function that has no environment yet. What finds none free is answered 429,
// which Alertmanager drops until the alert's next repeat; here that follows as
// soon as all have an answer. In the end every outage is on the bus.
func TestManyWebhooks(t *testing.T) {
	const (
		n        = 300
		maxWaves = 30 // the first serves at least as many as there may be environments
	)
	d := open(t)
	client := d.caller()
	var waiting []int
	for i := range n {
		waiting = append(waiting, i)
	}
	var waves []string
	var worst time.Duration
	for len(waiting) > 0 {
		if len(waves) == maxWaves {
			t.Fatalf("%d of %d webhooks were not served in %d waves", len(waiting), n, maxWaves)
		}
		var again []int
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, i := range waiting {
			a, _ := firing(i)
			body := webhook(t, a)
			all.Go(func() {
				status, took := client.post(t.Context(), user, password, body)
				mu.Lock()
				defer mu.Unlock()
				worst = max(worst, took)
				switch status {
				case http.StatusNoContent:
				case http.StatusTooManyRequests:
					again = append(again, i)
				default:
					t.Errorf("webhook %d: status %d, want 204, or 429 for now", i, status)
				}
			})
		}
		all.Wait()
		waves = append(waves, fmt.Sprintf("%d of %d", len(waiting)-len(again), len(waiting)))
		waiting = again
	}
	outages, fingerprints := arrived(t, d.bus)
	for i := range n {
		if _, o := firing(i); outages[o] != 1 || fingerprints[fingerprint(i)] != 1 {
			t.Errorf("webhook %d is %d times on the bus, want once", i, outages[o])
		}
	}
	environments := len(d.function.Environments())
	if environments > concurrency {
		t.Errorf("%d environments, want at most %d", environments, concurrency)
	}
	for name, count := range d.reads.snapshot() {
		if count != 1 {
			t.Errorf("%s read the secret %d times, want once", name, count)
		}
	}
	figure(t, fmt.Sprintf("%d webhooks at once, %d environments at most", n, concurrency), "served %s; %d environments; slowest answer %v",
		strings.Join(waves, ", then "), environments, worst.Round(time.Millisecond))
}
