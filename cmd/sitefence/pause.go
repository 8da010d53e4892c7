package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/spf13/cobra"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/pausing"
)

const pauseLong = `Pause a deployment: while it is paused no fence is begun. One that has begun is
finished. Alerts that arrive meanwhile end as Paused; the next repeat of one that
still fires is handled when the pause is over. Every pause has an end. What you
order yourself by ` + "`sitefence fence`" + ` goes over it.

It is one parameter of Systems Manager and works at once, without a deployment.`

const pauseExample = `  # Two hours, as by default, for work on the link between the sites.
  sitefence pause --reason "switch firmware, change 4711"

  # Longer, for one deployment of several, under another name than AWS knows you by.
  sitefence pause --deployment eu-prod --reason "region drill" --for 6h --by alice

  # Extend it, or change its reason.
  sitefence pause --reason "switch firmware takes longer" --for 1h --force

  # End it early.
  sitefence resume`

type pauseFlags struct {
	target
	reason, by string
	lasts      time.Duration
	force      bool
}

// pauseAnswer is what pause and resume print as JSON.
type pauseAnswer struct {
	Deployment string          `json:"deployment"`
	Paused     bool            `json:"paused"`
	Pause      *contract.Pause `json:"pause,omitempty"`  // what holds now
	Before     *contract.Pause `json:"before,omitempty"` // what held before
	Running    []string        `json:"running"`          // fences that have begun and are finished anyway
}

func newPause() *cobra.Command {
	var f pauseFlags
	cmd := &cobra.Command{
		Use: "pause --reason TEXT", Short: "Begin no fence for a while.", Long: pauseLong, Example: pauseExample, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case f.reason == "" || len(f.reason) > contract.MaxOrder:
				return usagef("--reason: got %d bytes, want 1 to %d that say why, for whoever is on call", len(f.reason), contract.MaxOrder)
			case f.lasts < time.Minute || f.lasts > contract.MaxPause:
				return usagef("--for: got %s, want 1m to %.0fh", f.lasts, contract.MaxPause.Hours())
			}
			return f.run(cmd)
		},
	}
	f.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.reason, "reason", "", "Why, for whoever is on call. Required.")
	flags.DurationVar(&f.lasts, "for", 2*time.Hour, "How long, at most 24h.")
	flags.StringVar(&f.by, "by", "", "Who pauses (default: your name at AWS, or $USER).")
	flags.BoolVar(&f.force, "force", false, "Replace a pause that holds already.")
	return cmd
}

func (f *pauseFlags) run(cmd *cobra.Command) error {
	o, err := f.operate(cmd)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), askTimeout)
	defer cancel()
	now := time.Now().UTC().Truncate(time.Second)
	sw, err := o.pauseSwitch()
	if err != nil {
		return err
	}
	answer := pauseAnswer{Deployment: o.deployment.Name, Paused: true}
	if answer.Before, err = sw.Read(ctx, now); err != nil && !errors.Is(err, pausing.ErrBroken) {
		return err
	}
	if b := answer.Before; b != nil && !f.force {
		return refusef("%s is paused already, until %s, by %s: %s. Replace that with --force, or end it with `sitefence resume%s`",
			o.deployment.Name, clock(b.Until), b.By, b.Reason, o.flags)
	}
	by, err := o.who(ctx, f.by)
	if err != nil {
		return err
	}
	answer.Pause = &contract.Pause{Reason: f.reason, By: by, Since: now, Until: now.Add(f.lasts)}
	if err := sw.Pause(ctx, *answer.Pause, now); err != nil {
		return err
	}
	// After the pause: what began before it is seen now.
	if answer.Running, err = o.running(ctx, o.deployment.Fence); err != nil {
		return err
	}
	return o.tellPause(answer)
}

func (o opened) tellPause(a pauseAnswer) error {
	if o.screen.JSON {
		return o.screen.Encode(a)
	}
	p := a.Pause
	err := o.screen.Line("%s is paused until %s (%s), by %s: %s", a.Deployment, clock(p.Until), p.Until.Sub(p.Since), p.By, p.Reason)
	if b := a.Before; b != nil {
		err = errors.Join(err, o.screen.Line("Before it was paused until %s, by %s: %s", clock(b.Until), b.By, b.Reason))
	}
	if len(a.Running) > 0 {
		err = errors.Join(err, o.screen.Line("%s has begun and is finished anyway; follow it with `sitefence status --watch%s`.", strings.Join(a.Running, ", "), o.flags))
	}
	return errors.Join(err, o.screen.Line("No fence begins until then. End it early with `sitefence resume%s`.", o.flags))
}

const resumeLong = `End a pause. What still fires is handled at its next repeat, within minutes.
It says what was there; when nothing was, it says so and succeeds.`

const resumeExample = `  sitefence resume
  sitefence resume --deployment eu-prod`

func newResume() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use: "resume", Short: "End a pause.", Long: resumeLong, Example: resumeExample, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return resume(cmd, &t) },
	}
	t.flags(cmd)
	return cmd
}

func resume(cmd *cobra.Command, t *target) error {
	o, err := t.operate(cmd)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), askTimeout)
	defer cancel()
	sw, err := o.pauseSwitch()
	if err != nil {
		return err
	}
	now := time.Now()
	before, err := sw.Read(ctx, now)
	broken := errors.Is(err, pausing.ErrBroken)
	if err != nil && !broken {
		return err
	}
	if before != nil || broken {
		if err := sw.Resume(ctx, now); err != nil {
			return err
		}
	}
	if o.screen.JSON {
		return o.screen.Encode(pauseAnswer{Deployment: o.deployment.Name, Before: before, Running: []string{}})
	}
	switch {
	case broken:
		return o.screen.Line("%s was not paused: %v. The switch is mended.", o.deployment.Name, err)
	case before == nil:
		return o.screen.Line("%s was not paused.", o.deployment.Name)
	}
	return o.screen.Line("%s is not paused any more. It was until %s, by %s: %s", o.deployment.Name, clock(before.Until), before.By, before.Reason)
}

func (o opened) pauseSwitch() (pausing.Switch, error) {
	if o.deployment.Pause == "" {
		return pausing.Switch{}, lacks(o.deployment.Name, "pause switch")
	}
	return pausing.Switch{Client: ssm.NewFromConfig(o.aws), Parameter: o.deployment.Pause}, nil
}
