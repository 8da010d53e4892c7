// Package world is what surrounds the functions of one deployment, in this
// process: fakes that keep state, spoken to by the real SDK clients as the real
// wiring builds them. Fast tests of handlers use it; the deployed stack is the
// other end of the scale.
package world

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/wiring"
	"github.com/sitefence/sitefence/local/balancers"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
)

// The names in every world.
const (
	Deployment = "kc"
	Region     = "eu-west-1"
	SiteA      = contract.Site("site-a")
	SiteB      = contract.Site("site-b")
	Password   = "infinispan-password"      //nolint:gosec // of a double
	Pause      = "/sitefence/test/kc/pause" // the parameter's name
	Bus        = "test"
	Rule       = "kc-site-offline" // the one rule that is looked after
	machine    = "arn:aws:states:eu-west-1:123456789012:stateMachine:kc-fence"
)

// World is one deployment of two sites whose link is up.
type World struct {
	Accelerator *ga.Fake
	ARN         string // of the accelerator
	Balancers   *balancers.Fake
	Infinispan  *infinispan.Double
	Secrets     *awsfake.SecretsManager
	States      *awsfake.States
	Parameters  *awsfake.Parameters
	Rules       *awsfake.Rules
	Config      config.Deployment
	t           testing.TB
}

// LB is the ARN of a site's load balancer.
func LB(site contract.Site) string { return balancers.ARN(Region, "lb-"+string(site)) }

// New starts a world; both sites are in service in one listener unless others
// are given. It sets the environment, so its tests cannot run in parallel.
func New(t testing.TB, listeners ...ga.Listener) *World {
	t.Helper()
	w := &World{t: t, Accelerator: ga.New(ga.Options{}), Balancers: balancers.New(),
		Secrets: &awsfake.SecretsManager{}, States: &awsfake.States{}, Parameters: &awsfake.Parameters{}, Rules: &awsfake.Rules{}}
	w.Parameters.Set(Pause, "{}")
	w.Rules.Set(Bus, Rule, "ENABLED")
	w.must(w.Accelerator.Start())
	t.Cleanup(func() { _ = w.Accelerator.Close(); w.Balancers.Close() })
	if listeners == nil {
		listeners = []ga.Listener{Both(443)}
	}
	for _, site := range []contract.Site{SiteA, SiteB} {
		w.Balancers.Put(LB(site), map[string]string{"site": string(site)})
	}
	acc, err := w.Accelerator.Build(Deployment, listeners...)
	w.must(err)
	w.ARN = acc.ARN
	w.Infinispan, err = infinispan.NewDouble(infinispan.Options{Sites: []string{string(SiteA), string(SiteB)}, Password: Password})
	w.must(err)
	t.Cleanup(w.Infinispan.Close)
	w.Config = config.Deployment{Name: Deployment, Accelerator: config.Accelerator{ARN: acc.ARN, DNSNames: []string{acc.DNSName}}}
	for _, s := range w.Infinispan.Sites() {
		w.Config.Sites = append(w.Config.Sites, config.Site{Name: contract.Site(s.Name), Infinispan: &config.Infinispan{
			URL: s.URL, User: s.User, PasswordSecret: "secret-of-" + s.Name, CA: string(s.CA)}})
		w.Secrets.Set("secret-of-"+s.Name, s.Password)
	}
	w.environment(t)
	return w
}

// Both is a listener with one group that holds both sites.
func Both(port int32) ga.Listener {
	return ga.NewListener(port, ga.NewGroup(Region, ga.NewEndpoint(LB(SiteA)), ga.NewEndpoint(LB(SiteB))))
}

