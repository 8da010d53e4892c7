package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/spf13/cobra"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/follow"
	"github.com/sitefence/sitefence/internal/history"
	"github.com/sitefence/sitefence/internal/screen"
)

const fenceLong = `Fence a site although the sites see each other: a planned failover, before
maintenance. The guard machine does it, with all that a fence checks but one
question: whether the other site can be seen.

It starts the guard by your own rights at AWS; no alert can ask for it. It shows
what there is and asks for the deployment's name.

Bring the site back with ` + "`sitefence restore`" + `, even if it was never unwell: from the
fence on its data is behind.

Exits with 0 once the site is fenced.`

const fenceExample = `  # Before maintenance of site-b: site-a goes on alone.
  sitefence fence --site site-b --reason "kernel updates, change 4711"

  # In a script, without a question.
  sitefence fence --site site-b --reason "game day" --yes-i-mean keycloak`

type fenceFlags struct {
	target
	reporter, site      string
	reason, by, confirm string
}

// fenceAnswer is what fence prints as JSON.
type fenceAnswer struct {
	Deployment  string              `json:"deployment"`
	Survivor    contract.Site       `json:"survivor"`
	Site        contract.Site       `json:"site"`
	Outcome     history.Kind        `json:"outcome"`
	Reason      contract.Reason     `json:"reason,omitempty"`
	Guard       string              `json:"guard"`
	Fence       string              `json:"fence,omitempty"`
	Removed     []contract.Endpoint `json:"removed"`
	Replication *contract.Offline   `json:"replication,omitempty"`
	Seconds     float64             `json:"seconds"`
	Error       string              `json:"error,omitempty"`
	Cause       string              `json:"cause,omitempty"`
}

func newFence() *cobra.Command {
	var f fenceFlags
	cmd := &cobra.Command{
		Use: "fence --site SITE --reason TEXT", Short: "Fence a site on purpose: a planned failover.",
		Long: fenceLong, Example: fenceExample, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case f.site == "":
				return usagef("--site: got nothing, want the site to fence")
			case f.reason == "" || len(f.reason) > contract.MaxOrder:
				return usagef("--reason: got %d bytes, want 1 to %d that say why, for the record", len(f.reason), contract.MaxOrder)
			}
			return f.run(cmd)
		},
	}
	f.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.site, "site", "", "The site to fence. Required.")
	flags.StringVar(&f.reporter, "reporter", "", "The site that goes on; needed with more than two sites.")
	flags.StringVar(&f.reason, "reason", "", "Why, for the record. Required.")
	flags.StringVar(&f.by, "by", "", "Who fences (default: your name at AWS, or $USER).")
	flags.StringVar(&f.confirm, "yes-i-mean", "", "The deployment's name, instead of typing it.")
	completeSiteFlags(cmd, "site", "reporter")
	return cmd
}

func (f *fenceFlags) run(cmd *cobra.Command) error {
	o, err := f.operate(cmd)
	if err != nil {
		return err
	}
	ask := newAsker(cmd)
	switch {
	case f.confirm != "" && f.confirm != o.deployment.Name:
		return usagef("--yes-i-mean: got %.60q, want %s", f.confirm, o.deployment.Name)
	case f.confirm == "" && !ask.terminal:
		return nobodyToAsk("--yes-i-mean")
	}
	now, err := o.inspect(cmd.Context())
	if err != nil {
		return err
	}
	facts := ofInspection(now)
	survivor, site, err := facts.pair(f.reporter, f.site)
	if err != nil {
		return err
	}
	if err := o.tellState(now); err != nil {
		return err
	}
	if err := mayFence(now, survivor, site, o.flags); err != nil {
		return err
	}
	if f.confirm == "" {
		question := fmt.Sprintf("%s will be taken out of the accelerator of %s, and %s will stop replicating to it.", site, o.deployment.Name, survivor)
		if err := ask.typed(cmd.Context(), question, o.deployment.Name, "--yes-i-mean"); err != nil {
			return err
		}
	}
	by, err := o.who(cmd.Context(), f.by)
	if err != nil {
		return err
	}
	at := time.Now().UTC().Truncate(time.Millisecond)
	guard, err := o.order(cmd.Context(), contract.Event{
		Version: contract.Version, Deployment: o.deployment.Name, Accelerator: facts.accelerator, Reporter: survivor, Site: site,
		Alert: contract.Alert{StartsAt: at}, ReceivedAt: at, Forced: true, Order: &contract.Order{By: by, Reason: f.reason},
	})
	if err != nil {
		return err
	}
	incident, err := o.followOrder(cmd.Context(), guard, "about 10 seconds")
	if err != nil {
		return err
	}
	return o.tellFence(incident, survivor, site, at)
}

