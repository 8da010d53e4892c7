// Package resync makes the data of a fenced site equal to the survivor's: each
// call is one step of the restore machine. It guarantees that no cache is cleared
// unless its site is out of the accelerator and replicates to nobody (I9), that
// replication is cut only as a fence may cut it (I2), and that whatever it cannot
// prove it does not do.
//
// Every step looks first and acts on what it has just seen, so each can be
// repeated; none writes the accelerator.
package resync

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/generation"
	"github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/target"
	"github.com/sitefence/sitefence/internal/wiring"
)

// Handler does the steps of one deployment's restores. It is safe for concurrent
// use, but two restores side by side are not: the machine's first check and the
// function's reserved concurrency of 1 keep them apart.
type Handler struct {
	Deployment  config.Deployment
	Accelerator interface {
		Read(context.Context) (accelerator.State, error)
	}
	Clusters   map[contract.Site]*infinispan.Client // the sites that have an Infinispan
	Generation interface {
		Latest(context.Context) (generation.Latest, error)
	}
	Executions sfn.ListExecutionsAPIClient
	Machines   wiring.Machines
	Targets    target.Client
	Log        *slog.Logger
}

// New builds the handler over one deployment's clients.
func New(function wiring.Function) (Handler, error) {
	generations, err := generation.FromEnvironment(function.AWS())
	if err != nil {
		return Handler{}, err
	}
	machines, err := function.Machines()
	if err != nil {
		return Handler{}, err
	}
	clusters, err := function.Clusters()
	if err != nil {
		return Handler{}, err
	}
	return Handler{
		Deployment: function.Deployment, Accelerator: function.Reader(), Clusters: clusters, Generation: generations,
		Executions: sfn.NewFromConfig(function.AWS()), Machines: machines, Targets: function.Targets(), Log: lambdacontext.NewLogger(),
	}, nil
}

// Handle is one step. Its errors are exactly the contract's three.
func (h Handler) Handle(ctx context.Context, in contract.ResyncInput) (contract.Resync, error) {
	log := h.Log.With("deployment", in.Deployment, "reporter", in.Reporter, "site", in.Site,
		"execution", in.Execution, "action", in.Action)
	out, err := h.act(ctx, in)
	if err != nil {
		log.ErrorContext(ctx, "step of a restore not done", "reason", contract.ReasonOf(err), "error", err)
		return contract.Resync{}, contract.Edge(err)
	}
	out.Version, out.Action = contract.Version, in.Action
	log.InfoContext(ctx, "step of a restore done", "checks", out.Checks, "caches", out.Caches, "push", out.Push, "links", out.Links)
	return out, nil
}

func (h Handler) act(ctx context.Context, in contract.ResyncInput) (contract.Resync, error) {
	actions := map[contract.Action]func(context.Context, run) (contract.Resync, error){
		contract.ActionCheck: h.check, contract.ActionClear: h.clear, contract.ActionPush: h.push,
		contract.ActionProgress: h.progress, contract.ActionFinish: h.finish, contract.ActionUndo: h.undo, contract.ActionReady: h.ready,
	}
	if err := in.Validate(); err != nil {
		return contract.Resync{}, contract.MisconfiguredF(contract.BadInput, "step input: %v", err)
	}
	if err := h.Deployment.Accept(in.Event); err != nil {
		return contract.Resync{}, err
	}
	action, ok := actions[in.Action]
	if !ok {
		return contract.Resync{}, contract.MisconfiguredF(contract.BadInput, "step input: action: got %.60q, want one of %v", in.Action, slices.Sorted(maps.Keys(actions)))
	}
	if len(in.Caches) > 0 {
		if err := infinispan.CheckCaches(in.Caches); err != nil {
			return contract.Resync{}, fmt.Errorf("step input: %w", err)
		}
	}
	r := run{ResyncInput: in, survivor: h.Clusters[in.Reporter], fenced: h.Clusters[in.Site]}
	for site := range h.Clusters {
		if site != in.Reporter && site != in.Site {
			r.others = append(r.others, site)
		}
	}
	return action(ctx, r)
}

// run is one step with the two clusters that it is about; nil is a site without
// Infinispan.
type run struct {
	contract.ResyncInput
	survivor, fenced *infinispan.Client
	others           []contract.Site // with an Infinispan too
}

// stateless refuses a sync where there is no data to make equal.
func (r run) stateless() error {
	if r.survivor != nil && r.fenced != nil {
		return nil
	}
	return contract.RefusedF(contract.NothingToSync,
		"%s or %s is configured with `infinispan: none`, so there is nothing to sync; start Keycloak at %s, then go on with the rejoin", r.Reporter, r.Site, r.Site)
}

