package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/spf13/cobra"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/follow"
	"github.com/sitefence/sitefence/internal/history"
	"github.com/sitefence/sitefence/internal/screen"
)

const replayLong = `Start a guard execution anew with the same input, as the console's New execution
does. The guard looks at the world anew and decides anew, so what it replays is safe to
replay at any time; a drill's replay stays a drill.

Only guard executions of alerts and drills are replayed. Of any other the command says what to do
instead. It prints the new execution's ARN; with --wait it follows it, and the fence
that it may start, to the end: the exit code is 0 if that ended well.`

const replayExample = `  sitefence replay 6f1c1f2e-... --wait
  sitefence replay "$GUARD_EXECUTION_ARN"`

func newReplay() *cobra.Command {
	var t target
	var wait bool
	cmd := &cobra.Command{
		Use: "replay EXECUTION", Short: "Start a guard execution anew with the same input.",
		Long: replayLong, Example: replayExample, Args: oneExecution, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := t.look(cmd)
			if err != nil {
				return err
			}
			return l.replay(cmd, args[0], wait)
		},
	}
	t.flags(cmd)
	cmd.Flags().BoolVar(&wait, "wait", false, "Follow it, and the fence that it starts, to the end.")
	return cmd
}

// replayAnswer is the command's JSON. What is below Execution is there with --wait.
type replayAnswer struct {
	Replayed  string          `json:"replayed"`  // ARN
	Execution string          `json:"execution"` // ARN of the new guard execution
	Kind      history.Kind    `json:"kind,omitempty"`
	Reason    contract.Reason `json:"reason,omitempty"`
	Fence     string          `json:"fence,omitempty"` // ARN
	Error     string          `json:"error,omitempty"`
	Cause     string          `json:"cause,omitempty"`
}

func (l looking) replay(cmd *cobra.Command, execution string, wait bool) error {
	ctx := cmd.Context()
	e, err := l.find(ctx, execution)
	if err != nil {
		return err
	}
	if err := l.mayReplay(ctx, e); err != nil {
		return err
	}
	if note := tooOld(e.Execution, time.Now()); note != "" {
		cmd.PrintErrln("sitefence: note: " + screen.Clean(note))
	}
	// With a name, a request that is sent again after a lost answer is the same one.
	name := "replay-" + strings.ToLower(rand.Text()[:16])
	out, err := l.states.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &e.Machine, Name: &name, Input: &e.Input})
	if err != nil {
		return fmt.Errorf("starting the guard anew: %w; if it was started nevertheless, `sitefence report %s%s` knows it", err, name, l.flagsFor(e.deployment.Name))
	}
	answer := replayAnswer{Replayed: e.ARN, Execution: aws.ToString(out.ExecutionArn)}
	if !wait {
		if l.screen.JSON {
			return l.screen.Encode(answer)
		}
		return l.screen.Line("%s", answer.Execution)
	}
	if !l.screen.JSON {
		if err := l.screen.Line("%s", answer.Execution); err != nil {
			return err
		}
	}
	return l.awaitReplay(ctx, answer, e.deployment.Name)
}

