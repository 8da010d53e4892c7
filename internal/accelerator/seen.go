package accelerator

import (
	"context"
	"slices"
	"sync"

	"github.com/sitefence/sitefence/internal/awserr"
)

// Seen are the load balancers whose tags the last look had to read. The next look of
// the same process asks for theirs while it reads the endpoint groups, and not after.
// It holds no answer: every look reads every tag itself. It is safe for concurrent
// use.
type Seen struct {
	mu       sync.Mutex
	byRegion map[string][]string
}

func (s *Seen) remember(byRegion map[string][]string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byRegion = byRegion
}

func (s *Seen) last() map[string][]string {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byRegion
}

// early is what was asked for in one Region before this look knew the endpoints.
type early struct {
	arns   []string
	done   chan struct{} // closed when owners and err are there
	owners map[string]Owner
	err    error
}

// ask begins to read the tags of the load balancers that the last look saw. Who
// ends the context need not wait for them.
func (r Reader) ask(ctx context.Context) map[string]*early {
	asked := map[string]*early{}
	for region, arns := range r.Seen.last() {
		e := &early{arns: arns, done: make(chan struct{})}
		asked[region] = e
		go func() {
			defer close(e.done)
			e.owners, e.err = r.readTags(ctx, region, arns)
		}()
	}
	return asked
}

// holds reports whether it asked for all of these.
func (e *early) holds(arns []string) bool {
	return e != nil && !slices.ContainsFunc(arns, func(arn string) bool { return !slices.Contains(e.arns, arn) })
}

// owned returns the owners of load balancers of one Region, from what was asked for
// early if all of them were, and by asking now if one was not.
func (r Reader) owned(ctx context.Context, e *early, region string, arns []string) (map[string]Owner, error) {
	if !e.holds(arns) {
		return r.readTags(ctx, region, arns)
	}
	select {
	case <-e.done:
		return e.owners, e.err
	case <-ctx.Done():
		return nil, awserr.Sort(ctx.Err(), "reading load balancer tags in "+region)
	}
}
