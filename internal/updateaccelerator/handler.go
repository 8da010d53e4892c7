// Package updateaccelerator takes a site out of the accelerator, and puts it back
// when it replicates again (invariant I8). It is the only part of Sitefence that
// writes it.
package updateaccelerator

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/generation"
	"github.com/sitefence/sitefence/internal/links"
	"github.com/sitefence/sitefence/internal/wiring"
)

// maxCheckAge bounds the time between the look that decided and a write, so
// that a long retry or a redrive days later never acts on old news (I4).
const maxCheckAge = time.Minute

// maxAlertAge bounds the first write of a fence whose reporter has no
// Infinispan: nothing but the alert speaks for it.
const maxAlertAge = 2 * time.Minute

// Handler removes the site from the accelerator or puts it back. One call at a time per
// deployment: the function has reserved concurrency 1, so that no two
// executions interleave a read and a write.
type Handler struct {
	Deployment  config.Deployment
	Accelerator interface {
		Read(context.Context) (accelerator.State, error)
	}
	// Owners says whose the endpoints of a rejoin are.
	Owners interface {
		Owners(context.Context, []contract.Endpoint) (map[string]accelerator.Owner, error)
	}
	Clusters   map[contract.Site]links.Cluster // the sites that have an Infinispan; a rejoin asks them
	Writer     accelerator.Writing
	Generation interface {
		Newest(ctx context.Context, execution string) error
	}
	Log *slog.Logger
	Now func() time.Time
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
	clusters := map[contract.Site]links.Cluster{}
	for site, client := range clients {
		clusters[site] = client
	}
	return Handler{
		Deployment: function.Deployment, Accelerator: function.Reader(), Owners: function.Reader(), Clusters: clusters, Writer: function.Writer(),
		Generation: newest, Log: lambdacontext.NewLogger(), Now: time.Now,
	}, nil
}

// Handle is one UpdateAccelerator. Its errors are exactly the contract's three.
func (h Handler) Handle(ctx context.Context, in contract.ActInput) (contract.Update, error) {
	if in.Operation == contract.OperationRejoin {
		return h.handleRejoin(ctx, in)
	}
	log := h.Log.With("deployment", in.Deployment, "reporter", in.Reporter, "site", in.Site,
		"execution", in.Execution, "fingerprint", in.Alert.Fingerprint)
	if in.DryRun || in.Decision == contract.Rehearse {
		return rehearse(ctx, log, h.Deployment, h.afresh(in), in)
	}
	removed, err := h.update(ctx, in)
	if err != nil {
		// What was removed before the failure is the record's last trace.
		log.ErrorContext(ctx, "accelerator not updated", "reason", contract.ReasonOf(err), "error", err, "removed", removed)
		if len(removed) > 0 {
			err = fmt.Errorf("%s: %w", contract.RemovedSome, err)
		}
		return contract.Update{}, contract.Edge(err)
	}
	log.InfoContext(ctx, "accelerator updated", "removed", removed)
	return contract.Update{Version: contract.Version, Removed: removed}, nil
}

func (h Handler) update(ctx context.Context, in contract.ActInput) ([]contract.Endpoint, error) {
	if err := accept(h.Deployment, in, contract.Fence); err != nil {
		return nil, err
	}
	reporter, _ := h.Deployment.Find(in.Reporter)
	look := func(ctx context.Context) (accelerator.State, error) { return h.look(ctx, in, reporter) }
	return accelerator.Remove(ctx, look, h.Writer, in.Site, in.Reporter)
}

// accept refuses input that is not this function's.
func accept(d config.Deployment, in contract.ActInput, decision contract.Decision) error {
	if err := in.Validate(); err != nil {
		return contract.MisconfiguredF(contract.BadInput, "step input: %v", err)
	}
	if err := d.Accept(in.Event); err != nil {
		return err
	}
	if in.Decision != decision {
		return contract.MisconfiguredF(contract.BadInput, "decision: got %.40q, want %q", in.Decision, decision)
	}
	return nil
}

// look is the read before every write, and all the conditions that the write
// rests on beside the accelerator itself.
func (h Handler) look(ctx context.Context, in contract.ActInput, reporter config.Site) (accelerator.State, error) {
	var state accelerator.State
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error { return h.Generation.Newest(gctx, in.Execution) })
	group.Go(func() (err error) {
		state, err = h.Accelerator.Read(gctx)
		return err
	})
	if err := group.Wait(); err != nil {
		return accelerator.State{}, err
	}
	return state, fresh(in, reporter, h.Now())
}

// fresh refuses to act on old news. It is asked after the reads, which may have
// taken long themselves.
func fresh(in contract.ActInput, reporter config.Site, now time.Time) error {
	if err := young(in, now); err != nil {
		return err
	}
	if age := now.Sub(in.ReceivedAt); reporter.Infinispan == nil && age.Abs() > maxAlertAge && !in.Removed {
		return contract.RefusedF(contract.AlertTooOld,
			"the alert was received %s ago and %s has no Infinispan to ask whether it still holds; "+
				"if the site is still down the next alert will fence it, or start the guard with this input and receivedAt set to now",
			age.Round(time.Second), in.Reporter)
	}
	return nil
}