// mayReplay explains what to do with an execution that is not to be replayed.
func (l looking) mayReplay(ctx context.Context, e found) error {
	flags := l.flagsFor(e.deployment.Name)
	in := e.In()
	switch {
	case e.machine == fenceMachine:
		return l.notAFence(ctx, e, flags)
	case e.machine == restoreMachine:
		return fmt.Errorf("%s is a restore, and a restore is not replayed: see `sitefence restore --status%s`, then start it again or `--continue` it", e.Name, flags)
	case in.Operation == contract.OperationRejoin:
		return fmt.Errorf("%s is a rejoin, and a rejoin is not replayed: its checks belong to a restore; run `sitefence restore --continue%s`", e.Name, flags)
	case in.Forced:
		// The order skips the question whether the site can be seen, so its replay is
		// not safe: the pair may be healthy by now.
		return fmt.Errorf("%s was ordered, which does not ask whether the site is lost, and an order is not replayed: give it again with `sitefence fence%s`, which asks you to confirm it", e.Name, flags)
	case !e.Closed():
		return fmt.Errorf("%s still runs: see `sitefence status --watch%s`", e.Name, flags)
	}
	if err := validInput(e.Input); err != nil {
		return fmt.Errorf("the input of %s is no event, so a replay would fail as well: %s; correct it and start the guard with it (New execution in the console)",
			e.Name, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}

func validInput(input string) error {
	var event contract.Event
	if err := json.Unmarshal([]byte(input), &event); err != nil {
		return fmt.Errorf("it cannot be decoded: %w", err)
	}
	return event.Validate()
}

// notAFence names the guard execution to replay, or the redrive. The rule is in
// docs/adr/0006: only a fence that failed in KeepTakingOffline is redriven, and
// only while no newer one exists.
func (l looking) notAFence(ctx context.Context, e found, flags string) error {
	guard := e.In().Guard
	instead := fmt.Sprintf("replay its guard execution: `sitefence replay %s%s`", guard, flags)
	_, kind, ours := l.whose(history.MachineOf(guard))
	if !ours || kind != guardMachine || !safeWord(guard) {
		instead = fmt.Sprintf("its input names no guard execution of this stack, so start one with `sitefence fence%s`", flags)
	}
	if e.In().Forced {
		instead = fmt.Sprintf("it was ordered, so give the order again with `sitefence fence%s`, or take the site offline by hand if it has no endpoint left", flags)
	}
	if e.In().Operation == contract.OperationRejoin {
		return fmt.Errorf("%s is a rejoin, and a rejoin is not replayed: run `sitefence restore --continue%s`", e.Name, flags)
	}
	events, err := history.Events(ctx, l.states, e.ARN, 0)
	if err != nil {
		return err
	}
	steps := history.Steps(e.Execution, events)
	if n := len(steps); n > 0 && e.Status == types.ExecutionStatusFailed && steps[n-1].State == "KeepTakingOffline" && history.ReasonOf(e.Execution, steps) != contract.Superseded {
		return fmt.Errorf("%s is a fence that failed in KeepTakingOffline: mend what its cause names, then redrive it (`aws stepfunctions redrive-execution --execution-arn %s`); if a newer fence exists, %s",
			e.Name, e.ARN, instead)
	}
	return fmt.Errorf("%s is a fence, and a fence is not replayed, for the guard gives it its turn: %s", e.Name, instead)
}

func safeWord(s string) bool { return plainWord.MatchString(s) }

// oldAlert is how old an alert may be where nothing else speaks for a fence (design
// of `infinispan: none`).
const oldAlert = 2 * time.Minute

// tooOld says what a replay cannot do at a reporter without Infinispan.
func tooOld(e history.Execution, now time.Time) string {
	received := e.In().ReceivedAt
	if e.Out().Evidence.Backup != "none" && !strings.Contains(e.Cause, string(contract.AlertTooOld)) || received.IsZero() || now.Sub(received) <= oldAlert {
		return ""
	}
	return fmt.Sprintf("%s has no Infinispan and the alert was received %s ago, so nothing speaks for a fence any more: expect alert-too-old, and wait for the next alert",
		e.In().Reporter, now.Sub(received).Round(time.Second))
}

// awaitReplay follows the replay to its end.
func (l looking) awaitReplay(ctx context.Context, answer replayAnswer, deployment string) error {
	p := &passing{screen: l.screen, began: time.Now()}
	incident, err := follow.Incident(ctx, l.states, answer.Execution, p.event)
	p.end()
	if err != nil {
		if ctx.Err() != nil {
			err = errors.New("no longer followed; it goes on by itself")
		}
		return fmt.Errorf("%s: %w: see `sitefence report %s%s`", answer.Execution, err, answer.Execution, l.flagsFor(deployment))
	}
	last := incident.Last()
	answer.Kind, answer.Reason, answer.Error, answer.Cause = incident.Kind(), last.Out().Reason, last.Error, last.Cause
	if incident.Fence != nil {
		answer.Fence = incident.Fence.ARN
	}
	if l.screen.JSON {
		err = l.screen.Encode(answer)
	} else if answer.Kind.EndedWell() {
		err = l.screen.Line("It ended %s (%s).", answer.Kind, orDash(string(answer.Reason)))
	}
	if err != nil || answer.Kind.EndedWell() {
		return err
	}
	return fmt.Errorf("the replay ended %s (%s): %s; see `sitefence report %s%s`", answer.Kind, orDash(answer.Error),
		cut(screen.Clean(answer.Cause), 400), last.Name, l.flagsFor(deployment))
}

func cut(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + " …"
	}
	return orDash(text)
}

// passing shows the states that an execution passes: on a terminal the present
// one, elsewhere a line for each.
type passing struct {
	screen *screen.Screen
	began  time.Time
}

func (p *passing) event(e history.Event) {
	took := time.Since(p.began).Round(time.Second)
	what := e.State
	switch e.Kind {
	case history.Left:
		return
	case history.Failed:
		what = fmt.Sprintf("%s: a try failed with %s", e.State, e.Error)
	case history.Entered:
	}
	switch {
	case p.screen.JSON:
	case p.screen.Terminal:
		_ = p.screen.Progress("%5s  %s  (usually 2 to 10 seconds; up to an hour while it waits for its turn)", took, what)
	default:
		_ = p.screen.Line("%5s  %s  %s", took, history.NameOf(e.Execution), what)
	}
}

// end leaves the terminal's line empty.
func (p *passing) end() { _ = p.screen.Progress("") }

// encodeInto writes v as indented JSON.
func encodeInto(w io.Writer, v any) error {
	return screen.New(w, true).Encode(v)
}
