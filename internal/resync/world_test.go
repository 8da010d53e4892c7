package resync_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"sync"
	"testing"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/internal/resync"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	double "github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

const a, b = string(world.SiteA), string(world.SiteB)

var caches = []string{"actionTokens", "sessions"}

// scene is a world after fence-1: site-b is out, site-a does not replicate to it,
// and the link is up again. Data differs. restore-1-1 is running.
type scene struct {
	*world.World
	t *testing.T
	h resync.Handler
}

func fenced(t *testing.T) *scene {
	t.Helper()
	w := world.New(t, ga.NewListener(443, ga.NewGroup(world.Region, ga.NewEndpoint(world.LB(world.SiteA)))))
	w.States.Start("fence-1")
	w.States.Run("kc-restore", "restore-1-1", "RUNNING")
	w.Infinispan.Switch(a, b, double.Offline)
	for _, cache := range caches {
		w.Infinispan.Put(a, cache, "new", "of the survivor")
		w.Infinispan.Put(b, cache, "old", "of before")
	}
	s := &scene{World: w, t: t}
	s.build()
	return s
}

// build makes the handler over the world's configuration as it is now.
func (s *scene) build() {
	s.t.Helper()
	h, err := resync.New(s.Function())
	if err != nil {
		s.t.Fatal(err)
	}
	var log bytes.Buffer
	h.Log = slog.New(slog.NewJSONHandler(&log, nil))
	s.t.Cleanup(func() { leak.Check(s.t, log.String(), world.Password) })
	s.h = h
}

func (s *scene) in(action contract.Action) contract.ResyncInput {
	in := contract.ResyncInput{Execution: "restore-1-1", Action: action, RestoreInput: contract.RestoreInput{
		Event: s.Event(), Phase: contract.PhaseSync, Since: "fence-1", KeycloakStopped: true}}
	in.Operation = contract.OperationRejoin
	in.Order = &contract.Order{By: "someone"}
	in.Endpoints = []contract.Endpoint{{Listener: "l", Group: "g", Endpoint: world.LB(world.SiteB), Weight: 128}}
	if action != contract.ActionCheck && action != contract.ActionClear {
		in.Caches = caches
	}
	return in
}

func (s *scene) do(action contract.Action) (contract.Resync, error) {
	return s.h.Handle(s.t.Context(), s.in(action))
}

// again is do as the machine repeats it.
func (s *scene) again(action contract.Action) contract.Resync {
	s.t.Helper()
	in := s.in(action)
	in.Repeated = true
	out, err := s.h.Handle(s.t.Context(), in)
	if err != nil {
		s.t.Fatalf("%s again: %v", action, err)
	}
	return out
}

func (s *scene) must(actions ...contract.Action) (out contract.Resync) {
	s.t.Helper()
	for _, action := range actions {
		var err error
		if out, err = s.do(action); err != nil {
			s.t.Fatalf("%s: %v", action, err)
		}
	}
	return out
}

// want asserts how a step ends: "" is well, else the error's type and reason. It
// returns the error's text.
func (s *scene) want(action contract.Action, want string) string {
	s.t.Helper()
	_, err := s.do(action)
	if got := typed(err); got != want {
		s.t.Errorf("%s: got %q (%v), want %q", action, got, err, want)
	}
	return fmt.Sprint(err)
}

func typed(err error) string {
	if err == nil {
		return ""
	}
	return reflect.TypeOf(err).Elem().Name() + " " + string(contract.ReasonOf(err))
}

func (s *scene) changes() []string { return append(s.Changes(world.SiteA), s.Changes(world.SiteB)...) }

// wantSurvivor asserts that the survivor has all its data.
func (s *scene) wantSurvivor() {
	s.t.Helper()
	for _, cache := range caches {
		if got := s.Infinispan.Entries(a, cache); got["new"] != "of the survivor" {
			s.t.Errorf("cache %s of the survivor holds %v", cache, got)
		}
	}
}

func (s *scene) wantStatus(from, to, want string) {
	s.t.Helper()
	if got := s.Infinispan.Status(from, to); got != want {
		s.t.Errorf("replication from %s to %s is %s, want %s", from, to, got, want)
	}
}

// before calls hook before every request to a site's Infinispan, one after the
// other, though requests about several caches come at the same time.
func (s *scene) before(site contract.Site, hook func(*http.Request)) {
	s.t.Helper()
	handler := s.Infinispan.Handler(string(site))
	clusters := map[contract.Site]*infinispan.Client{}
	for name, client := range s.h.Clusters {
		clusters[name] = client
	}
	var one sync.Mutex
	clusters[site] = clusters[site].Through(through(func(r *http.Request) (*http.Response, error) {
		one.Lock()
		hook(r)
		one.Unlock()
		return record(handler, r)
	}))
	s.h.Clusters = clusters
}

type through func(*http.Request) (*http.Response, error)

func (f through) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
