package checkhealth

import (
	"slices"
	"time"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
)

// maxAlertAge bounds a fence that nothing but the alert speaks for: a reporter
// without Infinispan cannot be asked whether it still misses the site.
const maxAlertAge = 2 * time.Minute

// Facts are all that a decision rests on.
type Facts struct {
	Reporter contract.Site
	Site     contract.Site
	State    accelerator.State
	// Asked is what the reporter's Infinispan said, nil if it has none.
	Asked *Answer
	// Witnesses are the answers of the deployment's other sites, if any.
	Witnesses []Answer
	AlertAge  time.Duration
	// Begun says that this fence execution may have written already.
	Begun bool
	Orders
}

// Answer is what one site's Infinispan said. Trouble, when set, says why Sees
// and Backup mean nothing; it is one of the contract's errors.
type Answer struct {
	From    contract.Site
	Sees    []contract.Site
	Backup  infinispan.Status
	Trouble error
}

// silent reports that the site has an Infinispan that told nothing.
func (a *Answer) silent() bool { return a != nil && a.Trouble != nil }

func (a *Answer) sees(site contract.Site) bool {
	return a != nil && a.Trouble == nil && slices.Contains(a.Sees, site)
}

// Decide says what is to be done about the site, or fails with Refused or
// Misconfigured. It is a function of the facts alone. The order of the rules
// matters: what the accelerator alone can settle comes first, so that a fenced
// site, whose alerts go on and whose Infinispan may be dead, pages nobody.
func Decide(f Facts) (contract.Decision, contract.Reason, error) {
	present, reporterPresent := f.State.Present(f.Site), f.State.Present(f.Reporter)
	switch {
	case !reporterPresent && f.State.InService(f.Site):
		return contract.Ignore, contract.ReporterAbsent, nil
	case !reporterPresent && !present:
		return "", "", contract.MisconfiguredF(contract.NoSiteAttributable,
			"the accelerator has no endpoint of %s and none of %s; tag each site's load balancers with site=<name> or list them in loadBalancerArns",
			f.Reporter, f.Site)
	}
	if f.Asked != nil && misconfigured(f.Asked.Trouble) {
		return "", "", f.Asked.Trouble
	}
	if present {
		return decidePresent(f)
	}
	return decideAbsent(f)
}

// decidePresent: the site has endpoints in the accelerator, so it may have to go.
func decidePresent(f Facts) (contract.Decision, contract.Reason, error) {
	if f.Asked.sees(f.Site) && !f.overlooksSight() {
		return contract.Recheck, contract.SiteVisible, nil
	}
	if _, _, err := accelerator.Plan(f.State, f.Site, f.Reporter); err != nil {
		return "", "", err
	}
	if f.Asked.silent() {
		return contract.Recheck, contract.ReporterUnreachable, nil
	}
	if f.State.Unhealthy(f.Reporter) {
		return contract.Recheck, contract.ReporterUnhealthy, nil
	}
	for _, w := range f.servingWitnesses() {
		// A witness is asked nothing but whether it sees the site.
		if w.silent() && !f.Forced {
			return contract.Recheck, contract.WitnessUnreachable, nil
		}
		if w.sees(f.Site) && !f.overlooksSight() {
			return contract.Recheck, contract.SiteVisible, nil
		}
	}
	if f.Asked == nil && f.AlertAge.Abs() > maxAlertAge && !f.Begun {
		return "", "", contract.RefusedF(contract.AlertTooOld,
			"the alert was received %s ago and %s has no Infinispan to ask whether it still holds; "+
				"if the site is still down the next alert will fence it, or start the guard with this input and receivedAt set to now", f.AlertAge.Round(time.Second), f.Reporter)
	}
	return contract.Fence, contract.Split, nil
}

// decideAbsent: the site is out of the accelerator; all that may be left is to
// stop replicating to it.
func decideAbsent(f Facts) (contract.Decision, contract.Reason, error) {
	switch {
	case f.Asked == nil:
		return contract.Ignore, contract.AlreadyFenced, nil
	case f.Asked.silent():
		return contract.Recheck, contract.ReporterUnreachable, nil
	case f.Asked.Backup == infinispan.Offline:
		return contract.Ignore, contract.AlreadyFenced, nil
	case f.Asked.sees(f.Site) && !f.overlooksSight():
		// Perhaps an operator is bringing the site back right now.
		return contract.Recheck, contract.SiteVisible, nil
	case len(f.State.Unattributed()) > 0:
		return contract.Recheck, contract.UnattributedEndpoint, nil
	case !f.State.InService(f.Reporter):
		return contract.Recheck, contract.ReporterNotInService, nil
	default:
		return contract.Ensure, contract.FenceLost, nil
	}
}
