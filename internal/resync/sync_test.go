package resync_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/contract"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	double "github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

func record(handler http.Handler, r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(strings.NewReader(""))
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// TestSync: in the machine's order both sites end with the survivor's data, what
// the fenced one had of its own is gone, and both replicate again.
func TestSync(t *testing.T) {
	s := fenced(t)
	check := s.must(contract.ActionCheck)
	for _, f := range check.Checks {
		if !f.OK || f.Text == "" || f.What == "" {
			t.Errorf("%+v", f)
		}
	}
	if len(check.Checks) != 7 {
		t.Errorf("%d conditions: %+v", len(check.Checks), check.Checks)
	}
	if got := s.changes(); len(got) > 0 {
		t.Errorf("a check changed %v", got)
	}
	if got := s.must(contract.ActionClear).Caches; !slices.Equal(got, caches) {
		t.Errorf("cleared %v, want %v", got, caches)
	}
	for _, cache := range caches {
		if got := s.Infinispan.Entries(b, cache); len(got) > 0 {
			t.Errorf("%s holds %v after the clear", cache, got)
		}
	}
	s.Infinispan.HoldPushes()
	if diff := cmp.Diff(&contract.Push{Total: 2, Sending: caches}, s.must(contract.ActionPush).Push); diff != "" {
		t.Error(diff)
	}
	if got := s.must(contract.ActionProgress).Push; got.Done || got.OK != 0 {
		t.Errorf("%+v while it is sent", got)
	}
	s.Infinispan.ReleasePushes()
	if diff := cmp.Diff(&contract.Push{Done: true, Total: 2, OK: 2}, s.must(contract.ActionProgress).Push); diff != "" {
		t.Error(diff)
	}
	want := []contract.Link{{From: "site-a", To: "site-b", Sees: true, Backup: "online"}, {From: "site-b", To: "site-a", Sees: true, Backup: "online"}}
	if diff := cmp.Diff(want, s.must(contract.ActionFinish).Links); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, s.again(contract.ActionFinish).Links); diff != "" {
		t.Error(diff)
	}
	for _, cache := range caches {
		if diff := cmp.Diff(s.Infinispan.Entries(a, cache), s.Infinispan.Entries(b, cache)); diff != "" || len(s.Infinispan.Entries(b, cache)) != 1 {
			t.Errorf("%s differs:\n%s", cache, diff)
		}
	}
	s.wantSurvivor()
	s.wantStatus(a, b, double.Online)
	s.wantStatus(b, a, double.Online)
	if s.Writes() > 0 {
		t.Error("the accelerator was written")
	}
}

// grounds are what every acting step must refuse, whatever it is about to do.
var grounds = map[string]struct {
	prepare func(s *scene)
	want    string
}{
	"superseded":       {func(s *scene) { s.States.Start("fence-2") }, "Refused superseded"},
	"present":          {func(s *scene) { s.endpoint(world.SiteB) }, "Refused site-present"},
	"drained reporter": {func(s *scene) { s.Accelerator.SetWeight(world.LB(world.SiteA), 0) }, "Refused reporter-not-in-service"},
	"unattributed":     {func(s *scene) { s.Balancers.Put(world.LB("other"), nil); s.endpoint("other") }, "Refused unattributed-endpoint"},
	"unreadable": {func(s *scene) {
		s.Accelerator.Inject(ga.Fault{Operation: ga.ListListeners, Effect: ga.Fail(ga.InternalServiceErrorException)})
	}, "Transient unavailable"},
	"another deployment": {func(s *scene) { s.h.Deployment.Name = "other" }, "Misconfigured bad-input"},
}

func (s *scene) endpoint(site contract.Site) {
	s.Accelerator.Edit("add", func(st *ga.State) {
		g := &st.Accelerators[0].Listeners[0].Groups[0]
		g.Endpoints = append(g.Endpoints, ga.NewEndpoint(world.LB(site)))
	})
}

// TestActingStepsLookFirst: none of them changes anything on bad ground. An undo
// after a newer fence is TestUndoBesideANewerFence's.
func TestActingStepsLookFirst(t *testing.T) {
	for name, ground := range grounds {
		for _, action := range []contract.Action{contract.ActionClear, contract.ActionPush, contract.ActionFinish, contract.ActionUndo} {
			if action == contract.ActionUndo && name == "superseded" {
				continue
			}
			t.Run(name+"/"+string(action), func(t *testing.T) {
				s := fenced(t)
				if action == contract.ActionUndo {
					s.Infinispan.Switch(a, b, double.Online)
				}
				ground.prepare(s)
				s.want(action, ground.want)
				if got := s.changes(); len(got) > 0 {
					t.Errorf("Infinispan was told %v all the same", got)
				}
			})
		}
	}
}