// named refuses a step that was given no caches.
func (r run) named() error {
	if len(r.Caches) == 0 {
		return contract.MisconfiguredF(contract.BadInput, "step input: caches: got none, want those that clear answered")
	}
	return nil
}

// look is what every acting step rests on, read afresh: no fence came after the
// restore began, and I2's conditions hold. A load balancer of no known site might
// be the fenced site's.
func (h Handler) look(ctx context.Context, r run) error {
	var state accelerator.State
	group, gctx := errgroup.WithContext(ctx)
	for _, cluster := range []*infinispan.Client{r.survivor, r.fenced} {
		if cluster != nil {
			group.Go(func() error {
				_ = cluster.Prepare(gctx) // the call itself says what is wrong with it
				return nil
			})
		}
	}
	group.Go(func() error { return h.newest(gctx, r) })
	group.Go(func() (err error) {
		state, err = h.Accelerator.Read(gctx)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return permit(state, r)
}

func (h Handler) newest(ctx context.Context, r run) error {
	latest, err := h.Generation.Latest(ctx)
	if err != nil {
		return err
	}
	return superseded(latest, r)
}

func superseded(latest generation.Latest, r run) error {
	since, _ := contract.ParseGeneration(r.Since)
	switch {
	case latest.Generation > 0 && since > latest.Generation:
		// No later one would ever be noticed.
		return contract.TransientF(contract.NotProven,
			"since: %s, but the newest that the list shows is %s; name that one", since, latest.Generation)
	case latest.Generation <= since:
		return nil
	}
	return contract.RefusedF(contract.Superseded,
		"superseded: %s came after this restore had begun; look how it ended, then run sitefence restore from the start", latest.Generation)
}

// permit is the accelerator's part of look.
func permit(s accelerator.State, r run) error {
	if s.Present(r.Site) {
		return contract.RefusedF(contract.SitePresent,
			"%s is in the accelerator, so its data and its replication stay as they are; take its endpoints out first if it is to be restored", r.Site)
	}
	if !s.InService(r.Reporter) {
		return contract.RefusedF(contract.ReporterNotInService,
			"%s, whose data would be the only one, is in service in no listener; put it in service (weight and traffic dial above 0) first", r.Reporter)
	}
	// A transfer from one site while another one writes too cannot be made whole.
	for _, site := range r.others {
		if r.Action != contract.ActionUndo && s.Present(site) {
			return contract.RefusedF(contract.NotFenced,
				"%s serves beside %s; with two serving sites the data of a third is brought back by hand, as Infinispan's guide says", site, r.Reporter)
		}
	}
	if unknown := s.Unattributed(); len(unknown) > 0 {
		return contract.RefusedF(contract.UnattributedEndpoint,
			"%s may be an endpoint of %s; tag it with site=<name> or remove it first", strings.Join(unknown, ", "), r.Site)
	}
	return nil
}

// views is whether each of the two sites sees the other.
type views struct{ survivor, fenced bool }

// seen reads both views; each must hold the other site.
func (h Handler) seen(ctx context.Context, r run) error {
	v, err := r.views(ctx)
	if err != nil {
		return err
	}
	return v.both(r)
}

func (r run) views(ctx context.Context) (v views, err error) {
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { v.survivor, err = sees(gctx, r.survivor, r.Site); return err })
	group.Go(func() (err error) { v.fenced, err = sees(gctx, r.fenced, r.Reporter); return err })
	return v, group.Wait()
}

func sees(ctx context.Context, from *infinispan.Client, other contract.Site) (bool, error) {
	view, err := from.Sees(ctx)
	return slices.Contains(view, other), err
}

func (v views) both(r run) error {
	if v.survivor && v.fenced {
		return nil
	}
	say := map[bool]string{true: "sees", false: "does not see"}
	return contract.RefusedF(contract.NotSeen, "%s %s %s, and %s %s %s; mend the link between the sites first",
		r.Reporter, say[v.survivor], r.Site, r.Site, say[v.fenced], r.Reporter)
}

// links are the two directions as they were seen.
func (r run) links(v views, toSite, toSurvivor infinispan.Status) []contract.Link {
	return []contract.Link{
		{From: r.Reporter, To: r.Site, Sees: v.survivor, Backup: string(toSite)},
		{From: r.Site, To: r.Reporter, Sees: v.fenced, Backup: string(toSurvivor)},
	}
}

// fresh is how old a look may be on which a clear rests.
const fresh = 5 * time.Second
