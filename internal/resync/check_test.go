package resync_test

import (
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/contract"
	double "github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

// TestCheckRefuses: each condition alone.
func TestCheckRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(s *scene)
		change  func(in *contract.ResyncInput)
		want    string
		words   string
	}{
		"not fenced":         {func(s *scene) { s.endpoint(world.SiteB) }, nil, "Refused not-fenced", "fence it first"},
		"replication online": {func(s *scene) { s.Infinispan.Switch(a, b, double.Online) }, nil, "Refused not-fenced", "--abort"},
		"replication mixed":  {func(s *scene) { s.Infinispan.Switch(a, b, double.Mixed) }, nil, "Refused not-fenced", "mixed"},
		"link down":          {func(s *scene) { s.Infinispan.CutBetween(a, b) }, nil, "Refused not-seen", "does not see"},
		"site unreachable":   {func(s *scene) { s.Infinispan.StopListening(b) }, nil, "Transient reporter-unreachable", "Infinispan of the site answers? No"},
		"not confirmed":      {nil, func(in *contract.ResyncInput) { in.KeycloakStopped = false }, "Refused not-confirmed", "--keycloak-stopped"},
		"guard at work":      {func(s *scene) { s.States.Run("kc-guard", "some-event", "RUNNING") }, nil, "Refused being-handled", "some-event"},
		"fence at work":      {func(s *scene) { s.States.Run("kc-fence", "fence-1", "RUNNING") }, nil, "Refused being-handled", "fence-1"},
		"guard has ended":    {func(s *scene) { s.States.Run("kc-guard", "some-event", "FAILED") }, nil, "", ""},
		"a later restore":    {func(s *scene) { s.States.Run("kc-restore", "restore-1-2", "RUNNING") }, nil, "", ""},
		"not listed itself":  {func(s *scene) { s.States.Run("kc-restore", "restore-1-1", "SUCCEEDED") }, nil, "Transient not-proven", "not among the running"},
		"superseded":         {func(s *scene) { s.States.Start("fence-2") }, nil, "Refused superseded", "fence-2"},
		"password wrong":     {func(s *scene) { s.Infinispan.SetCredentials(b, "another-password") }, nil, "Misconfigured bad-credentials", "site-b"},
		"push runs":          {func(s *scene) { s.Infinispan.SetPush(a, b, "sessions", "SENDING") }, nil, "Refused being-handled", "sessions"},
		"push the other way": {func(s *scene) { s.Infinispan.SetPush(b, a, "sessions", "SENDING") }, nil, "Refused being-handled", "site-b sends state to site-a"},
		"old push ended":     {func(s *scene) { s.Infinispan.SetPush(a, b, "sessions", "OK") }, nil, "", ""},
		"other caches at site-b": {func(s *scene) {
			s.Infinispan.Inject(b, double.Fault{On: double.CacheList, Do: double.AnswerBody(200, `["sessions"]`)})
		}, nil, "Refused backup-unknown", "[actionTokens sessions]"},
		"a cache's name climbs": {func(s *scene) {
			s.Infinispan.Inject(b, double.Fault{On: double.CacheList, Do: double.AnswerBody(200, `["sessions",".."]`)})
		}, nil, "Misconfigured bad-input", `".."`},
		"a cache not up yet": {func(s *scene) { s.Infinispan.Inject(b, double.Fault{On: double.CacheXSite, Do: double.Answer(404)}) }, nil, "Transient reporter-unreachable", "404"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fenced(t)
			if tc.prepare != nil {
				tc.prepare(s)
			}
			in := s.in(contract.ActionCheck)
			if tc.change != nil {
				tc.change(&in)
			}
			_, err := s.h.Handle(t.Context(), in)
			if typed(err) != tc.want || err != nil && !strings.Contains(err.Error(), tc.words) {
				t.Errorf("got %q (%v), want %q with %q", typed(err), err, tc.want, tc.words)
			}
			if got := s.changes(); len(got) > 0 {
				t.Errorf("a check changed %v", got)
			}
		})
	}
}

// TestCheckOfTheSecond: of two restores the one that was started later gives up.
func TestCheckOfTheSecond(t *testing.T) {
	s := fenced(t)
	s.States.Run("kc-restore", "restore-1-2", "RUNNING")
	in := s.in(contract.ActionCheck)
	in.Execution = "restore-1-2"
	if _, err := s.h.Handle(t.Context(), in); typed(err) != "Refused being-handled" || !strings.Contains(err.Error(), "restore-1-1") {
		t.Error(err)
	}
}

// TestCheckNamesAll: what fails is all named, what holds is not.
func TestCheckNamesAll(t *testing.T) {
	s := fenced(t)
	s.Infinispan.CutBetween(a, b)
	s.States.Run("kc-guard", "some-event", "RUNNING")
	in := s.in(contract.ActionCheck)
	in.KeycloakStopped = false
	_, err := s.h.Handle(t.Context(), in)
	if !strings.HasPrefix(typed(err), "Refused ") {
		t.Fatal(err)
	}
	for _, words := range []string{"the sites see each other? No: not-seen", "nothing else is at work? No: being-handled", "Keycloak is stopped? No: not-confirmed"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q is not in %q", words, err)
		}
	}
	if strings.Contains(err.Error(), "site is fenced?") {
		t.Errorf("a condition that holds is named: %v", err)
	}
}
