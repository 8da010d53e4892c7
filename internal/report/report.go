// Package report tells one incident from its executions: what happened, when,
// what was removed, and what is to be done next. It claims nothing that the
// executions do not say, and no text of theirs becomes markup: labels and causes
// may come from anyone.
package report

import (
	"context"
	"fmt"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/history"
)

// Report is one incident (or one step of a restore), and its JSON.
type Report struct {
	Kind       history.Kind        `json:"kind"`
	Deployment string              `json:"deployment"`
	Reporter   contract.Site       `json:"reporter,omitempty"`
	Site       contract.Site       `json:"site,omitempty"`
	Reason     contract.Reason     `json:"reason,omitempty"`
	DryRun     bool                `json:"dryRun,omitempty"`
	Forced     bool                `json:"forced,omitempty"`
	Order      *contract.Order     `json:"order,omitempty"`
	When       time.Time           `json:"when"`
	Seconds    float64             `json:"seconds"`
	Summary    string              `json:"summary"`
	Alert      *Alert              `json:"alert,omitempty"` // that was reported; absent when an operator asked
	Changes    Change              `json:"changes"`         // what Endpoints are
	Endpoints  []contract.Endpoint `json:"endpoints"`
	Caches     []string            `json:"caches,omitempty"` // that stopped, or would stop, replicating
	Notes      []string            `json:"notes,omitempty"`  // of a rehearsal: what would have been refused
	Parts      []Part              `json:"parts"`
	Next       []Advice            `json:"next"`
	Error      string              `json:"error,omitempty"`
	Cause      string              `json:"cause,omitempty"`
	Problems   []string            `json:"problems,omitempty"` // what could not be read

	flags string
}

// Alert is what identifies the alert, and when it came.
type Alert struct {
	Fingerprint string    `json:"fingerprint"`
	StartsAt    time.Time `json:"startsAt"`
	ReceivedAt  time.Time `json:"receivedAt"`
}

func (a Alert) text() string {
	return fmt.Sprintf("The alert %s had been firing since %s and was received at %s.", shown(a.Fingerprint), clock(a.StartsAt), clock(a.ReceivedAt))
}

// Change says what became of the endpoints of a report.
type Change string

// The changes.
const (
	Removed      Change = "removed"
	WouldRemove  Change = "would-remove"
	PutBack      Change = "put-back"
	MayBeRemoved Change = "may-be-removed" // the fence did not end well
	NoChange     Change = "none"
)

// Part is one execution of the incident.
type Part struct {
	Role    string    `json:"role"` // guard, fence, restore, rejoin-guard, rejoin
	ARN     string    `json:"execution"`
	Status  string    `json:"status"`
	Started time.Time `json:"started"`
	Stopped time.Time `json:"stopped,omitzero"`
	Moments []Moment  `json:"moments"`
	// In is the state that it is in, or failed in.
	In string `json:"in,omitempty"`

	steps []history.Step
}

// Moment is one visit of a state.
type Moment struct {
	State   string    `json:"state"`
	From    time.Time `json:"from"`
	Seconds float64   `json:"seconds"`
	Text    string    `json:"text,omitempty"` // what came out of it
	Failed  bool      `json:"failed,omitempty"`
}

// Advice is one thing to do: a text and, for some, a command.
type Advice struct {
	Text    string `json:"text"`
	Command string `json:"command,omitempty"`
}

// Options are how a report is read.
type Options struct {
	Deployment string
	// Flags are what the commands in the texts need to reach the same deployment.
	Flags string
	Now   time.Time
}

