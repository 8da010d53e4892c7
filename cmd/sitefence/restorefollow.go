package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/follow"
	"github.com/sitefence/sitefence/internal/history"
	"github.com/sitefence/sitefence/internal/restoring"
	"github.com/sitefence/sitefence/internal/screen"
)

// usual is how long a phase takes; the guard's part comes after.
var usual = map[contract.Phase]string{
	contract.PhaseSync: "under a minute", contract.PhaseRejoin: "as long as Keycloak takes to start", contract.PhaseUndo: "a few seconds",
}

// start starts the restore machine and follows it to its end.
func (r *restore) start(ctx context.Context, name string, in contract.RestoreInput) (history.Execution, error) {
	arn, err := restoring.Start(ctx, r.states, r.deployment.Restore, name, in)
	if err != nil {
		return history.Execution{}, err
	}
	r.answer.Execution, r.answer.Phase, r.answer.Survivor, r.answer.Site = name, in.Phase, in.Reporter, in.Site
	if err := r.say("Started %s (%s).", name, in.Phase); err != nil {
		return history.Execution{}, err
	}
	show := newTeller(r.screen, usual[in.Phase])
	found := map[string]bool{}
	e, err := follow.Execution(ctx, r.states, arn, func(event history.Event) {
		show.event(event)
		r.note(event, show, found)
	})
	show.end()
	if err != nil {
		return e, fmt.Errorf("not following any more: %w. %s goes on by itself: see `sitefence restore --status%s`, stop it with `sitefence restore --abort%s`", err, name, r.flags, r.flags)
	}
	r.answer.Outcome, r.answer.Error, r.answer.Cause, r.answer.Links = e.Kind(), e.Error, e.Cause, e.Out().Links
	return e, nil
}

// note shows what a step has found, each finding once.
func (r *restore) note(event history.Event, show *teller, found map[string]bool) {
	if event.Kind != history.Left {
		return
	}
	var out contract.Resync
	if json.Unmarshal([]byte(event.Output), &out) != nil {
		return
	}
	if len(out.Checks) > 0 {
		r.answer.Findings = out.Checks
	}
	for _, c := range out.Checks {
		if line := finding(c); !found[line] {
			found[line] = true
			show.lines(line)
		}
	}
	if out.Push != nil {
		r.answer.Push = out.Push
		show.show("transferring %s", bar(*out.Push))
	}
}

func finding(c contract.Finding) string {
	mark := "ok"
	if !c.OK {
		mark = "NO"
	}
	return fmt.Sprintf("  %s  %s: %s", mark, c.What, c.Text)
}

const barWidth = 20

// bar is how far a transfer is, in caches.
func bar(p contract.Push) string {
	full := 0
	if p.Total > 0 {
		full = barWidth * min(p.OK, p.Total) / p.Total
	}
	return fmt.Sprintf("[%s%s] %d of %d caches", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), p.OK, p.Total)
}

// end wants an execution to have ended like that; else its cause says what state
// it left and what comes next.
func (r *restore) end(e history.Execution, want history.Kind) error {
	if e.Kind() == want {
		return nil
	}
	return refusef("%s: %s", e.Name, r.next(e))
}

// next is where a closed execution has left things, and what to do.
func (r *restore) next(e history.Execution) string {
	site := e.In().Site
	switch e.Kind() {
	case history.InSync:
		return fmt.Sprintf("waits for Keycloak: start it at %s, then: sitefence restore --site %s --continue %s%s", site, site, e.Name, r.flags)
	case history.Undone:
		return fmt.Sprintf("undone: %s serves alone again. Start again with: sitefence restore --site %s%s", e.In().Reporter, site, r.flags)
	case history.RejoinStarted:
		return "has asked the guard for its turn"
	}
	if e.Cause != "" {
		return strings.TrimSpace(e.Error + ": " + history.Said(e.Cause))
	}
	return fmt.Sprintf("it was stopped (%s). If it had begun to transfer, %s may replicate to %s: sitefence restore --abort%s takes that back; then start again", e.Status, e.In().Reporter, site, r.flags)
}

