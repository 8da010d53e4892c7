// Package simulation runs one deployment of Sitefence in this process, under a
// test that decides what happens next: the handlers over the SDK's real clients
// as the functions wire them, the machines as their files say, and stateful
// fakes of everything around. Every outside call stops at a gate until the test
// lets it go, with a fault or without. After each call that changes something
// the invariants I1 to I6, I8 and I9 are checked against the world as it really is.
//
// It must run in a bubble of testing/synctest: time passes only when everything
// waits for it, so that real timeouts and hours of retries cost nothing.
package simulation

import (
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/checkhealth"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/generation"
	client "github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/takeoffline"
	"github.com/sitefence/sitefence/internal/updateaccelerator"
	"github.com/sitefence/sitefence/internal/wiring"
	"github.com/sitefence/sitefence/local/asl"
	"github.com/sitefence/sitefence/local/balancers"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/statemachine"
)

const deployment = "kc"

// Password is the sites' Infinispan password; it must be seen nowhere.
const Password = "simulated-infinispan-password" //nolint:gosec // of a double

// Machines are the parsed state machines. They are not safe for concurrent use.
type Machines struct{ guard, fence, restore *asl.Definition }

// ReadMachines parses the files.
func ReadMachines() (Machines, error) {
	resources := map[string]string{"FenceMachineArn": fenceMachine, "BusName": "bus", "CheckHealthFunctionArn": CheckHealth,
		"UpdateAcceleratorFunctionArn": UpdateAccelerator, "TakeOfflineFunctionArn": TakeOffline,
		"GuardMachineArn": guardMachine, "ResyncFunctionArn": Resync}
	with := func(names map[string]string) map[string]string {
		maps.Copy(names, resources)
		return names
	}
	guard, err := asl.Parse(statemachine.Guard, with(statemachine.GuardNames(deployment, config.DefaultGuardLimits)))
	if err != nil {
		return Machines{}, err
	}
	fence, err := asl.Parse(statemachine.Fence, with(statemachine.FenceNames(deployment, config.DefaultFenceLimits)))
	if err != nil {
		return Machines{}, err
	}
	restore, err := asl.Parse(statemachine.Restore, resources)
	return Machines{guard, fence, restore}, err
}

// Options are what a world is made of.
type Options struct {
	Machines   Machines
	Infinispan *infinispan.Double // of the sites; it is reset
	Stateless  []contract.Site    // of them, those that are configured without
	Listeners  []ga.Listener
	// Tags are the load balancers that exist, by ARN.
	Tags map[string]map[string]string
	// Listed are load balancers that the configuration names, by site.
	Listed map[contract.Site][]string
	// Direct answers reads without a wire, for speed.
	Direct bool
	// Retries leaves the SDK's own retries of reads on.
	Retries bool
	// Switch gives the deployment a pause parameter; without it checks read none.
	Switch bool
	// Restores gives the deployment the resync function, which takes Environment.
	Restores bool
	// Preferred is the site that goes on when both could, and Delay how long a
	// report against it waits.
	Preferred contract.Site
	Delay     time.Duration
	Seed      uint64
	Log       io.Writer // of the functions; may be nil
}

// World is one deployment with all that surrounds it. Only the goroutine that
// made it may use it.
type World struct {
	Accelerator *ga.Fake
	Infinispan  *infinispan.Double
	Secrets     *awsfake.SecretsManager
	Parameters  *awsfake.Parameters
	Config      config.Deployment
	Runs        []*Run
	Events      []string        // detail types on the bus
	Taken       map[string]bool // names that StartExecution refuses though nothing shows them
	// Lags says that a list or a description does not show this run's last
	// change yet; nil: they never lag.
	Lags func(*Run) bool
	// Started, if any, is called when an execution has started.
	Started func(*Run)
	// Past are the names of fence executions that have ended before, newest first.
	Past []string
	// Reserved is whether the writer has reserved concurrency 1.
	Reserved bool

	balancers   *balancers.Fake
	tags        map[string]map[string]string
	first       map[string]map[string]string // tags
	unreachable map[contract.Site]bool
	definitions Machines
	steps       map[string]step
	random      func() float64
	running     sync.WaitGroup
	violations  []string
	pausedUntil time.Time
	kept        map[string]map[string]string // see Keep

	mu          sync.Mutex
	parked      []*Call
	invocations []*Invocation
}