// Read reads the incident that an execution belongs to: any of its own, or of its
// restore.
func Read(ctx context.Context, client history.Client, e history.Execution, o Options) (Report, error) {
	r := Report{Deployment: o.Deployment, Endpoints: []contract.Endpoint{}, flags: o.Flags}
	problem := func(err error) {
		if err != nil {
			r.Problems = append(r.Problems, err.Error())
		}
	}
	add := func(role string, e *history.Execution) {
		if e == nil {
			return
		}
		events, err := history.Events(ctx, client, e.ARN, 0)
		problem(err)
		r.Parts = append(r.Parts, partOf(role, *e, history.Steps(*e, events), o.Now))
	}
	incident := history.Incident{}
	var decides history.Execution
	switch in := e.In(); {
	case in.Phase != "":
		add("restore", &e)
		decides, r.Kind = e, e.Kind()
		problem(r.addRejoin(ctx, client, e.Out().Guard, add))
	default:
		if in.Guard != "" {
			incident.Fence = &e
		} else {
			incident.Guard = &e
		}
		problem(history.Complete(ctx, client, &incident))
		add("guard", incident.Guard)
		add("fence", incident.Fence)
		decides, r.Kind = incident.Last(), incident.Kind()
		if r.Kind == history.Fenced {
			later, err := history.RejoinAfter(ctx, client, decides)
			problem(err)
			if later != nil {
				add("rejoin", later)
			}
		}
	}
	if ctx.Err() != nil {
		return Report{}, context.Cause(ctx)
	}
	r.tell(decides, o.Now)
	return r, nil
}

// addRejoin adds the guard and the fence execution that a restore started.
func (r *Report) addRejoin(ctx context.Context, client history.Client, guard string, add func(string, *history.Execution)) error {
	if !history.IsARN(guard) {
		return nil
	}
	g, err := history.Describe(ctx, client, guard)
	if err != nil {
		return err
	}
	incident := history.Incident{Guard: &g}
	err = history.Complete(ctx, client, &incident)
	add("rejoin-guard", incident.Guard)
	add("rejoin", incident.Fence)
	return err
}

// tell fills in what the deciding execution says.
func (r *Report) tell(e history.Execution, now time.Time) {
	in, out := e.In(), e.Out()
	r.Reporter, r.Site, r.DryRun, r.Forced, r.Order = in.Reporter, in.Site, in.DryRun, in.Forced, in.Order
	if in.Deployment != "" {
		r.Deployment = in.Deployment
	}
	if in.Order == nil && !in.Alert.StartsAt.IsZero() {
		r.Alert = &Alert{in.Alert.Fingerprint, in.Alert.StartsAt, in.ReceivedAt}
	}
	r.Error, r.Cause = e.Error, e.Cause
	r.When = e.Started
	if len(r.Parts) > 0 {
		r.When = r.Parts[0].Started
	}
	end := now
	if e.Closed() {
		end = e.Stopped
	}
	r.Seconds = max(0, end.Sub(r.When).Seconds())
	r.Reason = history.ReasonOf(e, r.stepsOf(e.ARN))
	r.change(in, out)
	r.Summary, r.Next = r.summary(), r.next(e)
}

// stepsOf are the steps of one of the parts.
func (r *Report) stepsOf(arn string) []history.Step {
	for _, p := range r.Parts {
		if p.ARN == arn {
			return p.steps
		}
	}
	return nil
}

func (r *Report) change(in history.Input, out history.Output) {
	r.Changes = NoChange
	if out.Replication != nil {
		r.Caches, r.Notes = out.Replication.Caches, out.Replication.Notes
	}
	switch {
	case r.Kind == history.Fenced:
		r.Changes, r.Endpoints = Removed, orEmpty(out.Record)
	case r.Kind == history.Rehearsed:
		r.Changes, r.Endpoints = WouldRemove, orEmpty(out.Record)
		if out.Update != nil {
			r.Endpoints = orEmpty(out.Update.Planned)
		}
	case r.Kind == history.Rejoined:
		r.Changes, r.Endpoints = PutBack, orEmpty(out.Endpoints)
	case r.Kind == history.KindFailed && !in.DryRun && in.Operation == "" && r.began():
		r.Changes, r.Endpoints = MayBeRemoved, orEmpty(r.lastRecord())
	}
}

func orEmpty(e []contract.Endpoint) []contract.Endpoint {
	if e == nil {
		return []contract.Endpoint{}
	}
	return e
}
