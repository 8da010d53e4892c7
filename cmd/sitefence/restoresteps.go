package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/history"
	"github.com/sitefence/sitefence/internal/restoring"
)

// restore is one run of the command.
type restore struct {
	opened
	asker  asker
	scene  scene
	began  time.Time
	answer restoreAnswer
}

// fromTheStart synchronises, asks for Keycloak's start, and goes on.
func (r *restore) fromTheStart(ctx context.Context, f *restoreFlags) error {
	since := restoring.Newest(r.scene.fences)
	name, err := restoring.Name(since, r.scene.restores)
	if err != nil {
		return err
	}
	wish, stateless, err := r.plan(ctx, f)
	if err != nil {
		return err
	}
	if err := r.tellPlan(wish, stateless); err != nil {
		return err
	}
	if !wish.KeycloakStopped && !stateless {
		question := fmt.Sprintf("The caches of %s will be emptied and filled from %s. Nothing may write there: stop Keycloak at %s now.", wish.Site, wish.Survivor, wish.Site)
		if err := r.asker.typed(ctx, question, "stopped", "--keycloak-stopped"); err != nil {
			return err
		}
		wish.KeycloakStopped = true
	}
	if wish.Order, err = r.by(ctx, f, wish.Site); err != nil {
		return err
	}
	phase := contract.PhaseSync
	if stateless {
		phase = contract.PhaseRejoin // there is no data to bring over
	}
	in, err := wish.Input(phase, since, time.Now())
	if err != nil {
		return err
	}
	e, err := r.start(ctx, name, in)
	if err != nil {
		return err
	}
	if stateless {
		return r.rejoin(ctx, e)
	}
	if err := r.end(e, history.InSync); err != nil {
		return err
	}
	if err := r.say("%s is in sync with %s: replication is online in both directions, proven by reading.", in.Site, in.Reporter); err != nil {
		return err
	}
	later := fmt.Sprintf("sitefence restore --site %s --continue %s%s", in.Site, name, r.flags)
	if !r.asker.terminal || r.screen.JSON {
		r.answer.Next = fmt.Sprintf("Start Keycloak at %s, then: %s", in.Site, later)
		return r.say("%s", r.answer.Next)
	}
	if err := r.asker.typed(ctx, fmt.Sprintf("Start Keycloak at %s now. (Later: %s)", in.Site, later), "started", "--continue"); err != nil {
		return fmt.Errorf("%w; %s stays in sync and out of the accelerator until you go on: %s", err, in.Site, later)
	}
	if r.scene, err = r.opened.scene(ctx); err != nil {
		return err
	}
	return r.goOn(ctx, &restoreFlags{site: f.site, resume: name})
}

// goOn rejoins after a synchronisation.
func (r *restore) goOn(ctx context.Context, f *restoreFlags) error {
	after := f.resume
	if after == newest {
		after = ""
	}
	in, err := restoring.Continue(ctx, r.states, r.scene.restores, r.scene.fences, after, time.Now())
	if err != nil {
		return err
	}
	if f.site != "" && string(in.Site) != f.site {
		return usagef("--site: got %.60q, but that restore is of %s", f.site, in.Site)
	}
	name, err := restoring.Name(in.Since, r.scene.restores)
	if err != nil {
		return err
	}
	e, err := r.start(ctx, name, in)
	if err != nil {
		return err
	}
	return r.rejoin(ctx, e)
}

// rejoin follows what the restore machine has handed to the guard.
func (r *restore) rejoin(ctx context.Context, e history.Execution) error {
	if err := r.end(e, history.RejoinStarted); err != nil {
		return err
	}
	guard := e.Out().Guard
	if !history.IsARN(guard) {
		return fmt.Errorf("%s asked for a turn, and its output does not name the guard execution: see `sitefence status%s`", e.Name, r.flags)
	}
	i, err := r.followOrder(ctx, guard, "two to five minutes")
	if err != nil {
		return err
	}
	r.guard(i)
	if i.Kind() != history.Rejoined {
		last := i.Last()
		return refusef("%s is not back: %s %s %s", e.In().Site, i.Kind(), last.Out().Reason, orElse(history.Said(last.Cause), fmt.Sprintf("Nothing was put back; see `sitefence status%s`, then `sitefence restore --continue%s`.", r.flags, r.flags)))
	}
	for _, p := range i.Last().Out().Endpoints {
		if err := r.say("  back in the accelerator: %s (weight %d)", p.Endpoint, p.Weight); err != nil {
			return err
		}
	}
	return r.say("%s serves again (%s). Redundancy is back.", e.In().Site, i.Last().Name)
}

func (r *restore) guard(i history.Incident) {
	last := i.Last()
	r.answer.Outcome, r.answer.Error, r.answer.Cause = i.Kind(), last.Error, last.Cause
	if i.Guard != nil {
		r.answer.Guard = i.Guard.Name
	}
	if i.Fence != nil {
		r.answer.Fence = i.Fence.Name
	}
	if i.Kind() == history.Rejoined {
		r.answer.Next = "Nothing: redundancy is back."
	}
}

func (r *restore) by(ctx context.Context, f *restoreFlags, site contract.Site) (contract.Order, error) {
	by, err := r.who(ctx, f.by)
	reason := f.reason
	if reason == "" {
		reason = "restore of " + string(site)
	}
	return contract.Order{By: by, Reason: reason}, err
}

func (r *restore) tellPlan(w restoring.Wish, stateless bool) error {
	lines := []string{fmt.Sprintf("Restore of %s in %s; %s serves alone.", w.Site, w.Deployment, w.Survivor)}
	for _, p := range w.Endpoints {
		lines = append(lines, fmt.Sprintf("  to go back: %s (weight %d, client IP preservation %v) into %s", p.Endpoint, p.Weight, p.ClientIPPreservation, p.Group))
	}
	if stateless {
		lines = append(lines, "  There is no Infinispan here, so no data to bring over.")
	}
	for _, l := range lines {
		if err := r.say("%s", strings.TrimRight(l, " ")); err != nil {
			return err
		}
	}
	return nil
}