// New makes a world in which nothing happens yet.
func New(opt Options) (*World, error) {
	w := &World{Accelerator: ga.New(ga.Options{NewEndpointHealth: ga.Healthy}), Infinispan: opt.Infinispan, Secrets: &awsfake.SecretsManager{}, Parameters: &awsfake.Parameters{},
		Taken: map[string]bool{}, Reserved: true, balancers: balancers.Unserved(), tags: map[string]map[string]string{},
		unreachable: map[contract.Site]bool{}, definitions: opt.Machines,
		random: rand.New(rand.NewPCG(opt.Seed, 1)).Float64} //nolint:gosec // a seed of the test's
	w.Infinispan.Reset()
	w.first = opt.Tags
	for arn, tags := range opt.Tags {
		w.Tag(arn, tags)
	}
	accelerator, err := w.Accelerator.Build(deployment, opt.Listeners...)
	if err != nil {
		return nil, err
	}
	w.Config = config.Deployment{Name: deployment, Accelerator: config.Accelerator{ARN: accelerator.ARN, DNSNames: []string{accelerator.DNSName}},
		Preferred: opt.Preferred, PreferenceDelay: opt.Delay}
	for _, s := range w.Infinispan.Sites() {
		site := config.Site{Name: contract.Site(s.Name), LoadBalancerARNs: opt.Listed[contract.Site(s.Name)]}
		if !slices.Contains(opt.Stateless, site.Name) {
			site.Infinispan = &config.Infinispan{URL: "https://" + s.Name + ".example.com", User: s.User, PasswordSecret: "secret-of-" + s.Name}
			w.Secrets.Set("secret-of-"+s.Name, s.Password)
		}
		w.Config.Sites = append(w.Config.Sites, site)
	}
	return w, w.wire(opt)
}

// wire builds the handlers as the functions do.
func (w *World) wire(opt Options) error {
	cfg := aws.Config{Region: "eu-west-1", HTTPClient: awsGate{w},
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	cfg.Retryer = func() aws.Retryer { return retry.NewStandard(withoutJitter) }
	if !opt.Retries {
		cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	}
	if opt.Log == nil {
		opt.Log = io.Discard
	}
	log := slog.New(slog.NewJSONHandler(opt.Log, nil))
	function := wiring.With(w.Config, cfg)
	check, err := checkhealth.New(function)
	if err != nil {
		return err
	}
	update, err := updateaccelerator.New(function)
	if err != nil {
		return err
	}
	offline, err := takeoffline.New(function)
	if err != nil {
		return err
	}
	for site, cluster := range check.Clusters {
		check.Clusters[site] = cluster.(*client.Client).Through(siteGate{w, site})
	}
	for site, cluster := range update.Clusters {
		update.Clusters[site] = cluster.(*client.Client).Through(siteGate{w, site})
	}
	for site, cluster := range offline.Clusters {
		offline.Clusters[site] = cluster.(*client.Client).Through(siteGate{w, site})
	}
	if opt.Direct {
		reader := accelerator.Reader{Accelerator: direct{w}, Balancers: direct{w}, Deployment: w.Config}
		check.Accelerator, update.Accelerator, offline.Accelerator = reader, reader, reader
		check.Rejoining, update.Owners = reader, reader
		newest := generation.Guard{Executions: direct{w}, Machine: fenceMachine}
		update.Generation, offline.Generation = newest, newest
	}
	if opt.Switch {
		w.Resume()
		check.Pauses = w.pauses(cfg, opt.Direct)
	}
	check.Log, update.Log, offline.Log = log, log, log
	w.steps = map[string]step{CheckHealth: stepOf(check), UpdateAccelerator: stepOf(update), TakeOffline: stepOf(offline)}
	if opt.Restores {
		syncing, err := w.wireRestore(function)
		if err != nil {
			return err
		}
		syncing.Log = log
		w.steps[Resync] = stepOf(syncing)
	}
	return nil
}

// withoutJitter waits as long as the SDK does on average, so that a seed decides
// everything.
func withoutJitter(o *retry.StandardOptions) {
	o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
		return 400 * time.Millisecond << min(attempt, 5), nil
	})
}

// Tag makes a load balancer exist with these tags, or, if nil, be gone.
func (w *World) Tag(arn string, tags map[string]string) {
	w.tags[arn] = tags
	if tags == nil {
		w.balancers.Delete(arn)
		w.Accelerator.MarkGone(arn)
		return
	}
	w.balancers.Put(arn, tags)
}

// Reach makes a site's Infinispan reachable from AWS, or not.
func (w *World) Reach(site contract.Site, reachable bool) { w.unreachable[site] = !reachable }

// Parked are the calls at the gate, in an order that does not depend on chance.
func (w *World) Parked() []*Call {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := slices.Clone(w.parked)
	slices.SortStableFunc(calls, func(a, b *Call) int { return strings.Compare(a.order(), b.order()) })
	return calls
}

// Release lets a call go, and returns when everything waits again.
func (w *World) Release(c *Call, fault Fault) {
	w.mu.Lock()
	w.parked = slices.DeleteFunc(w.parked, func(o *Call) bool { return o == c })
	w.mu.Unlock()
	c.verdict <- fault
	synctest.Wait()
	if fault == KilledBefore || fault == KilledAfter {
		w.kill(c.By)
		synctest.Wait()
	}
}

// Violations are the laws that were broken so far.
func (w *World) Violations() []string { return w.violations }

// Close ends all that is under way, and waits for it.
func (w *World) Close() {
	for _, inv := range w.alive() {
		w.kill(inv)
	}
	w.running.Wait()
	time.Sleep(time.Minute) // the load of a secret goes on without its caller for a while
	_ = w.Accelerator.Close()
}

// Busy reports whether a run or a function is still under way.
func (w *World) Busy() bool {
	return len(w.alive()) > 0 || slices.ContainsFunc(w.Runs, func(r *Run) bool { return r.Status == asl.Running })
}
