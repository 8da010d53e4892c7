package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/drilling"
	"github.com/sitefence/sitefence/internal/follow"
	"github.com/sitefence/sitefence/internal/history"
	"github.com/sitefence/sitefence/internal/secret"
)

const drillLong = `Rehearse a fence. An alert that is marked as a drill goes through ingest, the bus,
the guard and the fence machine: everything is read and decided, and the functions
that would write answer with their plan. Nothing is changed.

The webhook's user is the one that was deployed; the password comes from the
stack's secret or standard input, never from an argument.

Exits with 0 if a real alert would have fenced the site, with 1 if not.`

const drillExample = `  # What would happen if site-a reported site-b now?
  sitefence drill --reporter site-a --site site-b

  # Both directions, one after the other; for a monthly timer.
  sitefence drill --both --output json

  # Without the configuration file.
  sitefence drill --reporter site-a --site site-b --user keycloak --password-stdin < webhook-password`

type drillFlags struct {
	target
	about
	both, stdin bool
}

// drillAnswer is what drill prints as JSON.
type drillAnswer struct {
	Deployment string            `json:"deployment"`
	Rehearsals []drilling.Result `json:"rehearsals"`
}

func newDrill() *cobra.Command {
	var f drillFlags
	cmd := &cobra.Command{
		Use: "drill (--reporter SITE --site SITE | --both)", Short: "Rehearse a fence: everything but the writes.",
		Long: drillLong, Example: drillExample, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.target.flags(cmd)
	f.about.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.user, "user", "", "The webhook's user (default: the one that was deployed).")
	flags.BoolVar(&f.both, "both", false, "Rehearse the other direction too.")
	flags.BoolVar(&f.stdin, "password-stdin", false, "Read the webhook's password from standard input instead of the stack's secret.")
	return cmd
}

func (f *drillFlags) run(cmd *cobra.Command) error {
	o, err := f.operate(cmd)
	if err != nil {
		return err
	}
	facts, err := f.find(cmd.Context(), o)
	if err != nil {
		return err
	}
	if facts.user == "" {
		return usagef("--user: want the webhook's user, or --config with the configuration that was deployed")
	}
	if f.both && f.reporter == "" && f.site == "" && len(facts.sites) == 2 {
		f.reporter = string(facts.sites[0])
	}
	reporter, site, err := facts.pair(f.reporter, f.site)
	if err != nil {
		return err
	}
	if err := o.undisturbed(cmd.Context()); err != nil {
		return err
	}
	door := drilling.Door{URL: o.postURL, User: facts.user}
	if f.stdin {
		door.Password, err = secret.Read(cmd.InOrStdin())
	} else {
		door.Password, err = readSecret(cmd.Context(), o.aws, o.outputs.WebhookSecret)
	}
	if err != nil {
		return fmt.Errorf("%w (or give it by --password-stdin)", err)
	}
	directions := [][2]contract.Site{{reporter, site}}
	if f.both {
		directions = append(directions, [2]contract.Site{site, reporter})
	}
	answer := drillAnswer{Deployment: o.deployment.Name, Rehearsals: []drilling.Result{}}
	var failed []string
	for _, d := range directions {
		r, err := o.drill(cmd.Context(), door, drilling.New(facts.accelerator, d[0], d[1], time.Now()))
		if err != nil {
			return err
		}
		answer.Rehearsals = append(answer.Rehearsals, r)
		if !r.Rehearsed {
			failed = append(failed, string(r.Site))
		}
		if err := o.tellDrill(r); err != nil {
			return err
		}
	}
	if o.screen.JSON {
		if err := o.screen.Encode(answer); err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		return refusef("a real alert would not fence %s now: mend what is named above, then rehearse again", strings.Join(failed, " and "))
	}
	return nil
}

// undisturbed refuses while a restore runs: a drill takes a number too, and a restore
// gives up when a newer one than its own is there.
func (o opened) undisturbed(ctx context.Context) error {
	if o.deployment.Restore == "" {
		return nil
	}
	running, err := o.running(ctx, o.deployment.Restore)
	if err != nil {
		return err
	}
	if len(running) > 0 {
		return refusef("%s is running, and a rehearsal would end it: wait for its end (sitefence restore --status)", running[0])
	}
	return nil
}

// drill posts one alert and follows it to its end.
func (o opened) drill(ctx context.Context, door drilling.Door, a drilling.Alert) (drilling.Result, error) {
	if err := o.say("Rehearsing: %s reports %s. Nothing is changed.", a.Reporter, a.Site); err != nil {
		return drilling.Result{}, err
	}
	clock := drilling.Clock{Posting: time.Now()}
	if err := door.Post(ctx, a); err != nil {
		return drilling.Result{}, err
	}
	clock.Posted = time.Now()
	show := newTeller(o.screen, "under a minute")
	defer show.end()
	show.show("waiting for the guard")
	finding, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	guard, err := drilling.Find(finding, o.states, o.deployment.Guard, a)
	if err != nil {
		return drilling.Result{}, err
	}
	incident, err := follow.Incident(ctx, o.states, guard, func(e history.Event) {
		clock.Note(e)
		show.event(e)
	})
	if err != nil {
		return drilling.Result{}, fmt.Errorf("following %s: %w", guard, err)
	}
	return drilling.Judge(a, incident, clock), nil
}

func (o opened) tellDrill(r drilling.Result) error {
	if o.screen.JSON {
		return nil
	}
	var errs []error
	line := func(format string, args ...any) { errs = append(errs, o.screen.Line(format, args...)) }
	if r.Rehearsed {
		line("%s would have been fenced, by %s (%s).", r.Site, r.Reporter, r.Reason)
		for _, e := range r.Removed {
			line("  out of the accelerator: %s (weight %d) of %s", e.Endpoint, e.Weight, e.Group)
		}
		if len(r.Removed) == 0 {
			line("  out of the accelerator: nothing, it is out already")
		}
		what := "every cache"
		if len(r.Caches) > 0 {
			what = list(r.Caches)
		}
		if r.Backup != "none" { // the reporter has an Infinispan
			line("  replication from %s to %s: now %s; would stop for %s", r.Reporter, r.Site, r.Backup, what)
		}
		if len(r.PassedOver) > 0 {
			line("  passed over, since this was a drill: %s", list(r.PassedOver))
		}
		for _, n := range r.Notes {
			line("  note: %s", n)
		}
	} else {
		line("%s would NOT have been fenced: %s %s", r.Site, r.Outcome, r.Reason)
		if r.Error != "" {
			line("  %s: %s", r.Error, r.Cause)
		}
	}
	for _, p := range r.Parts {
		line("  %6.1f s  %s", p.Seconds, p.What)
	}
	return errors.Join(errs...)
}

func list[T ~string](all []T) string {
	if len(all) == 0 {
		return "nothing"
	}
	var texts []string
	for _, t := range all {
		texts = append(texts, string(t))
	}
	return strings.Join(texts, ", ")
}
