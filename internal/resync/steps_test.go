package resync_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/contract"
	double "github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

// TestStateless: without Infinispan there is nothing to sync.
func TestStateless(t *testing.T) {
	for i := range 2 {
		s := fenced(t)
		s.Config.Sites[i].Infinispan = nil
		s.build()
		for _, action := range []contract.Action{contract.ActionCheck, contract.ActionClear, contract.ActionPush, contract.ActionProgress, contract.ActionFinish} {
			s.want(action, "Refused nothing-to-sync")
		}
		s.Balancers.SetTargets(world.LB(world.SiteB), "healthy")
		s.must(contract.ActionReady)
	}
}

// TestPush: what was there of an earlier transfer is ended and forgotten first.
func TestPush(t *testing.T) {
	for _, before := range []string{"IDLE", "OK", "ERROR", "CANCELED", "SENDING"} {
		t.Run(before, func(t *testing.T) {
			s := fenced(t)
			s.must(contract.ActionClear)
			s.Infinispan.SetPush(a, b, "sessions", before)
			if got := s.must(contract.ActionPush).Push; !got.Done {
				t.Errorf("%+v", got)
			}
			var canceled, started int
			for _, c := range s.Infinispan.Calls(a) {
				switch c.Kind {
				case double.CancelPush:
					canceled++
				case double.StartPush:
					started++
				}
			}
			if started != 1 || (canceled == 1) != (before == "SENDING") {
				t.Errorf("%d started, %d canceled", started, canceled)
			}
			if s.Infinispan.Entries(b, "sessions")["new"] == "" {
				t.Error("the survivor's data is not there")
			}
		})
	}
}

// TestPushOnlyOnALink: without one it would stick, with replication online.
func TestPushOnlyOnALink(t *testing.T) {
	s := fenced(t)
	s.must(contract.ActionClear)
	s.Infinispan.CutBetween(a, b)
	s.want(contract.ActionPush, "Refused not-seen")
	s.wantStatus(a, b, double.Offline)
	s.Infinispan.HealBetween(a, b)
	// One direction only.
	s.Infinispan.Inject(b, double.Fault{On: double.ContainerView, Do: double.AnswerBody(200, `{"local_site":"site-b","sites_view":["site-b"]}`)})
	s.want(contract.ActionPush, "Refused not-seen")
	s.wantStatus(a, b, double.Offline)
}

// TestPushLosesTheLink: between the look and the start, and right after it.
func TestPushLosesTheLink(t *testing.T) {
	for name, tc := range map[string]struct {
		at   func(r *http.Request, started bool) bool
		want string
	}{
		"before the start": {func(r *http.Request, _ bool) bool { return r.URL.RawQuery == "action=start-push-state" }, "Refused push-failed"},
		"after the start":  {func(_ *http.Request, started bool) bool { return started }, "Refused not-seen"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fenced(t)
			s.must(contract.ActionClear)
			started := false
			s.before(world.SiteA, func(r *http.Request) {
				if tc.at(r, started) {
					s.Infinispan.CutBetween(a, b)
				}
				started = started || r.URL.RawQuery == "action=start-push-state"
			})
			s.want(contract.ActionPush, tc.want)
			s.wantStatus(a, b, double.Online) // the fence is lost, so:
			s.must(contract.ActionUndo)
			s.wantStatus(a, b, double.Offline)
			if err := s.Infinispan.Write(t.Context(), a, "k", "v"); err != nil {
				t.Errorf("a write at the survivor: %v", err)
			}
		})
	}
}

