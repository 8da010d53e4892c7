package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/history"
	"github.com/sitefence/sitefence/internal/screen"
)

const historyLong = `List what the machines did, newest first: fences, rejoins, drills, what was
ignored, paused, undecided or failed, and the steps of restores. A guard execution
and the fence that it started are one row. Times are UTC.

The name in the last column but one is what ` + "`sitefence report`" + ` wants.`

const historyExample = `  sitefence history                 # the newest 20
  sitefence history --since 24h     # of the last day
  sitefence history --since 2026-11-24 --limit 200 -o json`

const mostRows = 1000

func newHistory() *cobra.Command {
	var t target
	var limit int
	var from string
	cmd := &cobra.Command{
		Use: "history", Short: "List fences, drills, restores, and what was ignored or failed.",
		Long: historyLong, Example: historyExample, Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := time.Now().UTC()
			if limit < 1 || limit > mostRows {
				return usagef("--limit: got %d, want 1 to %d", limit, mostRows)
			}
			after, err := since(from, now)
			if err != nil {
				return err
			}
			l, err := t.look(cmd)
			if err != nil {
				return err
			}
			return l.history(cmd.Context(), history.Query{Limit: limit, Since: after, Now: now})
		},
	}
	t.flags(cmd)
	cmd.Flags().Lookup("deployment").Usage = "One deployment, when the stack has several (default all)."
	cmd.Flags().IntVar(&limit, "limit", 20, "The most rows.")
	cmd.Flags().StringVar(&from, "since", "", "Only what began since: how long ago (90m, 24h, 7d), or a time.")
	return cmd
}

// historyAnswer is the command's JSON.
type historyAnswer struct {
	Incidents []history.Row `json:"incidents"`
	Problems  []string      `json:"problems"` // what could not be read
}

// history shows what can be read, and fails if that is not all.
func (l looking) history(ctx context.Context, q history.Query) error {
	found := make([][]history.Row, len(l.deployments))
	problems := make([]error, len(l.deployments))
	var group errgroup.Group
	for i, d := range l.deployments {
		group.Go(func() error {
			found[i], problems[i] = history.List(ctx, l.states, machinesOf(d), q)
			return nil
		})
	}
	_ = group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	rows := slices.Concat(found...)
	slices.SortStableFunc(rows, func(a, b history.Row) int { return b.When.Compare(a.When) })
	rows = rows[:min(len(rows), q.Limit)]
	failed := errors.Join(problems...)
	if l.screen.JSON {
		answer := historyAnswer{Incidents: append([]history.Row{}, rows...), Problems: []string{}}
		if failed != nil {
			answer.Problems = strings.Split(failed.Error(), "\n")
		}
		return errors.Join(l.screen.Encode(answer), oneLine(failed))
	}
	if len(rows) == 0 && failed == nil {
		return l.screen.Line("Nothing has happened%s.", map[bool]string{false: " since " + q.Since.UTC().Format(time.RFC3339), true: ""}[q.Since.IsZero()])
	}
	return errors.Join(l.table(rows), oneLine(failed))
}

// oneLine joins the lines of an error: an error is shown as one.
func oneLine(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("not everything could be read: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
}

func (l looking) table(rows []history.Row) error {
	header := []string{"WHEN", "KIND", "REPORTER", "SITE", "REASON", "SECONDS", "EXECUTION", "STEPS, SECONDS"}
	several := len(l.deployments) > 1
	if several {
		header = slices.Insert(header, 1, "DEPLOYMENT")
	}
	var cells [][]screen.Cell
	for _, r := range rows {
		row := []screen.Cell{
			{Text: r.When.UTC().Format(time.DateTime)}, {Text: kindText(r), Mark: kindMark(r.Kind)},
			{Text: orDash(string(r.Reporter))}, {Text: orDash(string(r.Site))}, {Text: orDash(reasonText(r))},
			{Text: fmt.Sprintf("%.1f", r.Seconds)}, {Text: r.Name()}, {Text: stepsText(r)},
		}
		if several {
			row = slices.Insert(row, 1, screen.Cell{Text: r.Deployment})
		}
		cells = append(cells, row)
	}
	return l.screen.Table(header, cells)
}

func kindText(r history.Row) string {
	text := string(r.Kind)
	if r.DryRun && r.Kind != history.Rehearsed {
		text += " (drill)"
	}
	if r.Forced {
		text += " (ordered)"
	}
	return text
}

func kindMark(k history.Kind) screen.Mark {
	switch k {
	case history.Undecided, history.KindFailed:
		return screen.Bad
	case history.Fenced, history.Running, history.Waiting, history.Unknown:
		return screen.Warning
	case history.Rejoined, history.InSync:
		return screen.Good
	}
	return screen.Plain
}

// reasonText is the reason's code, or the error of what failed without one.
func reasonText(r history.Row) string {
	if r.Reason == "" {
		return r.Error
	}
	return string(r.Reason)
}

// stepsText leaves out what took no time. The machine is named where it changes.
func stepsText(r history.Row) string {
	var parts []string
	machine := ""
	for _, s := range r.Steps {
		if s.Seconds < 0.05 {
			continue
		}
		step := fmt.Sprintf("%s %.1f", s.State, s.Seconds)
		if s.Machine != machine {
			machine = s.Machine
			step = machine + ": " + step
			parts = append(parts, step)
			continue
		}
		parts[len(parts)-1] += ", " + step
	}
	if r.Problem != "" {
		parts = append(parts, "cannot be read: "+r.Problem)
	}
	return orDash(strings.Join(parts, "; "))
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
