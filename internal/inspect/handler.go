// Package inspect reads all there is to see of a deployment, so that the
// operator's own computer needs neither Infinispan's password nor a way to it,
// and says whether it has drifted from what the last fence or restore left. A
// schedule asks it the latter every few minutes.
//
// It changes nothing. What cannot be read leaves a problem in its place and
// costs nothing else: an inspection is wanted most when much is broken.
package inspect

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/drift"
	"github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/pause"
	"github.com/sitefence/sitefence/internal/release"
	"github.com/sitefence/sitefence/internal/target"
	"github.com/sitefence/sitefence/internal/wiring"
)

// readTime bounds every single read, so that what hangs leaves its problem and
// the rest is answered before the function's own time is up.
const readTime = 18 * time.Second

// Cluster is the part of a site's Infinispan that is read.
type Cluster interface {
	Sees(context.Context) ([]contract.Site, error)
	Backups(context.Context) (map[contract.Site]infinispan.Status, error)
	CacheBackups(context.Context) (map[string]map[contract.Site]infinispan.Status, error)
}

// Describer is the part of the Global Accelerator API that is read beside the
// accelerator's State.
type Describer interface {
	DescribeAccelerator(context.Context, *ga.DescribeAcceleratorInput, ...func(*ga.Options)) (*ga.DescribeAcceleratorOutput, error)
}

// Pauses reads the pause parameter: nil when nothing is paused, and an error when
// it cannot be read or is malformed.
type Pauses interface {
	Read(ctx context.Context, now time.Time) (*contract.Pause, error)
}

// Handler looks at one deployment. It is read only, and safe for concurrent use.
type Handler struct {
	Deployment  config.Deployment
	Accelerator interface {
		Read(context.Context) (accelerator.State, error)
	}
	Describer Describer
	Targets   target.Client
	Clusters  map[contract.Site]Cluster // the sites that have an Infinispan
	// Watched are the same for the schedule: they keep their passwords for longer.
	Watched map[contract.Site]Cluster
	Rules   Rules
	Bus     string
	// RuleNames are the rules on the bus that are looked after.
	RuleNames   []string
	Executions  sfn.ListExecutionsAPIClient
	Acting      map[string]string // the ARNs of the machines that change something
	Pauses      Pauses            // nil: this stack has no pause parameter
	WebhookUser string
	Log         *slog.Logger
	Now         func() time.Time
}

// New builds the handler over one deployment's clients.
func New(function wiring.Function, webhookUser string) (Handler, error) {
	clients, err := function.Clusters()
	if err != nil {
		return Handler{}, err
	}
	watched, err := function.WatchedClusters()
	if err != nil {
		return Handler{}, err
	}
	h := Handler{
		Deployment: function.Deployment, Accelerator: function.Reader(), Describer: function.Accelerators(),
		Targets: function.Targets(), Clusters: asClusters(clients), Watched: asClusters(watched), WebhookUser: webhookUser,
		Rules: eventbridge.NewFromConfig(function.AWS()), Bus: os.Getenv(config.EnvBus), RuleNames: ruleNames(), Executions: sfn.NewFromConfig(function.AWS()), Acting: acting(),
		Log: lambdacontext.NewLogger(), Now: time.Now,
	}
	if pauses, ok := pause.FromEnvironment(function.AWS()); ok {
		h.Pauses = pauses
	}
	return h, nil
}

// ruleNames are the rules to look after: none where none is named.
func ruleNames() []string {
	if names := os.Getenv(config.EnvRules); names != "" {
		return strings.Split(names, ",")
	}
	return nil
}

// acting are the ARNs of the machines that change something, by what they do:
// those that the environment names.
func acting() map[string]string {
	all := map[string]string{}
	for machine, name := range map[string]string{"fence": config.EnvFenceMachine, "restore": config.EnvRestoreMachine} {
		if arn := os.Getenv(name); arn != "" {
			all[machine] = arn
		}
	}
	return all
}

func asClusters(clients map[contract.Site]*infinispan.Client) map[contract.Site]Cluster {
	clusters := map[contract.Site]Cluster{}
	for site, client := range clients {
		clusters[site] = client
	}
	return clusters
}

// Handle is one inspection. Its only error is Misconfigured, for bad input.
func (h Handler) Handle(ctx context.Context, in contract.InspectInput) (contract.Inspection, error) {
	log := h.Log.With("deployment", h.Deployment.Name, "release", release.Version)
	if err := h.accept(in); err != nil {
		log.ErrorContext(ctx, "cannot inspect", "reason", contract.ReasonOf(err), "error", err)
		return contract.Inspection{}, contract.Edge(err)
	}
	found := h.inspect(ctx, in)
	if in.Drift {
		h.count(ctx, found)
		return found, nil
	}
	log.InfoContext(ctx, "inspected", "accelerator", found.Accelerator.Problem, "took", h.Now().Sub(found.InspectedAt).String())
	return found, nil
}

