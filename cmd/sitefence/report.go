package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/sitefence/sitefence/internal/report"
)

const reportLong = `Tell one incident: what happened, what to do next, the timeline with its evidence,
and what was removed from the accelerator. The execution is the ARN or the name of
a guard, fence or restore execution; a guard and its fence give the same report.

Markdown is for a ticket; HTML is one file that needs nothing else, with the
timeline drawn.`

const reportExample = `  sitefence report fence-7
  sitefence report fence-7 --file incident.html
  sitefence report "$EXECUTION_ARN" --format md | tee incident.md
  sitefence report fence-7 -o json | jq .endpoints`

const (
	formatMarkdown = "md"
	formatHTML     = "html"
)

func newReport() *cobra.Command {
	var t target
	var format, file string
	cmd := &cobra.Command{
		Use: "report EXECUTION", Short: "Tell one incident, with its timeline and what to do next.",
		Long: reportLong, Example: reportExample, Args: oneExecution, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if format == "" && (filepath.Ext(file) == ".html" || filepath.Ext(file) == ".htm") {
				format = formatHTML
			}
			switch {
			case format == "":
				format = formatMarkdown
			case t.output == outputJSON && cmd.Flags().Changed("format"):
				return usagef("--format: want it without --output json")
			case format != formatMarkdown && format != formatHTML:
				return usagef("--format: got %.60q, want md or html", format)
			}
			l, err := t.look(cmd)
			if err != nil {
				return err
			}
			return l.report(cmd, args[0], format, file)
		},
	}
	t.flags(cmd)
	cmd.Flags().Lookup("output").Usage = "table for the report in its --format, or json for programs."
	cmd.Flags().StringVar(&format, "format", "", "md or html (default by the --file's name, else md).")
	cmd.Flags().StringVar(&file, "file", "", "Write it into this file, replacing it, instead of printing it.")
	if err := cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{formatMarkdown, formatHTML}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

// oneExecution wants one argument and says where to find it.
func oneExecution(_ *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return usagef("got %d arguments, want the name or the ARN of one execution: see `sitefence history`", len(args))
	}
	return nil
}

func (l looking) report(cmd *cobra.Command, execution, format, file string) error {
	ctx, cancel := context.WithTimeoutCause(cmd.Context(), askTimeout, fmt.Errorf("AWS did not answer within %s", askTimeout))
	defer cancel()
	e, err := l.find(ctx, execution)
	if err != nil {
		return err
	}
	r, err := report.Read(ctx, l.states, e.Execution, report.Options{Deployment: e.deployment.Name, Flags: l.flagsFor(e.deployment.Name), Now: time.Now().UTC()})
	if err != nil {
		return err
	}
	var text bytes.Buffer
	switch {
	case l.screen.JSON && file == "":
		return l.screen.Encode(r)
	case l.screen.JSON:
		err = encodeInto(&text, r)
	case format == formatHTML:
		err = r.HTML(&text)
	default:
		err = r.Markdown(&text)
	}
	if err != nil {
		return err
	}
	if file == "" {
		return show(cmd.OutOrStdout(), text.Bytes())
	}
	// It holds ARNs and the words of alerts: for its owner, who may give it away.
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("--file: %w", err)
	}
	cmd.PrintErrf("sitefence: the report is in %s\n", file)
	return nil
}