// status shows the newest restore and what it waits for.
func (r *restore) status(ctx context.Context) error {
	if len(r.scene.restores) == 0 {
		if r.screen.JSON {
			return r.screen.Encode(r.answer)
		}
		return r.screen.Line("There was no restore of %s within 90 days.", r.deployment.Name)
	}
	e, err := history.Describe(ctx, r.states, r.scene.restores[0].ARN)
	if err != nil {
		return err
	}
	in := e.In()
	a := &r.answer
	a.Execution, a.Phase, a.Survivor, a.Site, a.Outcome = e.Name, in.Phase, in.Reporter, in.Site, e.Kind()
	a.Error, a.Cause, a.Links, a.Endpoints = e.Error, e.Cause, e.Out().Links, in.Endpoints
	events, err := history.Events(ctx, r.states, e.ARN, 0)
	if err != nil {
		return err
	}
	for _, event := range events {
		if event.Kind == history.Entered {
			a.State = event.State
		}
		r.note(event, &teller{screen: &screen.Screen{JSON: true}}, map[string]bool{})
	}
	if err := r.say("%s (%s): %s from %s, by %s, begun %s.", e.Name, in.Phase, in.Site, in.Reporter, orderer(in.Event), clock(e.Started)); err != nil {
		return err
	}
	switch {
	case !e.Closed():
		a.Next = wording(a.State)
		if a.Push != nil && in.Phase == contract.PhaseSync {
			a.Next += " " + bar(*a.Push)
		}
	case e.Kind() == history.RejoinStarted && history.IsARN(e.Out().Guard):
		return r.statusOfRejoin(ctx, e)
	default:
		a.Next = r.next(e)
	}
	return r.say("  %s", a.Next)
}

// statusOfRejoin reads the guard and its fence as they are now.
func (r *restore) statusOfRejoin(ctx context.Context, e history.Execution) error {
	g, err := history.Describe(ctx, r.states, e.Out().Guard)
	if err != nil {
		return err
	}
	i := history.Incident{Guard: &g}
	if arn := g.Out().Fence; history.IsARN(arn) {
		f, err := history.Describe(ctx, r.states, arn)
		if err != nil {
			return err
		}
		i.Fence = &f
	}
	r.guard(i)
	switch last := i.Last(); {
	case i.Kind() == history.Rejoined:
		return r.say("  rejoined (%s): %s serves again.", last.Name, e.In().Site)
	case !last.Closed():
		r.answer.Next = "wait: " + last.Name + " is putting it back"
		return r.say("  %s is putting it back: follow it with `sitefence status --watch%s`.", last.Name, r.flags)
	default:
		r.answer.Next = fmt.Sprintf("mend what the cause names, then: sitefence restore --site %s --continue%s", e.In().Site, r.flags)
		return r.say("  %s ended %s: %s. Next: %s", last.Name, i.Kind(), orElse(history.Said(last.Cause), string(last.Out().Reason)), r.answer.Next)
	}
}

func orderer(e contract.Event) string {
	if e.Order == nil {
		return "nobody"
	}
	return e.Order.By
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// abort stops what runs and undoes what it did.
func (r *restore) abort(ctx context.Context) error {
	in, running, err := restoring.Undo(ctx, r.states, r.deployment.Guard, r.scene.restores, r.scene.fences, time.Now())
	if err != nil {
		return err
	}
	if in == nil {
		if r.screen.JSON {
			return r.screen.Encode(r.answer)
		}
		return r.screen.Line("There is nothing to undo.")
	}
	if running != "" {
		if _, err := r.states.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &running,
			Error: aws.String("Aborted"), Cause: aws.String("Stopped by sitefence restore --abort; what it did is undone by the next attempt.")}); err != nil {
			return fmt.Errorf("stopping %s: %w", running, err)
		}
		if _, err := follow.Execution(ctx, r.states, running, nil); err != nil {
			return err
		}
		if err := r.say("Stopped %s.", running[strings.LastIndexByte(running, ':')+1:]); err != nil {
			return err
		}
		if r.scene, err = r.opened.scene(ctx); err != nil {
			return err
		}
		// It may have asked for its turn in its last moment.
		if in, _, err = restoring.Undo(ctx, r.states, r.deployment.Guard, r.scene.restores, r.scene.fences, time.Now()); err != nil {
			return err
		}
		if in == nil {
			r.answer.Execution, r.answer.Outcome = running[strings.LastIndexByte(running, ':')+1:], history.KindFailed
			r.answer.Next = "Nothing was changed, so there is nothing to undo."
			return r.say("It had changed nothing.")
		}
	}
	name, err := restoring.Name(in.Since, r.scene.restores)
	if err != nil {
		return err
	}
	e, err := r.start(ctx, name, *in)
	if err != nil {
		return err
	}
	if err := r.end(e, history.Undone); err != nil {
		return err
	}
	r.answer.Next = r.next(e)
	return r.say("%s is %s", name, r.answer.Next)
}