func (h Handler) accept(in contract.InspectInput) error {
	if err := in.Validate(); err != nil {
		return contract.MisconfiguredF(contract.BadInput, "input: %v", err)
	}
	if in.Deployment != h.Deployment.Name {
		return contract.MisconfiguredF(contract.BadInput, "input: deployment: got %.60q, want %q", in.Deployment, h.Deployment.Name)
	}
	return nil
}

// reads run side by side; no read's failure ends another.
type reads struct {
	ctx   context.Context //nolint:containedctx // of this one inspection
	group errgroup.Group
}

func (r *reads) read(what func(context.Context)) {
	r.group.Go(func() error {
		ctx, cancel := context.WithTimeoutCause(r.ctx, readTime, fmt.Errorf("no answer within %s", readTime))
		defer cancel()
		what(ctx)
		return nil
	})
}

// inspect reads everything side by side: the accelerator and then the targets
// behind what it holds, each cluster, the rules, what runs, and the pause. The
// schedule's checks leave out what drift is not judged by.
func (h Handler) inspect(ctx context.Context, in contract.InspectInput) contract.Inspection {
	found := h.empty()
	all := &reads{ctx: ctx}
	clusters := h.Clusters
	if in.Drift {
		clusters = h.Watched
	}
	for i, site := range h.Deployment.Sites {
		if cluster, ok := clusters[site.Name]; ok {
			state := &contract.ClusterState{Verified: !site.Infinispan.InsecureSkipVerify}
			found.Sites[i].Infinispan = state
			all.readCluster(cluster, state)
			if !in.Drift {
				all.readCaches(cluster, state)
			}
		}
	}
	var held, described error
	all.read(func(ctx context.Context) { described = h.describe(ctx, &found.Accelerator) })
	all.read(func(ctx context.Context) {
		if held = h.hold(ctx, &found); held == nil && !in.Drift {
			h.countTargets(ctx, found.Sites)
		}
	})
	for i := range found.Rules {
		all.read(func(ctx context.Context) { h.readRule(ctx, &found.Rules[i]) })
	}
	all.read(func(ctx context.Context) { h.readRunning(ctx, &found) })
	if h.Pauses != nil {
		all.read(func(ctx context.Context) {
			var err error
			found.Pause, err = h.Pauses.Read(ctx, h.Now())
			if p := contract.ProblemOf(err); p != nil {
				found.PauseProblem = p.Text
			}
		})
	}
	_ = all.group.Wait()
	// What the accelerator holds matters more than how it calls itself.
	if found.Accelerator.Problem = contract.ProblemOf(held); held == nil {
		found.Accelerator.Problem = contract.ProblemOf(described)
	}
	found.Drift = drift.Judge(found)
	return found
}

// empty is an inspection before anything was read.
func (h Handler) empty() contract.Inspection {
	found := contract.Inspection{
		Version: contract.Version, Deployment: h.Deployment.Name, Release: release.Version,
		InspectedAt: h.Now().UTC(), WebhookUser: h.WebhookUser,
		Accelerator: contract.AcceleratorState{
			ARN: h.Deployment.Accelerator.ARN, Configured: h.Deployment.Accelerator.DNSNames, DNSNames: []string{},
		},
		Sites: make([]contract.SiteState, len(h.Deployment.Sites)),
	}
	for i, site := range h.Deployment.Sites {
		found.Sites[i] = contract.SiteState{Name: site.Name, Endpoints: []contract.Endpoint{}}
	}
	for _, name := range h.RuleNames {
		found.Rules = append(found.Rules, contract.RuleState{Name: name})
	}
	return found
}

// readCluster reads what one cluster says, each part for itself: the view needs
// no ADMIN, the backups do.
func (r *reads) readCluster(cluster Cluster, state *contract.ClusterState) {
	state.Caches = map[string]map[contract.Site]string{}
	r.read(func(ctx context.Context) {
		sees, err := cluster.Sees(ctx)
		state.Sees, state.Problem = sees, contract.ProblemOf(err)
	})
	r.read(func(ctx context.Context) {
		backups, err := cluster.Backups(ctx)
		state.Backups, state.BackupsProblem = words(backups), contract.ProblemOf(err)
	})
}

func (r *reads) readCaches(cluster Cluster, state *contract.ClusterState) {
	r.read(func(ctx context.Context) {
		caches, err := cluster.CacheBackups(ctx)
		state.CachesProblem = contract.ProblemOf(err)
		for cache, backups := range caches {
			state.Caches[cache] = words(backups)
		}
	})
}

func words(statuses map[contract.Site]infinispan.Status) map[contract.Site]string {
	all := map[contract.Site]string{}
	for site, status := range statuses {
		all[site] = string(status)
	}
	return all
}
