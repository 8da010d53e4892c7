package abuse_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	half = 15 * time.Second
	// attackers post in turn. They are fewer than the function's reserved
	// concurrency; what more of them can do is in TestManyWebhooks.
	attackers = 32

	// A real alert comes every interval and is answered within promise.
	interval = 500 * time.Millisecond
	promise  = time.Second

	// How often an environment may read the secret: once a maxAge, and for the
	// right user's wrong passwords a burst and one for each refill. Of the
	// design, not of the code.
	maxAge = 60 * time.Second
	burst  = 3
	refill = 5 * time.Second

	// An environment's resident memory, and the most by which it may grow once
	// it has served warm posts.
	warm      = 200
	maxMemory = 128 << 20
	maxGrowth = 8 << 20
	padding   = 32 << 10

	// Log bytes a refused post.
	maxLogged = 1 << 10
)

// TestFlood: wrong passwords at the rate for 30 seconds, first with a wrong user
// and then with the right one. The real alerts beside them get through,
// Secrets Manager hears next to nothing of it, and memory stays flat.
func TestFlood(t *testing.T) {
	d := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	d.warmUp(ctx)
	beside, stop := context.WithCancel(ctx)
	defer stop()
	var others sync.WaitGroup
	memory := watch{door: d, first: map[string]int{}, last: map[string]int{}}
	alerts := witness{caller: d.caller()}
	others.Go(func() { memory.run(beside) })
	others.Go(func() { alerts.run(beside) })

	began := time.Now()
	strangers := d.flood(ctx, "somebody")
	before := d.reads.snapshot()
	guessers := d.flood(ctx, user)
	after := d.reads.snapshot()
	stop()
	others.Wait()

	minutes := int(time.Since(began) / maxAge)
	for _, e := range d.function.Environments() {
		// What the wrong user's passwords may cost: the first read.
		if got, most := before[e.Name], 1+minutes; got > most {
			t.Errorf("%s: %d reads of the secret for a wrong user, want at most %d", e.Name, got, most)
		}
		// And the right user's: the bucket, and what was filled in again.
		most := 1 + minutes + burst + int(guessers.took/refill)
		if got := after[e.Name]; got < 1 || got > most {
			t.Errorf("%s: %d reads of the secret, want 1 to %d", e.Name, got, most)
		}
		if before[e.Name] > 0 && after[e.Name]-before[e.Name] > most-1 {
			t.Errorf("%s: %d reads of the secret for the right user, want at most %d", e.Name, after[e.Name]-before[e.Name], most-1)
		}
	}
	if highest(after) < 2 {
		t.Error("no wrong password of the right user had the secret read again; has the flood arrived?")
	}
	alerts.check(t)
	memory.check(t)
	logged := len(d.log()) / int(strangers.sent+guessers.sent)
	if logged > maxLogged {
		t.Errorf("%d bytes in the log for each wrong password, want at most %d", logged, maxLogged)
	}

	figure(t, "Wrong passwords posted", "%d + %d, %.0f + %.0f a second, all answered 401",
		strangers.sent, guessers.sent, strangers.rate(), guessers.rate())
	figure(t, "Environments that the flood kept busy", "%d", len(d.function.Environments()))
	figure(t, "Secret reads per environment", "at most %d for a wrong user (15 s), %d for the right one (15 s)", highest(before), highest(after))
	figure(t, "Log bytes for each wrong password", "%d", logged)
	figure(t, "Slowest answer to a wrong password", "%v", max(strangers.worst, guessers.worst).Round(time.Millisecond))
}

// warmUp has every attacker post once. On AWS environments start on CPUs of
// their own; here a few CPUs start all, which says nothing about ingest.
func (d *door) warmUp(ctx context.Context) {
	client := d.caller()
	var all sync.WaitGroup
	for range attackers {
		all.Go(func() {
			if status, _ := client.post(ctx, "somebody", guess, nil); status != http.StatusUnauthorized {
				d.t.Errorf("the first posts: status %d, want 401", status)
			}
		})
	}
	all.Wait()
}

// flood is what one half of the flood was like.
type flood struct {
	sent  int64
	took  time.Duration // from the first post to the last answer
	last  time.Duration // until the last post
	worst time.Duration
}

func (f flood) rate() float64 { return float64(f.sent) / f.last.Seconds() }

