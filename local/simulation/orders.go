package simulation

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/pause"
	"github.com/sitefence/sitefence/local/asl"
)

// switchName is the pause parameter's name.
const switchName = "/sitefence/simulation/kc/pause"

const getParameter = "GetParameter"

// order is an event as ingest or an operator makes it now.
func order(reporter, site contract.Site, change func(*contract.Event)) contract.Event {
	now := time.Now().UTC()
	e := contract.Event{Version: contract.Version, Deployment: deployment, Accelerator: "a.example.com",
		Reporter: reporter, Site: site, ReceivedAt: now,
		Alert: contract.Alert{Fingerprint: "0123456789abcdef", StartsAt: now, GroupKey: "x"}}
	change(&e)
	return e
}

// Drill starts a guard with a rehearsal: as Alert, and nothing is to be changed.
func (w *World) Drill(reporter, site contract.Site) *Run {
	return w.startGuard(order(reporter, site, func(e *contract.Event) { e.DryRun = true }))
}

// Force starts a guard by an operator's order: the site goes, seen or not.
func (w *World) Force(reporter, site contract.Site) *Run {
	return w.startGuard(order(reporter, site, func(e *contract.Event) {
		e.Forced, e.Order, e.Alert = true, &contract.Order{By: "an operator", Reason: "maintenance"}, contract.Alert{}
	}))
}

// Pause pauses the deployment for so long, at most a day. The world must have a
// switch.
func (w *World) Pause(length time.Duration) {
	now := time.Now().UTC()
	data, err := json.Marshal(contract.Pause{Reason: "maintenance", By: "an operator", Since: now, Until: now.Add(length)})
	if err != nil {
		panic(err)
	}
	w.Parameters.Set(switchName, string(data))
	w.pausedUntil = now.Add(length)
}

// Resume ends the pause.
func (w *World) Resume() {
	w.Parameters.Set(switchName, "{}")
	w.pausedUntil = time.Time{}
}

// BreakSwitch leaves something in the parameter that is no pause, whatever was
// meant by it.
func (w *World) BreakSwitch(value string) {
	w.Parameters.Set(switchName, value)
	w.pausedUntil = time.Time{}
}

// pauses is the switch as a check reads it.
func (w *World) pauses(cfg aws.Config, straight bool) pause.Reader {
	if straight {
		return pause.Reader{Parameters: direct{w}, Name: switchName}
	}
	client := ssm.NewFromConfig(cfg, func(o *ssm.Options) { o.Retryer = aws.NopRetryer{} })
	return pause.Reader{Parameters: client, Name: switchName}
}

// GetParameter implements pause.Parameters.
func (d direct) GetParameter(ctx context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	return read(ctx, d.w, getParameter, *in.Name, func() (*ssm.GetParameterOutput, error) {
		by, _ := ctx.Value(invocationKey{}).(*Invocation)
		d.w.noteSwitch(by)
		return &ssm.GetParameterOutput{Parameter: &ssmtypes.Parameter{Value: aws.String(d.w.Parameters.Value(switchName))}}, nil
	})
}

// noteSwitch is called when a check was truly told what the switch says.
func (w *World) noteSwitch(by *Invocation) {
	by.Run.held = time.Now().Before(w.pausedUntil) && !by.begun && !by.input.Forced
}

// noteCheck is called when a check begins: what an earlier one was told of the
// switch counts no more.
func (w *World) noteCheck(inv *Invocation, raw []byte) {
	if inv.Function != CheckHealth {
		return
	}
	var in contract.CheckInput
	_ = json.Unmarshal(raw, &in)
	inv.begun, inv.Run.held = in.Begun, false
}

// IsDrill reports whether the run is a rehearsal's, by the input that it was
// started with.
func (r *Run) IsDrill() bool {
	input, _ := r.Input.(map[string]any)
	dry, _ := input["dryRun"].(bool)
	return dry
}

// judgeOrders is called after a write of the accelerator and before replication is
// taken offline: a dry run changes nothing, and while the deployment is paused
// nothing is begun.
func (w *World) judgeOrders(c *Call) {
	run := c.By.Run
	if run.IsDrill() {
		w.violate("a dry run changes something: %s", c)
	}
	if run.held && c.Operation != takeOffline && !run.wrote {
		w.violate("%s writes for the first time, and its check was told that the deployment is paused", c)
	}
}

// judgeOrdersEnd is a part of judgeEnd.
func (w *World) judgeOrdersEnd(run *Run, outcome string) {
	if run.Status != asl.Succeeded {
		return
	}
	if outcome == "Fenced" && run.IsDrill() || outcome == "Rehearsed" && !run.IsDrill() {
		w.violate("%s (dry run: %t) ended %s", run.Name, run.IsDrill(), outcome)
	}
}
