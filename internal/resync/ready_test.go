package resync_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sitefence/sitefence/internal/contract"
	double "github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

// synced is a scene after a sync that ended well.
func synced(t *testing.T) *scene {
	t.Helper()
	s := fenced(t)
	s.must(contract.ActionClear, contract.ActionPush, contract.ActionFinish)
	s.Balancers.SetTargets(world.LB(world.SiteB), "unhealthy", "healthy")
	return s
}

func TestReady(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(s *scene)
		want    string
	}{
		"in sync, a healthy target": {func(*scene) {}, ""},
		"offline one way":           {func(s *scene) { s.Infinispan.Switch(a, b, double.Offline) }, "Refused not-replicating"},
		"offline the other":         {func(s *scene) { s.Infinispan.Switch(b, a, double.Mixed) }, "Refused not-replicating"},
		"link down":                 {func(s *scene) { s.Infinispan.CutBetween(a, b) }, "Refused not-seen"},
		"superseded":                {func(s *scene) { s.States.Start("fence-2") }, "Refused superseded"},
		"no healthy target":         {func(s *scene) { s.Balancers.SetTargets(world.LB(world.SiteB), "initial", "unhealthy") }, "Transient not-healthy"},
		"no target":                 {func(s *scene) { s.Balancers.SetTargets(world.LB(world.SiteB)) }, "Transient not-healthy"},
		"load balancer gone":        {func(s *scene) { s.Balancers.Delete(world.LB(world.SiteB)) }, "Misconfigured not-found"},
		"targets unreadable":        {func(s *scene) { s.Balancers.Refuse(world.Region, "Throttling") }, "Transient unavailable"},
		"may not read the targets":  {func(s *scene) { s.Balancers.Refuse(world.Region, "AccessDenied") }, "Misconfigured access-denied"},
		"back in the accelerator":   {func(s *scene) { s.endpoint(world.SiteB) }, ""}, // the rejoin says so
		"not in sync, not healthy": {func(s *scene) {
			s.Infinispan.Switch(a, b, double.Offline)
			s.Balancers.SetTargets(world.LB(world.SiteB))
		}, "Refused not-replicating"},
		"survivor's Infinispan away": {func(s *scene) { s.Infinispan.StopListening(a) }, "Transient reporter-unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			s := synced(t)
			s.Infinispan.ForgetCalls()
			tc.prepare(s)
			s.want(contract.ActionReady, tc.want)
			if got := s.changes(); len(got) > 0 {
				t.Errorf("it changed %v", got)
			}
		})
	}
}

// TestReadyWithoutTargets: what has no health to be told is a human's to mend.
func TestReadyWithoutTargets(t *testing.T) {
	s := synced(t)
	for name, endpoint := range map[string]string{
		"no load balancer": "eipalloc-0123456789abcdef0", "a Region that is a host": "arn:aws:elasticloadbalancing:evil.example.com/x:123456789012:loadbalancer/net/b/0123456789abcdef",
		"no target group": world.LB("other"),
	} {
		s.Balancers.Put(world.LB("other"), nil)
		in := s.in(contract.ActionReady)
		in.Endpoints[0].Endpoint = endpoint
		if _, err := s.h.Handle(t.Context(), in); typed(err) != "Misconfigured not-found" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestHealthURL: 200 over a verified connection, and nothing else.
func TestHealthURL(t *testing.T) {
	status, asked := 200, 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path != "/health/ready" || r.Header.Get("Authorization") != "" || r.Method != http.MethodGet {
			t.Errorf("%s %s, %v", r.Method, r.URL, r.Header)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	server.Config.ErrorLog = nil
	s := synced(t)
	site := &s.Config.Sites[1]
	site.HealthURL = server.URL + "/health/ready"
	s.Balancers.SetTargets(world.LB(world.SiteB)) // not looked at
	s.build()
	s.want(contract.ActionReady, "Misconfigured untrusted-certificate")
	if asked > 0 {
		t.Error("it was asked over a connection that is not verified")
	}
	site.Infinispan.CA += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	s.build()
	for status = range map[int]bool{200: true, 204: false, 302: false, 401: false, 503: false} {
		want := "Transient not-healthy"
		if status == 200 {
			want = ""
		}
		if _, err := s.do(contract.ActionReady); typed(err) != want {
			t.Errorf("%d: got %v, want %q", status, err, want)
		}
	}
	server.Close()
	s.want(contract.ActionReady, "Transient not-healthy")
}

// TestHealthURLWithCASecret: its certificate is verified against the CA that the
// secret holds, through the real wiring.
func TestHealthURLWithCASecret(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	s := synced(t)
	site := &s.Config.Sites[1]
	site.HealthURL = server.URL + "/health/ready"
	both := site.Infinispan.CA + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	site.Infinispan.CA, site.Infinispan.CASecret = "", "keycloak/ca"
	s.Secrets.Set("keycloak/ca", both)
	s.build()
	s.want(contract.ActionReady, "Transient not-healthy") // verified, and answers 404
	s.Secrets.Set("keycloak/ca", "no certificate")
	s.build()
	s.want(contract.ActionReady, "Misconfigured secret-unusable")
}
