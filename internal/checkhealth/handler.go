// Package checkhealth looks at the accelerator and at the sites' Infinispan and
// decides whether a site must be fenced. It changes nothing.
package checkhealth

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/metric"
	"github.com/sitefence/sitefence/internal/pause"
	"github.com/sitefence/sitefence/internal/wiring"
)

// Cluster is the part of a site's Infinispan that a check reads.
type Cluster interface {
	Sees(context.Context) ([]contract.Site, error)
	Backup(context.Context, contract.Site) (infinispan.Status, error)
}

// Handler looks at the world and decides. It is read only, and safe for
// concurrent use.
type Handler struct {
	Deployment  config.Deployment
	Accelerator interface {
		Read(context.Context) (accelerator.State, error)
	}
	// Rejoining is what else is read for a rejoin.
	Rejoining interface {
		Owners(context.Context, []contract.Endpoint) (map[string]accelerator.Owner, error)
		Deployed(context.Context) (bool, error)
	}
	Clusters map[contract.Site]Cluster // the sites that have an Infinispan
	Pauses   Pauses                    // nil: never paused
	Log      *slog.Logger
	Now      func() time.Time
}

// New builds the handler over one deployment's clients.
func New(function wiring.Function) (Handler, error) {
	clients, err := function.Clusters()
	if err != nil {
		return Handler{}, err
	}
	clusters := map[contract.Site]Cluster{}
	for site, client := range clients {
		clusters[site] = client
	}
	h := Handler{
		Deployment: function.Deployment, Accelerator: function.Reader(), Rejoining: function.Reader(), Clusters: clusters,
		Log: lambdacontext.NewLogger(), Now: time.Now,
	}
	if pauses, ok := pause.FromEnvironment(function.AWS()); ok {
		h.Pauses = pauses
	}
	return h, nil
}

// Handle is one CheckHealth. Its errors are exactly the contract's three.
func (h Handler) Handle(ctx context.Context, in contract.CheckInput) (contract.Check, error) {
	check, err := h.check(ctx, in)
	log := h.Log.With("deployment", in.Deployment, "reporter", in.Reporter, "site", in.Site,
		"execution", in.Execution, "fingerprint", in.Alert.Fingerprint)
	if err != nil {
		log.ErrorContext(ctx, "cannot decide", "reason", contract.ReasonOf(err), "error", err)
		return contract.Check{}, contract.Edge(err)
	}
	if len(check.PassedOver) > 0 {
		log = log.With("passedOver", check.PassedOver)
	}
	if check.Reason == contract.Paused {
		metric.Count(ctx, log, lambdacontext.FunctionName, metric.PausedReports, 1, "paused")
	}
	log.InfoContext(ctx, "decided", "decision", check.Decision, "reason", check.Reason, "evidence", check.Evidence,
		"record", check.Record)
	return check, nil
}

func (h Handler) check(ctx context.Context, in contract.CheckInput) (contract.Check, error) {
	if err := h.Deployment.Accept(in.Event); err != nil {
		return contract.Check{}, err
	}
	if in.Operation == contract.OperationRejoin {
		return h.checkRejoin(ctx, in)
	}
	started := h.Now()
	facts, err := h.look(ctx, in, started)
	if err != nil {
		return contract.Check{}, err
	}
	verdict, err := Judge(facts)
	if err != nil {
		return contract.Check{}, err
	}
	return contract.Check{
		Version: contract.Version, Deployment: in.Deployment, Reporter: in.Reporter, Site: in.Site,
		Decision: verdict.Decision, Reason: verdict.Reason,
		PassedOver: verdict.PassedOver, Yield: int(verdict.Yield.Seconds()),
		Present: facts.State.Present(in.Site), Record: facts.State.Record(in.Site),
		Evidence: h.evidence(facts), CheckedAt: started,
	}, nil
}

// look reads everything side by side: the accelerator, and of each cluster its
// sites view and, at the reporter, the backup's status. Both are always read:
// credentials that one of them refuses must be found before anything is written.
func (h Handler) look(ctx context.Context, in contract.CheckInput, now time.Time) (Facts, error) {
	facts := Facts{Reporter: in.Reporter, Site: in.Site, AlertAge: now.Sub(in.ReceivedAt), Begun: in.Begun,
		Orders: Orders{DryRun: in.DryRun, Forced: in.Forced, Preferred: h.Deployment.Preferred, Delay: h.Deployment.PreferenceDelay}}
	var group errgroup.Group
	group.Go(func() error { facts.Pause = h.paused(ctx, now); return nil })
	group.Go(func() (err error) {
		facts.State, err = h.Accelerator.Read(ctx)
		return err
	})
	if cluster, ok := h.Clusters[in.Reporter]; ok {
		facts.Asked = &Answer{From: in.Reporter}
		var seesErr, backupErr error
		var both errgroup.Group
		both.Go(func() error { facts.Asked.Sees, seesErr = cluster.Sees(ctx); return nil })
		both.Go(func() error { facts.Asked.Backup, backupErr = cluster.Backup(ctx, in.Site); return nil })
		group.Go(func() error {
			_ = both.Wait()
			facts.Asked.Trouble = errors.Join(seesErr, backupErr)
			return nil
		})
	}
	facts.Witnesses = make([]Answer, 0, len(h.Deployment.Sites))
	for _, s := range h.Deployment.Sites {
		cluster, ok := h.Clusters[s.Name]
		if !ok || s.Name == in.Reporter || s.Name == in.Site {
			continue
		}
		facts.Witnesses = append(facts.Witnesses, Answer{From: s.Name})
		witness := &facts.Witnesses[len(facts.Witnesses)-1]
		group.Go(func() error {
			witness.Sees, witness.Trouble = cluster.Sees(ctx)
			return nil
		})
	}
	return facts, group.Wait()
}

func (h Handler) evidence(f Facts) contract.Evidence {
	ev := contract.Evidence{Sites: map[contract.Site]contract.SiteEvidence{}, Unattributed: f.State.Unattributed(), Pause: f.Pause}
	for _, s := range h.Deployment.Sites {
		ev.Sites[s.Name] = f.State.Evidence(s.Name)
	}
	var trouble error
	if f.Asked == nil {
		ev.Backup = string(infinispan.None)
	} else {
		ev.Sees, ev.Backup, trouble = f.Asked.Sees, string(f.Asked.Backup), f.Asked.Trouble
	}
	for _, w := range f.Witnesses {
		trouble = errors.Join(trouble, w.Trouble)
	}
	if trouble != nil {
		ev.Trouble = trouble.Error()
	}
	return ev
}

func misconfigured(err error) bool {
	_, ok := errors.AsType[*contract.Misconfigured](err)
	return ok
}
