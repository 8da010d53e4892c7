package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/deployed"
	"github.com/sitefence/sitefence/internal/history"
	"github.com/sitefence/sitefence/internal/inspected"
	"github.com/sitefence/sitefence/internal/status"
)

// roundTimeout bounds one look: the Inspect function has 25 seconds.
const roundTimeout = 30 * time.Second

const statusLong = `Show who serves, who replicates to whom and who sees whom, what runs, whether
the deployment is paused, and the last fence. The first line says in one sentence
what is the matter, and what to do.

It asks the Inspect function, which reads the accelerator and both Infinispans,
and Step Functions. What cannot be read is shown as such.

The exit code is 0 when the screen could be shown, whatever it says, and 1 when
the stack could not be read at all. ` + "`sitefence doctor`" + ` has an exit code for each
state.`

const statusExample = `  sitefence status                       # all deployments of the stack
  sitefence status --deployment main -w  # one, again and again until Ctrl-C
  sitefence status -o json | jq -r '.deployments[].headline'`

func newStatus() *cobra.Command {
	var t target
	var watch bool
	var every time.Duration
	cmd := &cobra.Command{
		Use: "status", Short: "Show who serves, who replicates to whom, and what is the matter.",
		Long: statusLong, Example: statusExample, Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if every < time.Second {
				return usagef("--every: got %s, want at least 1s", every)
			}
			l, err := t.look(cmd)
			if err != nil {
				return err
			}
			if !watch {
				return l.status(cmd.Context())
			}
			return l.watch(cmd.Context(), every)
		},
	}
	t.flags(cmd)
	cmd.Flags().Lookup("deployment").Usage = "One deployment, when the stack has several (default all)."
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "Look again and again, until Ctrl-C.")
	cmd.Flags().DurationVar(&every, "every", 2*time.Second, "How long to wait between two looks.")
	return cmd
}

// statusAnswer is the command's JSON.
type statusAnswer struct {
	Deployments []status.Status `json:"deployments"`
}

// status looks once and shows it. It shows nothing of a look that was broken off.
func (l looking) status(ctx context.Context) error {
	all := l.round(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if l.screen.JSON {
		return l.screen.Encode(statusAnswer{all})
	}
	if err := l.screen.Clear(); err != nil {
		return err
	}
	for i, s := range all {
		if i > 0 {
			if err := l.screen.Line(""); err != nil {
				return err
			}
		}
		if err := s.Show(l.screen); err != nil {
			return err
		}
	}
	return nil
}

// watch looks until ctx ends, which is what Ctrl-C is for.
func (l looking) watch(ctx context.Context, every time.Duration) error {
	for ctx.Err() == nil {
		err := l.status(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		if !l.screen.Terminal && !l.screen.JSON {
			if err := l.screen.Line(""); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
	return nil //nolint:nilerr // Ctrl-C is how a watch ends
}

// round looks at all deployments, side by side.
func (l looking) round(ctx context.Context) []status.Status {
	ctx, cancel := context.WithTimeoutCause(ctx, roundTimeout, fmt.Errorf("no answer within %s", roundTimeout))
	defer cancel()
	all := make([]status.Status, len(l.deployments))
	var group errgroup.Group
	for i, d := range l.deployments {
		group.Go(func() error {
			all[i] = l.statusOf(ctx, d)
			return nil
		})
	}
	_ = group.Wait()
	return all
}

// statusOf reads one deployment; what fails is a problem of its own.
func (l looking) statusOf(ctx context.Context, d deployed.Deployment) status.Status {
	now := time.Now().UTC()
	in := status.Input{Deployment: d.Name, Flags: l.flagsFor(d.Name), At: now}
	var problems [3]error
	var inspection contract.Inspection
	var group errgroup.Group
	group.Go(func() error {
		inspection, problems[0] = inspected.Ask(ctx, lambda.NewFromConfig(l.aws), d.Inspect, d.Name)
		return nil
	})
	group.Go(func() error {
		in.Running, problems[1] = history.List(ctx, l.states, machinesOf(d), history.Query{Limit: 20, Now: now, Running: true})
		return nil
	})
	group.Go(func() error {
		in.LastFence, problems[2] = history.LastFence(ctx, l.states, machinesOf(d), now)
		return nil
	})
	_ = group.Wait()
	if problems[0] == nil {
		in.Inspection = &inspection
	}
	for _, err := range problems {
		if err == nil {
			continue
		}
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		in.Problems = append(in.Problems, err.Error())
	}
	return status.Make(in)
}