// mayFence refuses what the guard would refuse too, before anybody is asked.
func mayFence(now contract.Inspection, survivor, site contract.Site, flags string) error {
	if p := now.Accelerator.Problem; p != nil {
		return refusef("the accelerator cannot be read: %s", p.Text)
	}
	for _, s := range now.Sites {
		switch {
		case s.Name == site && s.Standing.Endpoints == 0:
			return refusef("%s is not in the accelerator: it is fenced already, or was never put there; if replication to it is on, take it offline by hand (docs/runbooks/take-offline-still-trying.md)", site)
		case s.Name == survivor && s.Standing.InService == 0:
			return refusef("%s is not in service, so nobody would serve: bring it back first (sitefence restore --site %s%s)", survivor, survivor, flags)
		}
	}
	return nil
}

// order starts the guard with an operator's own event. The name makes a call that
// is sent again the same execution.
func (o opened) order(ctx context.Context, e contract.Event) (string, error) {
	if err := e.Validate(); err != nil {
		return "", err
	}
	input, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("encoding the order: %w", err)
	}
	name := "ordered-" + strings.ToLower(e.ReceivedAt.Format("20060102T150405.000Z"))
	out, err := o.states.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: &o.deployment.Guard, Name: &name, Input: aws.String(string(input)),
	})
	if err != nil {
		return "", fmt.Errorf("starting the guard: %w", err)
	}
	return aws.ToString(out.ExecutionArn), nil
}

// followOrder follows a guard that this command started. Who stops following stops
// nothing.
func (o opened) followOrder(ctx context.Context, guard, usual string) (history.Incident, error) {
	show := newTeller(o.screen, usual)
	defer show.end()
	incident, err := follow.Incident(ctx, o.states, guard, show.event)
	if err != nil {
		return incident, fmt.Errorf("not following any more: %w. It goes on by itself; see `sitefence status%s`. The guard execution is %s", err, o.flags, guard)
	}
	return incident, nil
}

func (o opened) tellFence(i history.Incident, survivor, site contract.Site, began time.Time) error {
	last := i.Last()
	out := last.Out()
	a := fenceAnswer{
		Deployment: o.deployment.Name, Survivor: survivor, Site: site, Outcome: i.Kind(), Reason: out.Reason,
		Removed: append([]contract.Endpoint{}, out.Record...), Replication: out.Replication,
		Seconds: time.Since(began).Seconds(), Error: last.Error, Cause: last.Cause, Guard: i.Guard.Name,
	}
	if i.Fence != nil {
		a.Fence = i.Fence.Name
	}
	if o.screen.JSON {
		if err := o.screen.Encode(a); err != nil {
			return err
		}
	}
	if a.Outcome != history.Fenced {
		return refusef("%s was not fenced: %s %s %s", site, a.Outcome, a.Reason, history.Said(a.Cause))
	}
	var errs []error
	errs = append(errs, o.say("%s is fenced (%s, %.0f s): %s goes on alone.", site, a.Fence, a.Seconds, survivor))
	for _, e := range a.Removed {
		errs = append(errs, o.say("  out of the accelerator: %s (weight %d)", e.Endpoint, e.Weight))
	}
	if r := a.Replication; r != nil {
		errs = append(errs, o.say("  replication from %s to %s: %s", survivor, site, r.Backup))
	}
	errs = append(errs, o.say("Stop Keycloak at %s before you work on it. Bring it back with: sitefence restore --site %s%s", site, site, o.flags))
	return errors.Join(errs...)
}

// tellState shows what there is before somebody is asked.
func (o opened) tellState(now contract.Inspection) error {
	if o.screen.JSON {
		return nil
	}
	var rows [][]screen.Cell
	for _, s := range now.Sites {
		in := screen.Cell{Text: "absent", Mark: screen.Warning}
		switch {
		case s.Standing.Unhealthy:
			in = screen.Cell{Text: "unhealthy", Mark: screen.Bad}
		case s.Standing.InService > 0:
			in = screen.Cell{Text: "in service", Mark: screen.Good}
		case s.Standing.Endpoints > 0:
			in = screen.Cell{Text: "weight 0"}
		}
		sees, backups := "-", "-"
		if c := s.Infinispan; c != nil {
			sees, backups = list(c.Sees), ""
			for _, other := range now.Sites {
				if status, ok := c.Backups[other.Name]; ok {
					backups = strings.TrimSpace(backups + " " + string(other.Name) + " " + status)
				}
			}
			if c.Problem != nil {
				sees = c.Problem.Text
			}
		}
		rows = append(rows, []screen.Cell{{Text: string(s.Name)}, in, {Text: backups}, {Text: sees}})
	}
	err := o.screen.Table([]string{"SITE", "ACCELERATOR", "REPLICATES TO", "SEES"}, rows)
	if p := now.Pause; p != nil {
		err = errors.Join(err, o.screen.Line("Paused until %s, by %s: %s. An order of yours goes over that.", clock(p.Until), p.By, p.Reason))
	}
	return err
}
