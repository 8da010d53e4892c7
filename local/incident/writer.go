package incident

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sitefence/sitefence/local/infinispan"
)

// pace is the time between two writes, at each site.
const pace = 200 * time.Millisecond

// Write is one try to write at a site, over a connection of its own.
type Write struct {
	Began, Ended time.Time
	Err          error
}

// writer writes at one site all the time. It does not wait for a write before it
// begins the next: one that hangs must not hide that others work again.
type writer struct {
	cancel context.CancelFunc
	wait   sync.WaitGroup

	mu     sync.Mutex
	writes []Write
}

func startWriter(sites infinispan.World, site string) *writer {
	ctx, cancel := context.WithCancel(context.Background())
	w := &writer{cancel: cancel}
	w.wait.Go(func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			w.wait.Go(func() { w.write(ctx, sites, site, fmt.Sprintf("%s-%d", site, n%100)) })
		}
	})
	return w
}

func (w *writer) write(ctx context.Context, sites infinispan.World, site, key string) {
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	try := Write{Began: time.Now()}
	try.Err = sites.Write(limited, site, key, "x") // a new connection each: sites keeps none
	try.Ended = time.Now()
	if ctx.Err() != nil {
		return // it was the end of the writer that ended it
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes = append(w.writes, try)
}

func (w *writer) stop() {
	w.cancel()
	w.wait.Wait()
}

// since are the writes that began at or after a time and have ended.
func (w *writer) since(t time.Time) []Write {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []Write
	for _, try := range w.writes {
		if !try.Began.Before(t) {
			found = append(found, try)
		}
	}
	return found
}

// firstWorking is when the first write that began at or after a time had worked.
func (w *writer) firstWorking(t time.Time) (time.Time, bool) {
	var first time.Time
	for _, try := range w.since(t) {
		if try.Err == nil && (first.IsZero() || try.Ended.Before(first)) {
			first = try.Ended
		}
	}
	return first, !first.IsZero()
}
