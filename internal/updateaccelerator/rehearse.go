package updateaccelerator

import (
	"context"
	"log/slog"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// rehearse answers what an update would remove, and refuses what it would
// refuse. It is no method: there is no writer here that it could use.
func rehearse(ctx context.Context, log *slog.Logger, d config.Deployment, look accelerator.Look, in contract.ActInput) (contract.Update, error) {
	planned, err := plan(ctx, d, look, in)
	if err != nil {
		log.ErrorContext(ctx, "no plan", "reason", contract.ReasonOf(err), "error", err, "dryRun", true)
		return contract.Update{}, contract.Edge(err)
	}
	log.InfoContext(ctx, "planned", "planned", planned, "dryRun", true)
	return contract.Update{Version: contract.Version, Removed: []contract.Endpoint{}, DryRun: true, Planned: planned}, nil
}

func plan(ctx context.Context, d config.Deployment, look accelerator.Look, in contract.ActInput) ([]contract.Endpoint, error) {
	if err := accept(d, in, contract.Rehearse); err != nil {
		return nil, err
	}
	state, err := look(ctx)
	if err != nil {
		return nil, err
	}
	if _, _, err := accelerator.Plan(state, in.Site, in.Reporter); err != nil {
		return nil, err
	}
	return state.Record(in.Site), nil
}

// afresh is the look of a rehearsal: a plan rests on it and not on the check
// before, so that it is never stale.
func (h Handler) afresh(in contract.ActInput) accelerator.Look {
	reporter, _ := h.Deployment.Find(in.Reporter)
	return func(ctx context.Context) (accelerator.State, error) {
		in.CheckedAt = h.Now()
		return h.look(ctx, in, reporter)
	}
}
