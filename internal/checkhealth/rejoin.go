package checkhealth

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/links"
)

// RejoinFacts are all that the decision about a rejoin rests on.
type RejoinFacts struct {
	Deployment config.Deployment
	Reporter   contract.Site // the survivor
	Site       contract.Site // comes back
	Endpoints  []contract.Endpoint
	State      accelerator.State
	Owners     map[string]accelerator.Owner // of the endpoints
	Links      []links.Link
	// Deployed says that the accelerator has no change under way; read once begun.
	Deployed bool
	// Begun says that this execution may have put something back already.
	Begun bool
}

// DecideRejoin says whether the site's endpoints may go back, or what became of
// it. It is a function of the facts alone. The sites' links come before all that
// is left to do, so that a site which has just come back and is cut off again
// stops the rejoin at once and makes way for the fence. A pause is for fences:
// who starts a rejoin is the one who would pause.
func DecideRejoin(f RejoinFacts) (contract.Decision, contract.Reason, error) {
	if err := accelerator.CheckEndpoints(f.Deployment.Accelerator.ARN, f.Endpoints); err != nil {
		return "", "", err
	}
	if err := accelerator.CheckOwners(f.Owners, f.Endpoints, f.Site); err != nil {
		return "", "", err
	}
	missing, err := accelerator.Missing(f.State, f.Endpoints)
	if err != nil {
		return "", "", err
	}
	link, err := links.Judge(f.Links, f.Deployment, f.State, f.Reporter, f.Site)
	switch {
	case err != nil:
		return "", "", err
	case link != contract.InSync:
		return contract.Ignore, link, nil
	case len(accelerator.Unserved(f.State, missing, f.Reporter)) > 0:
		return contract.Ignore, contract.ReporterNotInService, nil
	case len(missing) > 0:
		return contract.Rejoin, contract.InSync, nil
	case f.Begun && (!f.Deployed || accelerator.Unready(f.State, f.Endpoints)):
		return contract.Recheck, contract.Deploying, nil
	default:
		return contract.Ignore, contract.AlreadyServing, nil
	}
}

// checkRejoin is check for a rejoin.
func (h Handler) checkRejoin(ctx context.Context, in contract.CheckInput) (contract.Check, error) {
	if err := accelerator.CheckEndpoints(h.Deployment.Accelerator.ARN, in.Endpoints); err != nil {
		return contract.Check{}, err
	}
	started := h.Now()
	facts, err := h.lookRejoin(ctx, in)
	if err != nil {
		return contract.Check{}, err
	}
	decision, reason, err := DecideRejoin(facts)
	if err != nil {
		return contract.Check{}, err
	}
	return contract.Check{
		Version: contract.Version, Deployment: in.Deployment, Reporter: in.Reporter, Site: in.Site,
		Decision: decision, Reason: reason,
		Present: facts.State.Present(in.Site), Record: facts.State.Record(in.Site),
		Evidence: h.rejoinEvidence(facts), CheckedAt: started,
	}, nil
}

// lookRejoin reads everything side by side, as look does for a fence.
func (h Handler) lookRejoin(ctx context.Context, in contract.CheckInput) (RejoinFacts, error) {
	facts := RejoinFacts{Deployment: h.Deployment, Reporter: in.Reporter, Site: in.Site, Endpoints: in.Endpoints, Begun: in.Begun}
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		facts.State, err = h.Accelerator.Read(gctx)
		return err
	})
	group.Go(func() (err error) {
		facts.Owners, err = h.Rejoining.Owners(gctx, in.Endpoints)
		return err
	})
	if in.Begun {
		group.Go(func() (err error) {
			facts.Deployed, err = h.Rejoining.Deployed(gctx)
			return err
		})
	}
	group.Go(func() error {
		facts.Links = links.Read(gctx, h.links(), h.Deployment, in.Site)
		return nil
	})
	return facts, group.Wait()
}

func (h Handler) links() map[contract.Site]links.Cluster {
	all := map[contract.Site]links.Cluster{}
	for site, cluster := range h.Clusters {
		all[site] = cluster
	}
	return all
}

func (h Handler) rejoinEvidence(f RejoinFacts) contract.Evidence {
	ev := contract.Evidence{Sites: map[contract.Site]contract.SiteEvidence{}, Unattributed: f.State.Unattributed()}
	for _, s := range h.Deployment.Sites {
		ev.Sites[s.Name] = f.State.Evidence(s.Name)
	}
	ev.Links, ev.Trouble = links.Evidence(f.Links)
	return ev
}
