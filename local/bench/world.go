package bench

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/balancers"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/lambdaruntime"
)

const (
	deployment   = "keycloak"
	siteA, siteB = contract.Site("site-a"), contract.Site("site-b")
	user         = "alertmanager"
	password     = "webhook-password"    //nolint:gosec // of a fake
	clusterPass  = "infinispan-password" //nolint:gosec // of a double
	busName      = "sitefence"
	pauseName    = "/sitefence/bench/keycloak/pause"
	machineARN   = "arn:aws:states:" + lambdaruntime.Region + ":" + lambdaruntime.AccountID + ":stateMachine:" + deployment
)

// World is what surrounds the functions of one deployment of two sites, with one
// listener and one endpoint group, as Keycloak's guide sets it up.
type World struct {
	Line   *Line
	Bus    *awsfake.EventBridge // of the fence that is under way
	States *awsfake.States
	Heal   bool // the sites see each other after all

	config      config.Deployment
	accelerator *ga.Fake
	first       ga.State
	double      *infinispan.Double
	services    map[string]*Service
	roots       string // file
	trip        atomic.Int64
	restingTrip time.Duration
}

// The services by the name that the SDK gives their endpoint's variable.
const (
	serviceBus     = "EVENTBRIDGE"
	serviceStates  = "SFN"
	serviceSecrets = "SECRETS_MANAGER"
	serviceSSM     = "SSM"
	serviceAcc     = "GLOBAL_ACCELERATOR"
	serviceELB     = "ELASTIC_LOAD_BALANCING_V2"
)

// NewWorld starts it; Close it.
func NewWorld(dir string, trip time.Duration) (*World, error) {
	w := &World{Line: &Line{}, accelerator: ga.New(ga.Options{NewEndpointHealth: ga.Healthy}), services: map[string]*Service{}, restingTrip: trip}
	w.trip.Store(int64(trip))
	theirs, err := newChain(rsaKey, 1)
	if err != nil {
		return nil, err
	}
	ours, err := newChain(curveKey, 0)
	if err != nil {
		return nil, err
	}
	if w.roots, err = trust(dir, theirs.root); err != nil {
		return nil, err
	}
	if err := w.serve(theirs.server, ours.server); err != nil {
		w.Close()
		return nil, err
	}
	accelerator, err := w.accelerator.Build(deployment, ga.NewListener(443, ga.NewGroup(lambdaruntime.Region, ga.NewEndpoint(balancer(siteA)), ga.NewEndpoint(balancer(siteB)))))
	if err != nil {
		w.Close()
		return nil, err
	}
	w.first = w.accelerator.Snapshot()
	w.config = config.Deployment{Name: deployment, Accelerator: config.Accelerator{ARN: accelerator.ARN, DNSNames: []string{accelerator.DNSName}}}
	for _, site := range []contract.Site{siteA, siteB} {
		w.config.Sites = append(w.config.Sites, config.Site{Name: site, Infinispan: &config.Infinispan{
			URL: w.services[string(site)].URL, User: "admin", PasswordSecret: "secret-of-" + string(site), CA: string(ours.root)}})
	}
	return w, nil
}

func balancer(site contract.Site) string {
	return balancers.ARN(lambdaruntime.Region, "lb-"+string(site))
}

func (w *World) serve(theirs, ours tls.Certificate) error {
	var err error
	sites := []string{string(siteA), string(siteB)}
	if w.double, err = infinispan.NewDouble(infinispan.Options{Sites: sites, User: "admin", Password: clusterPass}); err != nil {
		return err
	}
	secrets, parameters, elb := &awsfake.SecretsManager{}, &awsfake.Parameters{}, balancers.Unserved()
	parameters.Set(pauseName, "{}")
	secrets.Set("webhook", password)
	handlers := map[string]http.Handler{serviceBus: nil, serviceStates: nil, serviceSecrets: secrets, serviceSSM: parameters, serviceAcc: w.accelerator, serviceELB: elb}
	for _, site := range sites {
		elb.Put(balancer(contract.Site(site)), map[string]string{"site": site})
		secrets.Set("secret-of-"+site, clusterPass)
		handlers[site] = w.double.Handler(site)
	}
	for _, name := range slices.Sorted(maps.Keys(handlers)) {
		cert := theirs
		if slices.Contains(sites, name) {
			cert = ours
		}
		if w.services[name], err = Serve(name, handlers[name], cert, w.Line, &w.trip); err != nil {
			return err
		}
	}
	return nil
}

// Reset makes the world one in which the link has just been lost: both sites
// serve, neither sees the other, nothing was ever fenced.
func (w *World) Reset() {
	w.accelerator.Edit("as at first", func(s *ga.State) { *s = w.first })
	w.double.Reset()
	if !w.Heal {
		w.double.CutBetween(string(siteA), string(siteB))
	}
	w.Bus, w.States = &awsfake.EventBridge{}, &awsfake.States{}
	w.services[serviceBus].Put(w.Bus)
	w.services[serviceStates].Put(w.States)
	w.Line.Take()
}

// Near makes calls take no time until Far.
func (w *World) Near() { w.trip.Store(int64(time.Millisecond)) }

// Far undoes Near.
func (w *World) Far() { w.trip.Store(int64(w.restingTrip)) }

// Fenced reports whether the fence did what it is for.
func (w *World) Fenced() error {
	if in := w.accelerator.Snapshot().Holding(balancer(siteB)); len(in) > 0 {
		return fmt.Errorf("%s is still in the accelerator", siteB)
	}
	if in := w.accelerator.Snapshot().Holding(balancer(siteA)); len(in) != 1 {
		return fmt.Errorf("%s is in %d endpoint groups, want 1", siteA, len(in))
	}
	if status := w.double.Status(string(siteA), string(siteB)); status != infinispan.Offline {
		return fmt.Errorf("replication to %s is %s", siteB, status)
	}
	return nil
}

// Environment is that of a function, beside what Lambda sets itself.
func (w *World) Environment(name string) []string {
	env := []string{
		"SSL_CERT_FILE=" + w.roots, "SSL_CERT_DIR=" + os.DevNull, // as awsenv.ReadRoots has it in Lambda's image
		"AWS_ENDPOINT_URL=https://127.0.0.1:1", // nothing else is to be asked
	}
	for _, service := range []string{serviceBus, serviceStates, serviceSecrets, serviceSSM, serviceAcc, serviceELB} {
		env = append(env, "AWS_ENDPOINT_URL_"+service+"="+w.services[service].URL)
	}
	if name == ingest {
		return append(env, config.EnvBus+"="+busName, config.EnvWebhookSecret+"=webhook")
	}
	return append(env, config.EnvPauseParameter+"="+pauseName, config.EnvFenceMachine+"="+machineARN+"-fence",
		config.EnvGuardMachine+"="+machineARN+"-guard", config.EnvRestoreMachine+"="+machineARN+"-restore")
}

// File is the configuration that is deployed beside a function.
func (w *World) File(name string) any {
	switch name {
	case ingest:
		part := config.IngestDeployment{Name: deployment, DNSNames: w.config.Accelerator.DNSNames, Sites: []contract.Site{siteA, siteB}}
		return config.IngestFile{User: user, Deployments: []config.IngestDeployment{part}}
	case "inspect":
		return config.InspectFile{Deployment: w.config, WebhookUser: user}
	}
	return w.config
}

// Close ends all services.
func (w *World) Close() {
	for _, s := range w.services {
		if s != nil {
			s.Close()
		}
	}
	if w.double != nil {
		w.double.Close()
	}
	_ = w.accelerator.Close()
}

func authorization() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
