// Package takeoffline stops the surviving site's Infinispan from replicating to
// a site that is out of the accelerator, and proves it (invariant I2).
package takeoffline

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/generation"
	"github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/wiring"
)

// Cluster is the part of a site's Infinispan that stops replication.
type Cluster interface {
	Looking
	Prepare(context.Context) error
	Connect(ctx context.Context, calls int)
	TakeOffline(ctx context.Context, backup contract.Site) (caches []string, err error)
}

// Handler stops the reporter's replication towards a site that is out of the
// accelerator. It is idempotent and safe for concurrent use.
type Handler struct {
	Deployment  config.Deployment
	Accelerator interface {
		Read(context.Context) (accelerator.State, error)
	}
	Clusters   map[contract.Site]Cluster // the sites that have an Infinispan
	Generation interface {
		Newest(ctx context.Context, execution string) error
	}
	Log *slog.Logger
}

// New builds the handler over one deployment's clients.
func New(function wiring.Function) (Handler, error) {
	newest, err := generation.FromEnvironment(function.AWS())
	if err != nil {
		return Handler{}, err
	}
	clients, err := function.Clusters()
	if err != nil {
		return Handler{}, err
	}
	clusters := map[contract.Site]Cluster{}
	for site, client := range clients {
		clusters[site] = client
	}
	return Handler{
		Deployment: function.Deployment, Accelerator: function.Reader(), Clusters: clusters,
		Generation: newest, Log: lambdacontext.NewLogger(),
	}, nil
}

// Handle is one TakeOffline. Its errors are exactly the contract's three.
func (h Handler) Handle(ctx context.Context, in contract.ActInput) (contract.Offline, error) {
	log := h.Log.With("deployment", in.Deployment, "reporter", in.Reporter, "site", in.Site,
		"execution", in.Execution, "fingerprint", in.Alert.Fingerprint)
	if in.DryRun || in.Decision == contract.Rehearse {
		look := func(ctx context.Context) (accelerator.State, error) { return h.look(ctx, in.Execution, nil) }
		return rehearse(ctx, log, h.Deployment, look, h.Clusters[in.Reporter], in)
	}
	offline, err := h.takeOffline(ctx, in)
	if err != nil {
		log.ErrorContext(ctx, "replication not taken offline", "reason", contract.ReasonOf(err), "error", err)
		return contract.Offline{}, contract.Edge(err)
	}
	log.InfoContext(ctx, "replication is offline", "backup", offline.Backup, "caches", offline.Caches, "record", in.Record)
	return offline, nil
}

func (h Handler) takeOffline(ctx context.Context, in contract.ActInput) (contract.Offline, error) {
	if err := accept(h.Deployment, in); err != nil {
		return contract.Offline{}, err
	}
	cluster, ok := h.Clusters[in.Reporter]
	state, err := h.look(ctx, in.Execution, cluster)
	if err != nil {
		return contract.Offline{}, err
	}
	if err := Permit(state, in); err != nil {
		return contract.Offline{}, err
	}
	if !ok {
		// The fence of a stateless site ends with the accelerator.
		return contract.Offline{Version: contract.Version, Backup: string(infinispan.None), Caches: []string{}}, served(state, in)
	}
	caches, err := cluster.TakeOffline(ctx, in.Site)
	if err != nil {
		return contract.Offline{}, err
	}
	// Nothing keeps an operator from putting the site back between the look and
	// the call. It cannot be prevented on AWS, but somebody must be told.
	if state, err = h.Accelerator.Read(ctx); err != nil {
		return contract.Offline{}, err
	}
	if state.Present(in.Site) {
		return contract.Offline{}, contract.RefusedF(contract.SitePresent,
			"replication to %s is offline, but somebody put it back into the accelerator at the same moment; "+
				"take its endpoints out again, then redrive this execution", in.Site)
	}
	return contract.Offline{Version: contract.Version, Backup: string(infinispan.Offline), Caches: caches}, served(state, in)
}

// accept refuses input that is not this function's.
func accept(d config.Deployment, in contract.ActInput) error {
	if err := in.Validate(); err != nil {
		return contract.MisconfiguredF(contract.BadInput, "step input: %v", err)
	}
	return d.Accept(in.Event)
}

// served is the last proof of I1: in every listener that lost an endpoint of
// the site the reporter must be in service. The writer proves it too, unless
// the answer to its write was lost. It comes after replication was taken
// offline, which helps the listeners that are well, and it pages.
func served(s accelerator.State, in contract.ActInput) error {
	for _, l := range s.Listeners {
		lost := slices.ContainsFunc(in.Record, func(e contract.Endpoint) bool { return e.Listener == l.ARN })
		if lost && !l.InService(in.Reporter) {
			return contract.RefusedF(contract.WentDark,
				"replication is offline, but %s has no endpoint of %s in service any more: somebody changed it at the same moment; "+
					"put an endpoint in service there by hand now, then redrive this execution", l.ARN, in.Reporter)
		}
	}
	return nil
}

// look reads all that the permission rests on. The password is read beside it, and
// the connections of the order and of its proof are opened: what comes after the
// look must be sent at once, since the world may change.
func (h Handler) look(ctx context.Context, execution string, cluster Cluster) (accelerator.State, error) {
	var state accelerator.State
	group, gctx := errgroup.WithContext(ctx)
	if cluster != nil {
		group.Go(func() error {
			cluster.Connect(gctx, 2)
			return nil
		})
		group.Go(func() error {
			_ = cluster.Prepare(gctx) // TakeOffline says what is wrong with it
			return nil
		})
	}
	group.Go(func() error { return h.Generation.Newest(gctx, execution) })
	group.Go(func() (err error) {
		state, err = h.Accelerator.Read(gctx)
		return err
	})
	return state, group.Wait()
}

// Permit is invariant I2: replication towards a site is cut only while the site
// is absent from the accelerator and the reporter serves. A load balancer of no
// known site might be the site's. It is excused only if this execution has
// removed the site's endpoints itself and the balancer was there, of no site,
// before: one that came later, or lost its tag meanwhile, may serve the site.
func Permit(s accelerator.State, in contract.ActInput) error {
	if s.Present(in.Site) {
		return contract.RefusedF(contract.SitePresent,
			"%s is in the accelerator, so its replication stays; if it should be fenced, replay the guard execution (New execution, same input)", in.Site)
	}
	if !s.InService(in.Reporter) {
		return contract.RefusedF(contract.ReporterNotInService,
			"%s, which would go on alone, is in service in no listener; put it in service (weight and traffic dial above 0), then redrive this execution", in.Reporter)
	}
	unknown := s.Unattributed()
	if in.Removed {
		unknown = slices.DeleteFunc(unknown, func(id string) bool { return slices.Contains(in.Unattributed, id) })
	}
	if len(unknown) > 0 {
		return contract.RefusedF(contract.UnattributedEndpoint,
			"%s may be an endpoint of %s; tag it with site=<name> or remove it, then replay the guard execution", strings.Join(unknown, ", "), in.Site)
	}
	return nil
}