// TestClearNeverReachesTheSurvivor: somebody brings the fenced site's replication
// online before any one of the calls. Only between the proof and the clear itself
// can that not be noticed; everywhere else the survivor keeps its data.
func TestClearNeverReachesTheSurvivor(t *testing.T) {
	calls := 0
	counted := fenced(t)
	counted.before(world.SiteB, func(*http.Request) { calls++ })
	counted.must(contract.ActionClear)
	if calls < 10 {
		t.Fatalf("only %d calls", calls)
	}
	for at := range calls {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			s := fenced(t)
			n, cleared := 0, false
			s.before(world.SiteB, func(r *http.Request) {
				if cleared = r.URL.RawQuery == "action=clear"; n == at && !cleared {
					s.Infinispan.Switch(b, a, double.Online)
				}
				n++
			})
			_, _ = s.do(contract.ActionClear)
			s.wantSurvivor()
		})
	}
}

// TestClearProvesTheCut: an answer that is no proof that replication is offline
// lets nothing be cleared at all.
func TestClearProvesTheCut(t *testing.T) {
	for name, tc := range map[string]struct {
		fault double.Fault
		want  string
	}{
		"take-offline fails":          {double.Fault{On: double.TakeOffline, Do: double.Answer(500)}, "Transient reporter-unreachable"},
		"for one cache":               {double.Fault{On: double.TakeOffline, Do: double.OneCacheFails()}, "Transient not-proven"},
		"ok, but not done":            {double.Fault{On: double.TakeOffline, Do: double.AnswerBody(200, `{"sessions":"ok","actionTokens":"ok"}`)}, "Transient not-proven"},
		"no cache":                    {double.Fault{On: double.TakeOffline, Do: double.AnswerEmpty()}, "Transient not-proven"},
		"the answer is lost":          {double.Fault{On: double.TakeOffline, Do: double.FailedButApplied()}, "Transient reporter-unreachable"},
		"another site's address":      {double.Fault{On: double.ContainerView, Do: double.AnswerBody(200, `{"local_site":"site-a","sites_view":["site-a","site-b"]}`)}, "Misconfigured wrong-site"},
		"the survivor's backups":      {double.Fault{On: double.BackupStatus, Do: double.AnswerBody(200, `{"site-b":{"status":"offline"}}`)}, "Refused backup-unknown"},
		"backups of nobody":           {double.Fault{On: double.BackupStatus, Do: double.AnswerEmpty()}, "Refused backup-unknown"},
		"a status of another meaning": {double.Fault{On: double.BackupStatus, Do: double.AnswerBody(200, `{"site-a":{"status":"OFFLINE"}}`)}, "Transient reporter-unreachable"},
		"without ADMIN":               {double.Fault{On: double.BackupStatus, Do: double.Answer(403)}, "Misconfigured forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fenced(t)
			s.Infinispan.Inject(b, tc.fault)
			s.want(contract.ActionClear, tc.want)
			for _, c := range s.Infinispan.Calls(b) {
				if c.Kind == double.CacheClear {
					t.Errorf("%s %s was sent", c.Method, c.Target)
				}
			}
			s.wantSurvivor()
			s.Infinispan.ClearFaults(b)
			s.must(contract.ActionClear)
		})
	}
}

// TestStillWritten: something fills a cache that was just cleared.
func TestStillWritten(t *testing.T) {
	s := fenced(t)
	s.before(world.SiteB, func(r *http.Request) {
		if r.URL.RawQuery == "action=size" {
			s.Infinispan.Put(b, "sessions", "k", "by Keycloak")
		}
	})
	if err := s.want(contract.ActionClear, "Transient not-proven"); !strings.Contains(err, "is Keycloak at site-b really stopped?") {
		t.Error(err)
	}
}

// TestPutBackDuringClear: an operator puts the site back meanwhile.
func TestPutBackDuringClear(t *testing.T) {
	s := fenced(t)
	s.before(world.SiteB, func(r *http.Request) {
		if r.URL.RawQuery == "action=size" && !s.Present(world.SiteB) {
			s.endpoint(world.SiteB)
		}
	})
	s.want(contract.ActionClear, "Refused site-present")
}