// TestProgress: what each state of a transfer means.
func TestProgress(t *testing.T) {
	for state, want := range map[string]string{
		"OK": "", "SENDING": "", "IDLE": "Refused push-failed", "ERROR": "Refused push-failed", "CANCELED": "Refused push-failed", "?": "Refused push-failed",
	} {
		s := fenced(t)
		s.Infinispan.SetPush(a, b, "actionTokens", "OK")
		s.Infinispan.SetPush(a, b, "sessions", state)
		out, err := s.do(contract.ActionProgress)
		if typed(err) != want || err == nil && out.Push.Done != (state == "OK") {
			t.Errorf("%s: %+v, %v; want %q", state, out.Push, err, want)
		}
	}
	for name, prepare := range map[string]func(s *scene){
		"both": func(s *scene) { s.Infinispan.CutBetween(a, b) },
		"one way": func(s *scene) {
			s.Infinispan.Inject(b, double.Fault{On: double.ContainerView, Do: double.AnswerBody(200, `{"local_site":"site-b","sites_view":["site-b"]}`)})
		},
	} {
		s := fenced(t)
		s.Infinispan.SetPush(a, b, "actionTokens", "SENDING")
		s.Infinispan.SetPush(a, b, "sessions", "SENDING")
		prepare(s)
		t.Log(name, s.want(contract.ActionProgress, "Refused not-seen"))
	}
	s := fenced(t)
	s.Infinispan.SetPush(a, b, "actionTokens", "SENDING")
	s.Infinispan.SetPush(a, b, "sessions", "SENDING")
	s.Infinispan.StopListening(b) // busy, yet seen
	s.must(contract.ActionProgress)
	s.States.Start("fence-2")
	s.want(contract.ActionProgress, "Refused superseded")
}

// TestFinishRefuses: data that may differ is never called in sync.
func TestFinishRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(s *scene)
		want    string
	}{
		"taken offline meanwhile": {func(s *scene) { s.Infinispan.Switch(a, b, double.Offline) }, "Refused not-replicating"},
		"for one cache":           {func(s *scene) { s.Infinispan.Switch(a, b, double.Mixed) }, "Refused not-replicating"},
		"still sending":           {func(s *scene) { s.Infinispan.SetPush(a, b, "sessions", "SENDING") }, "Refused push-failed"},
		"failed":                  {func(s *scene) { s.Infinispan.SetPush(a, b, "sessions", "ERROR") }, "Refused push-failed"},
		"link down":               {func(s *scene) { s.Infinispan.CutBetween(a, b) }, "Refused not-seen"},
		"bring-online fails": {func(s *scene) {
			s.Infinispan.Inject(b, double.Fault{On: double.BringOnline, Do: double.OneCacheFails()})
		}, "Transient not-proven"},
		"not proven": {func(s *scene) {
			s.Infinispan.Inject(b, double.Fault{On: double.BringOnline, Do: double.AnswerBody(200, `{"sessions":"ok","actionTokens":"ok"}`)})
		}, "Transient not-proven"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fenced(t)
			s.must(contract.ActionClear, contract.ActionPush, contract.ActionProgress)
			tc.prepare(s)
			s.want(contract.ActionFinish, tc.want)
		})
	}
}

// TestFinishWithoutATransfer: an execution that was aborted at Finish and is
// redriven after its undoing finds replication online, because the survivor's
// Infinispan was restarted and forgot; no state was sent since.
func TestFinishWithoutATransfer(t *testing.T) {
	s := fenced(t)
	s.must(contract.ActionClear, contract.ActionPush, contract.ActionProgress, contract.ActionUndo)
	s.Infinispan.Put(a, "sessions", "newer", "written meanwhile")
	s.Infinispan.Switch(a, b, double.Online)
	s.want(contract.ActionFinish, "Refused push-failed")
	s.wantStatus(b, a, double.Offline)
}

// TestSinceOfTheFuture: an input that names a fence which is not there would never
// be superseded. The list may lag behind, so it is asked again.
func TestSinceOfTheFuture(t *testing.T) {
	for _, action := range []contract.Action{contract.ActionClear, contract.ActionPush, contract.ActionProgress, contract.ActionFinish, contract.ActionUndo} {
		s := fenced(t)
		in := s.in(action)
		in.Since = "fence-2"
		_, err := s.h.Handle(t.Context(), in)
		if got := typed(err); got != "Transient not-proven" || !strings.Contains(err.Error(), "since") {
			t.Errorf("%s: %v", action, err)
		}
		if got := s.changes(); len(got) > 0 {
			t.Errorf("%s: Infinispan was told %v all the same", action, got)
		}
	}
}

