package checkhealth

import (
	"time"

	"github.com/sitefence/sitefence/internal/contract"
)

// Orders are what people want, beside what an alert says.
type Orders struct {
	DryRun bool // a rehearsal
	Forced bool // a planned failover
	// Pause, if not nil, holds now.
	Pause *contract.Pause
	// Preferred is the site that goes on if both could; "" for none. Delay is how
	// long a report against it waits.
	Preferred contract.Site
	Delay     time.Duration
}

// maxOrderAge bounds a forced fence that has not begun: by then the turn, which a
// guard waits an hour for, has come or never will. A guard execution that is
// replayed or redriven days later must not cut a healthy pair on old news (I4).
// What an alert could have done too needs no order.
const maxOrderAge = 2 * time.Hour

// Verdict is a decision with what the orders made of it.
type Verdict struct {
	Decision   contract.Decision
	Reason     contract.Reason
	PassedOver []contract.Reason
	Yield      time.Duration // 0: none
}

// Judge is Decide under the orders. Its errors are those of Decide: an order is
// never a reason to do what the world forbids.
func Judge(f Facts) (Verdict, error) {
	decision, reason, err := Decide(f)
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{Decision: decision, Reason: reason}
	if decision != contract.Fence && decision != contract.Ensure {
		return v, nil
	}
	v.PassedOver = f.passedOver()
	// A pause holds back the first write only: a site that is gone already is the
	// rest of a fence that has begun, which is finished.
	if decision == contract.Fence && f.Pause != nil && !f.Begun {
		if !f.Forced {
			return Verdict{Decision: contract.Ignore, Reason: contract.Paused}, nil
		}
		v.PassedOver = append(v.PassedOver, contract.Paused)
	}
	if f.Forced && !f.Begun && len(v.PassedOver) > 0 && f.AlertAge.Abs() > maxOrderAge {
		return Verdict{}, contract.RefusedF(contract.AlertTooOld,
			"the order was given %s ago, and nothing asks whether it still holds; if %s is still to be fenced, order it again (sitefence fence)",
			f.AlertAge.Abs().Round(time.Second), f.Site)
	}
	if f.DryRun {
		v.Decision = contract.Rehearse
		return v, nil
	}
	if decision == contract.Fence {
		v.Yield = f.yield()
	}
	return v, nil
}

// overlooksSight says that the order has settled whether the site can be seen:
// in a healthy pair it can.
func (f Facts) overlooksSight() bool { return f.DryRun || f.Forced }

// passedOver are the answers that the orders went over.
func (f Facts) passedOver() []contract.Reason {
	if !f.overlooksSight() {
		return nil
	}
	seen, silent := f.Asked.sees(f.Site), false
	// Witnesses are asked about a site that is there only.
	for _, w := range f.servingWitnesses() {
		seen = seen || w.sees(f.Site)
		silent = silent || w.silent()
	}
	var over []contract.Reason
	if seen {
		over = append(over, contract.SiteVisible)
	}
	if silent {
		over = append(over, contract.WitnessUnreachable)
	}
	return over
}

// servingWitnesses are those that count: a site that is itself out or unhealthy
// must not keep the others from being fenced.
func (f Facts) servingWitnesses() []Answer {
	if !f.State.Present(f.Site) {
		return nil
	}
	var serving []Answer
	for _, w := range f.Witnesses {
		if f.State.InService(w.From) && !f.State.Unhealthy(w.From) {
			serving = append(serving, w)
		}
	}
	return serving
}

// yield is how long a report against the preferred site waits while both could go
// on: in a true split the preferred site's own report is on its way. A site that
// is unhealthy or nowhere in service has no preference.
func (f Facts) yield() time.Duration {
	if f.Site != f.Preferred || f.Begun || f.Forced {
		return 0
	}
	for _, site := range []contract.Site{f.Site, f.Reporter} {
		if !f.State.InService(site) || f.State.Unhealthy(site) {
			return 0
		}
	}
	if f.Asked == nil {
		// The alert alone speaks for it, and must be young still after the wait.
		return max(0, min(f.Delay, maxAlertAge/2-f.AlertAge.Abs()))
	}
	return f.Delay
}
