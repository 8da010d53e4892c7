package resync_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/contract"
	double "github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

// TestUndo: from every state the survivor ends alone and without a transfer.
func TestUndo(t *testing.T) {
	for name, prepare := range map[string]func(s *scene){
		"nothing begun": func(*scene) {},
		"cleared":       func(s *scene) { s.must(contract.ActionClear) },
		"sending":       func(s *scene) { s.Infinispan.HoldPushes(); s.must(contract.ActionClear, contract.ActionPush) },
		"pushed":        func(s *scene) { s.must(contract.ActionClear, contract.ActionPush) },
		"finished":      func(s *scene) { s.must(contract.ActionClear, contract.ActionPush, contract.ActionFinish) },
		"stuck, link down": func(s *scene) {
			s.Infinispan.HoldPushes()
			s.must(contract.ActionClear, contract.ActionPush)
			s.Infinispan.CutBetween(a, b)
		},
		"site unreachable": func(s *scene) {
			s.Infinispan.HoldPushes()
			s.must(contract.ActionClear, contract.ActionPush)
			s.Infinispan.CutBetween(a, b)
			s.Infinispan.StopListening(b)
		},
		"offline by a newer fence": func(s *scene) {
			s.Infinispan.HoldPushes()
			s.must(contract.ActionClear, contract.ActionPush)
			s.Infinispan.CutBetween(a, b)
			s.States.Start("fence-2")
			s.Infinispan.Switch(a, b, double.Offline)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := fenced(t)
			prepare(s)
			back := s.Infinispan.Status(b, a)
			for range 2 {
				in := s.in(contract.ActionUndo)
				in.Caches = nil
				out, err := s.h.Handle(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				if name != "site unreachable" && out.Links[1].Backup != back {
					t.Errorf("links %+v, want site-b's own as it was: %s", out.Links, back)
				}
				if len(out.Checks) != 2 {
					t.Errorf("it does not say what it left: %+v", out.Checks)
				}
			}
			s.wantStatus(a, b, double.Offline)
			s.wantStatus(b, a, back)
			for _, cache := range caches {
				if got := s.transfer(cache); got != `{"site-b":"IDLE"}` {
					t.Errorf("the transfer of %s is %s", cache, got)
				}
			}
			s.wantSurvivor()
			if err := s.Infinispan.Write(t.Context(), a, "k", "v"); err != nil {
				t.Errorf("a write at the survivor: %v", err)
			}
		})
	}
}

// transfer is a cache's push-state-status at the survivor.
func (s *scene) transfer(cache string) string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "/rest/v2/caches/"+cache+"/x-site/backups?action=push-state-status", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	site := s.Infinispan.Site(a)
	r.SetBasicAuth(site.User, site.Password)
	resp, _ := record(s.Infinispan.Handler(a), r)
	var body strings.Builder
	_ = resp.Write(&body)
	_, text, _ := strings.Cut(body.String(), "\r\n\r\n")
	return strings.TrimSpace(text)
}

// TestUndoBesideANewerFence: it never cuts what a newer fence, or a rejoin that
// took its turn, or another restore has to decide. What a rehearsal, or a report
// that came to nothing, has left behind is undone: nobody else would, and the
// survivor's writes would depend on the link.
func TestUndoBesideANewerFence(t *testing.T) {
	for name, tc := range map[string]struct {
		fence   string
		prepare func(s *scene)
		want    string
	}{
		"at work":               {"RUNNING", func(*scene) {}, "Transient not-proven"},
		"ended":                 {"SUCCEEDED", func(*scene) {}, ""},
		"failed":                {"FAILED", func(*scene) {}, ""},
		"another restore":       {"SUCCEEDED", func(s *scene) { s.States.Run("kc-restore", "restore-2-1", "RUNNING") }, "Refused superseded"},
		"it was a rejoin":       {"SUCCEEDED", func(s *scene) { s.endpoint(world.SiteB) }, "Refused site-present"},
		"the survivor drained":  {"FAILED", func(s *scene) { s.Accelerator.SetWeight(world.LB(world.SiteA), 0) }, "Refused reporter-not-in-service"},
		"an untagged balancer":  {"FAILED", func(s *scene) { s.Balancers.Put(world.LB("other"), nil); s.endpoint("other") }, "Refused unattributed-endpoint"},
		"the site is not there": {"SUCCEEDED", func(s *scene) { s.Infinispan.StopListening(b) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := fenced(t)
			s.Infinispan.Switch(a, b, double.Online)
			s.States.Run("kc-fence", "fence-2", tc.fence)
			tc.prepare(s)
			s.want(contract.ActionUndo, tc.want)
			s.wantStatus(a, b, map[bool]string{true: double.Offline, false: double.Online}[tc.want == ""])
		})
	}
}

// TestPutBackDuringUndo: an operator puts the site back meanwhile. Its replication
// is offline then, so somebody must be told.
func TestPutBackDuringUndo(t *testing.T) {
	s := fenced(t)
	s.Infinispan.Switch(a, b, double.Online)
	s.before(world.SiteA, func(r *http.Request) {
		if r.URL.RawQuery == "action=take-offline" {
			s.endpoint(world.SiteB)
		}
	})
	s.want(contract.ActionUndo, "Refused site-present")
}

// TestRehearsalDuringATransfer: a drill takes a number, so the restore gives up;
// then it must leave the survivor independent of the link.
func TestRehearsalDuringATransfer(t *testing.T) {
	s := fenced(t)
	s.must(contract.ActionClear, contract.ActionPush)
	s.States.Run("kc-fence", "fence-2", "SUCCEEDED")
	s.want(contract.ActionProgress, "Refused superseded")
	s.must(contract.ActionUndo)
	s.wantStatus(a, b, double.Offline)
	s.wantSurvivor()
}