// TestFaults: each call of each step fails, and fails although it was applied.
// The step says so, loses nothing of the survivor's, and succeeds when repeated.
func TestFaults(t *testing.T) {
	s := fenced(t)
	for _, action := range []contract.Action{contract.ActionCheck, contract.ActionClear, contract.ActionPush, contract.ActionProgress, contract.ActionFinish, contract.ActionUndo} {
		s.t = t
		s.put(action)
		s.must(action)
		for _, site := range []string{a, b} {
			kinds := map[double.Kind]bool{}
			for _, c := range s.Infinispan.Calls(site) {
				kinds[c.Kind] = true
			}
			for kind := range kinds {
				for how, effect := range map[string]double.Effect{"failed": double.Answer(500), "failed but applied": double.FailedButApplied()} {
					t.Run(fmt.Sprintf("%s/%s at %s/%s", action, kind, site, how), func(t *testing.T) {
						s.t = t
						s.put(action)
						s.Infinispan.Inject(site, double.Fault{On: kind, Do: effect})
						_, err := s.do(action)
						tolerated := action == contract.ActionUndo && (site == b || kind == double.ContainerView || kind == double.CancelPush) ||
							action == contract.ActionProgress && site == b
						if well := tolerated && err == nil; !well && !strings.HasPrefix(typed(err), "Transient ") {
							t.Errorf("got %v, want Transient", err)
						}
						s.wantSurvivor()
						s.Infinispan.ClearFaults(site)
						s.again(action)
						s.wantSurvivor()
					})
				}
			}
		}
	}
}

// put brings the world to where the machine calls the step.
func (s *scene) put(action contract.Action) {
	begun := action != contract.ActionCheck && action != contract.ActionClear
	sent := begun && action != contract.ActionPush
	s.Infinispan.Switch(a, b, map[bool]string{false: double.Offline, true: double.Online}[sent])
	s.Infinispan.Switch(b, a, map[bool]string{false: double.Online, true: double.Offline}[begun])
	state := "IDLE"
	switch {
	case action == contract.ActionUndo:
		state = "SENDING"
	case sent:
		state = "OK"
	}
	for _, cache := range caches {
		s.Infinispan.SetPush(a, b, cache, state)
	}
	s.Infinispan.ForgetCalls()
}

// TestBadInput: each field, and nothing is asked.
func TestBadInput(t *testing.T) {
	s := fenced(t)
	for field, change := range map[string]func(in *contract.ResyncInput){
		"action":    func(in *contract.ResyncInput) { in.Action = "fly" },
		"phase":     func(in *contract.ResyncInput) { in.Phase = "" },
		"since":     func(in *contract.ResyncInput) { in.Since = "fence-0" },
		"execution": func(in *contract.ResyncInput) { in.Execution = "fence-1" },
		"operation": func(in *contract.ResyncInput) { in.Operation = "" },
		"site":      func(in *contract.ResyncInput) { in.Site = "site-c" },
		"caches[1]": func(in *contract.ResyncInput) { in.Caches = []string{"sessions", "../x"} },
		"caches":    func(in *contract.ResyncInput) { in.Caches = nil },
	} {
		in := s.in(contract.ActionPush)
		change(&in)
		if _, err := s.h.Handle(t.Context(), in); typed(err) != "Misconfigured bad-input" || !strings.Contains(err.Error(), field+": ") {
			t.Errorf("%s: got %v", field, err)
		}
	}
	if got := s.changes(); len(got) > 0 {
		t.Error(cmp.Diff(nil, got))
	}
}