func (w *World) environment(t testing.TB) {
	serve := func(service http.Handler) string {
		server := httptest.NewServer(service)
		t.Cleanup(server.Close)
		return server.URL
	}
	for name, value := range map[string]string{
		"AWS_REGION": Region, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PROFILE": "", "AWS_SESSION_TOKEN": "",
		"AWS_ENDPOINT_URL":                           "http://127.0.0.1:1", // nothing else is to be asked
		"AWS_ENDPOINT_URL_GLOBAL_ACCELERATOR":        w.Accelerator.URL(),
		"AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2": w.Balancers.URL,
		"AWS_ENDPOINT_URL_SECRETS_MANAGER":           serve(w.Secrets),
		"AWS_ENDPOINT_URL_SFN":                       serve(w.States),
		"AWS_ENDPOINT_URL_SSM":                       serve(w.Parameters),
		"AWS_ENDPOINT_URL_EVENTBRIDGE":               serve(w.Rules),
		config.EnvBus:                                Bus,
		config.EnvRules:                              Rule,
		config.EnvPauseParameter:                     Pause,
		config.EnvFenceMachine:                       machine,
		config.EnvGuardMachine:                       strings.Replace(machine, "-fence", "-guard", 1),
		config.EnvRestoreMachine:                     strings.Replace(machine, "-fence", "-restore", 1),
	} {
		t.Setenv(name, value)
	}
}

// Function is the real wiring over this world.
func (w *World) Function() wiring.Function {
	return wiring.New(w.Config)
}

// Event says that site-a cannot see site-b, received now.
func (w *World) Event() contract.Event {
	now := time.Now().UTC()
	return contract.Event{Version: contract.Version, Deployment: Deployment, Accelerator: w.Config.Accelerator.DNSNames[0],
		Reporter: SiteA, Site: SiteB, ReceivedAt: now,
		Alert: contract.Alert{Fingerprint: "0123456789abcdef", StartsAt: now, GroupKey: "x"}}
}

// Act is the input of an acting step of fence-<n>, checked just now.
func (w *World) Act(n int) contract.ActInput {
	return contract.ActInput{Event: w.Event(), Execution: fmt.Sprintf("fence-%d", n), Decision: contract.Fence,
		CheckedAt: time.Now().UTC(), Record: []contract.Endpoint{}}
}

// Present reports whether a site has an endpoint in the accelerator now.
func (w *World) Present(site contract.Site) bool {
	return len(w.Accelerator.Snapshot().Holding(LB(site))) > 0
}

// Writes is how often the accelerator's API was asked to change something.
func (w *World) Writes() int {
	return w.Accelerator.Calls(ga.UpdateEndpointGroup) + w.Accelerator.Calls(ga.RemoveEndpoints)
}

// Changes lists what a site's Infinispan was asked to change.
func (w *World) Changes(site contract.Site) []string {
	var changes []string
	for _, c := range w.Infinispan.Calls(string(site)) {
		if c.Method != http.MethodGet {
			changes = append(changes, c.Method+" "+strings.TrimPrefix(c.Target, "/rest/v2/container/x-site/"))
		}
	}
	return changes
}

func (w *World) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// Fenced takes site-b out of the accelerator and returns what was taken, as a
// fence records it. Both sites see each other and replicate to each other.
func (w *World) Fenced() []contract.Endpoint {
	w.t.Helper()
	var record []contract.Endpoint
	w.Accelerator.Edit("fenced", func(s *ga.State) {
		for i := range s.Accelerators[0].Listeners {
			l := &s.Accelerators[0].Listeners[i]
			for j := range l.Groups {
				kept := []ga.Endpoint{}
				for _, e := range l.Groups[j].Endpoints {
					if e.ID != LB(SiteB) {
						kept = append(kept, e)
						continue
					}
					record = append(record, contract.Endpoint{Listener: l.ARN, Group: l.Groups[j].ARN, Endpoint: e.ID,
						Weight: e.Weight, ClientIPPreservation: e.PreserveClientIP})
				}
				l.Groups[j].Endpoints = kept
			}
		}
	})
	return record
}

// Rejoin is an operator's order to put the endpoints of site-b back.
func (w *World) Rejoin(endpoints []contract.Endpoint) contract.Event {
	e := w.Event()
	e.Operation, e.Order, e.Endpoints = contract.OperationRejoin, &contract.Order{By: "operator", Reason: "restored"}, endpoints
	return e
}