// flood posts wrong passwords at the rate; a late post is made up for.
func (d *door) flood(ctx context.Context, user string) flood {
	d.t.Helper()
	var (
		body    = []byte(`{"version":"4","alerts":[],"padding":"` + strings.Repeat("x", padding) + `"}`)
		total   = int64(rate * half / time.Second)
		started = time.Now()
		client  = d.caller()
		next    atomic.Int64
		all     sync.WaitGroup
		mu      sync.Mutex
		f       flood
		status  = map[int]int{}
	)
	for range attackers {
		all.Go(func() {
			for {
				i := next.Add(1) - 1
				due := time.Until(started.Add(time.Duration(i) * time.Second / rate))
				if i >= total || !pause(ctx, due) {
					return
				}
				posted := time.Since(started)
				code, took := client.post(ctx, user, guess+strconv.FormatInt(i, 10), body)
				mu.Lock()
				f.sent++
				f.last, f.worst = max(f.last, posted), max(f.worst, took)
				status[code]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	f.took = time.Since(started)
	if f.sent != total || f.rate() < 0.95*rate {
		d.t.Errorf("posted %d as %s, %.0f a second; want %d, %d a second", f.sent, user, f.rate(), total, rate)
	}
	if len(status) != 1 || status[http.StatusUnauthorized] != int(total) {
		d.t.Errorf("posts as %s by status: %v, want 401 for each", user, status)
	}
	return f
}

// pause is false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// witness posts real alerts, as Alertmanager would.
type witness struct {
	caller
	posted int
	worst  time.Duration
}

func (w *witness) run(ctx context.Context) {
	for ctx.Err() == nil {
		due := time.Now().Add(interval)
		alert, _ := firing(w.posted)
		// The last one is to be answered even if the flood ends meanwhile.
		status, took := w.post(context.WithoutCancel(ctx), user, password, webhook(w.t, alert))
		if status != http.StatusNoContent || took > promise {
			w.t.Errorf("real alert %d: status %d after %v, want 204 within %v", w.posted, status, took, promise)
		}
		if _, seen := arrived(w.t, w.bus); seen[alert.Fingerprint] != 1 {
			w.t.Errorf("real alert %d was answered and is %d times on the bus", w.posted, seen[alert.Fingerprint])
		}
		w.posted++
		w.worst = max(w.worst, took)
		pause(ctx, time.Until(due))
	}
}

func (w *witness) check(t *testing.T) {
	if want := int(2 * half / interval * 9 / 10); w.posted < want {
		t.Errorf("%d real alerts, want at least %d", w.posted, want)
	}
	if got := len(w.bus.Events()); got != w.posted {
		t.Errorf("%d events on the bus, want the %d of the real alerts", got, w.posted)
	}
	figure(t, "Real alerts beside the flood", "%d of %d on the bus; slowest answer %v", len(w.bus.Events()), w.posted, w.worst.Round(time.Millisecond))
}

// watch looks at the environments' resident memory.
type watch struct {
	*door
	first, last map[string]int // bytes by environment, once warm
	highest     int
}

func (w *watch) run(ctx context.Context) {
	for pause(ctx, 250*time.Millisecond) {
		for _, e := range w.function.Environments() {
			now, err := resident(e.PID)
			if err != nil {
				w.t.Errorf("the memory of %s: %v", e.Name, err)
				return
			}
			w.highest = max(w.highest, now)
			if e.Served < warm {
				continue
			}
			if w.first[e.Name] == 0 {
				w.first[e.Name] = now
			}
			w.last[e.Name] = now
		}
	}
}

func (w *watch) check(t *testing.T) {
	if len(w.last) == 0 {
		t.Errorf("no environment served %d posts", warm)
	}
	if w.highest > maxMemory {
		t.Errorf("an environment held %.1f MiB, want at most %.1f", mib(w.highest), mib(maxMemory))
	}
	most := 0
	for name, first := range w.first {
		grown := w.last[name] - first
		most = max(most, grown)
		if grown > maxGrowth {
			t.Errorf("%s grew by %.1f MiB, want at most %.1f", name, mib(grown), mib(maxGrowth))
		}
	}
	figure(t, "Resident memory of an environment", "at most %.1f MiB; from its %dth post on it grew by at most %.1f MiB (%d environments served that many)",
		mib(w.highest), warm, mib(most), len(w.first))
}

// resident is a process's resident memory in bytes; see proc_pid_statm(5).
func resident(pid int) (int, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	var size, pages int
	_, err = fmt.Sscan(string(data), &size, &pages)
	return pages * os.Getpagesize(), err
}

func mib(bytes int) float64 { return float64(bytes) / (1 << 20) }

func highest(counts map[string]int) int {
	return slices.Max(append(slices.Collect(maps.Values(counts)), 0))
}
