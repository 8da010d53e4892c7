// Package inspect reads all there is to see of a deployment, so that the
// operator's own computer needs neither Infinispan's password nor a way to it.
// It changes nothing. What cannot be read leaves a problem in its place and
// costs nothing else: an inspection is wanted most when much is broken.
package inspect

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
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
	Describer   Describer
	Targets     target.Client
	Clusters    map[contract.Site]Cluster // the sites that have an Infinispan
	Pauses      Pauses                    // nil: this stack has no pause parameter
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
	clusters := map[contract.Site]Cluster{}
	for site, client := range clients {
		clusters[site] = client
	}
	h := Handler{
		Deployment: function.Deployment, Accelerator: function.Reader(), Describer: function.Accelerators(),
		Targets: function.Targets(), Clusters: clusters, WebhookUser: webhookUser,
		Log: lambdacontext.NewLogger(), Now: time.Now,
	}
	if pauses, ok := function.Pauses(); ok {
		h.Pauses = pauses
	}
	return h, nil
}

// Handle is one inspection. Its only error is Misconfigured, for bad input.
func (h Handler) Handle(ctx context.Context, in contract.InspectInput) (contract.Inspection, error) {
	log := h.Log.With("deployment", h.Deployment.Name, "release", release.Version)
	if err := h.accept(in); err != nil {
		log.ErrorContext(ctx, "cannot inspect", "reason", contract.ReasonOf(err), "error", err)
		return contract.Inspection{}, contract.Edge(err)
	}
	found := h.inspect(ctx)
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

// inspect reads everything side by side: the accelerator and then the targets
// behind what it holds, each cluster, and the pause.
func (h Handler) inspect(ctx context.Context) contract.Inspection {
	found := contract.Inspection{
		Version: contract.Version, Deployment: h.Deployment.Name, Release: release.Version,
		InspectedAt: h.Now().UTC(), WebhookUser: h.WebhookUser,
		Accelerator: contract.AcceleratorState{
			ARN: h.Deployment.Accelerator.ARN, Configured: h.Deployment.Accelerator.DNSNames, DNSNames: []string{},
		},
		Sites: make([]contract.SiteState, len(h.Deployment.Sites)),
	}
	var all errgroup.Group // no read's failure ends another
	read := func(what func(context.Context)) {
		all.Go(func() error {
			ctx, cancel := context.WithTimeoutCause(ctx, readTime, fmt.Errorf("no answer within %s", readTime))
			defer cancel()
			what(ctx)
			return nil
		})
	}
	for i, site := range h.Deployment.Sites {
		found.Sites[i] = contract.SiteState{Name: site.Name, Endpoints: []contract.Endpoint{}}
		if cluster, ok := h.Clusters[site.Name]; ok {
			state := &contract.ClusterState{Verified: !site.Infinispan.InsecureSkipVerify}
			found.Sites[i].Infinispan = state
			readCluster(read, cluster, state)
		}
	}
	var held, described error
	read(func(ctx context.Context) { described = h.describe(ctx, &found.Accelerator) })
	read(func(ctx context.Context) { held = h.hold(ctx, &found) })
	if h.Pauses != nil {
		read(func(ctx context.Context) {
			pause, err := h.Pauses.Read(ctx, h.Now())
			found.Pause = pause
			if p := contract.ProblemOf(err); p != nil {
				found.PauseProblem = p.Text
			}
		})
	}
	_ = all.Wait()
	// What the accelerator holds matters more than how it calls itself.
	if found.Accelerator.Problem = contract.ProblemOf(held); held == nil {
		found.Accelerator.Problem = contract.ProblemOf(described)
	}
	return found
}

// readCluster reads what one cluster says, each part for itself: the view needs
// no ADMIN, the backups do.
func readCluster(read func(func(context.Context)), cluster Cluster, state *contract.ClusterState) {
	read(func(ctx context.Context) {
		sees, err := cluster.Sees(ctx)
		state.Sees, state.Problem = sees, contract.ProblemOf(err)
	})
	read(func(ctx context.Context) {
		backups, err := cluster.Backups(ctx)
		state.Backups, state.BackupsProblem = words(backups), contract.ProblemOf(err)
	})
	read(func(ctx context.Context) {
		caches, err := cluster.CacheBackups(ctx)
		state.CachesProblem = contract.ProblemOf(err)
		state.Caches = map[string]map[contract.Site]string{}
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
