package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/deployed"
	"github.com/sitefence/sitefence/internal/doctor"
	"github.com/sitefence/sitefence/internal/screen"
)

// exitStatus ends the command with a code of its own. Its error may be nil: what
// there is to say was said.
type exitStatus struct {
	code int
	err  error
}

func (e exitStatus) Error() string { return fmt.Sprint(e.err) }
func (e exitStatus) Unwrap() error { return e.err }

// exitUnwell is the doctor's word for a row that failed, and for not being able
// to look at all: 1 must mean that nothing worse than a warning was seen. It is
// the code of a mistake in the command line too, which says so on standard error.
const exitUnwell = 2

type doctorFlags struct {
	target
	config string
}

func newDoctor() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check, before the bad night, that everything a fence needs is there.",
		Long: `Looks at everything that a fence needs, side by side and without changing anything,
and says of each thing whether it is ok, a warning or failed, and what to do.

It posts two webhooks without any alert to the ingest URL: one that must be
answered 204, and one of a user that does not exist, which must be answered 401.

Exit status: 0 all is ok; 1 warnings; 2 something failed, or nothing could be
looked at (a mistake in the command line is 2 as well, with its message on
standard error and nothing on standard output).`,
		Example: `  sitefence doctor                           # the stack "sitefence", all its deployments
  sitefence doctor --deployment keycloak-prod --config sitefence.yaml
  sitefence doctor --output json | jq '.rows[] | select(.status != "ok")'
  sitefence doctor --local                   # the stack that "sitefence demo --keep" keeps`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.flags(cmd)
	cmd.Flags().StringVar(&f.config, "config", "", "The configuration file, to be held against what is deployed.")
	return cmd
}

func (f *doctorFlags) run(cmd *cobra.Command) error {
	out, err := f.screen(cmd)
	if err != nil {
		return err
	}
	report, err := f.examine(cmd.Context())
	if err != nil {
		return exitStatus{exitUnwell, err}
	}
	if err := showReport(out, report); err != nil {
		return exitStatus{exitUnwell, err}
	}
	if code := report.ExitCode(); code != 0 {
		return exitStatus{code: code}
	}
	return nil
}

func (f *doctorFlags) examine(ctx context.Context) (doctor.Report, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, errors.New("AWS did not answer within a minute"))
	defer cancel()
	at, err := f.open(ctx)
	if err != nil {
		return doctor.Report{}, err
	}
	var c *config.Config
	if path := f.config; path != "" || at.config != "" {
		if path == "" {
			path = at.config
		}
		loaded, err := config.Load(path)
		if err != nil {
			return doctor.Report{}, err
		}
		c = &loaded
	}
	deployments := at.outputs.Deployments
	if f.deployment != "" {
		one, err := at.outputs.Find(f.deployment)
		if err != nil {
			return doctor.Report{}, err
		}
		deployments = []deployed.Deployment{one}
	}
	started := time.Now()
	facts := doctor.Look(ctx, doctor.Account(at.aws, f.stack, at.outputs, at.postURL), deployments, c)
	return doctor.NewReport(f.stack, started, doctor.Examine(facts)), nil
}

// showReport writes the report: a row of the table for each, the ones that are not ok
// with what to do below what was found.
func showReport(out *screen.Screen, r doctor.Report) error {
	if out.JSON {
		return out.Encode(r)
	}
	marks := map[doctor.Status]screen.Mark{doctor.OK: screen.Good, doctor.Warning: screen.Warning, doctor.Failed: screen.Bad}
	var rows [][]screen.Cell
	for _, row := range r.Rows {
		where := strings.TrimSuffix(row.Deployment+"/"+string(row.Site), "/")
		if row.Deployment == "" {
			where = "(stack)"
		}
		text := row.Found
		if row.Do != "" {
			text += ". To do: " + row.Do + "."
		}
		rows = append(rows, []screen.Cell{{Text: string(row.Status), Mark: marks[row.Status]}, {Text: where}, {Text: string(row.Check)}, {Text: text}})
	}
	if err := out.Table([]string{"STATUS", "WHERE", "CHECK", "FOUND"}, rows); err != nil {
		return err
	}
	return out.Line("%d ok, %s, %d failed", r.Count(doctor.OK), plural(r.Count(doctor.Warning), "warning"), r.Count(doctor.Failed))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
