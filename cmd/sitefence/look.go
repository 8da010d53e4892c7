package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/spf13/cobra"

	"github.com/sitefence/sitefence/internal/deployed"
	"github.com/sitefence/sitefence/internal/history"
	"github.com/sitefence/sitefence/internal/screen"
)

// looking is a stack for a command that looks at it: at one deployment, or at all.
type looking struct {
	connection
	screen      *screen.Screen
	deployments []deployed.Deployment
	states      *sfn.Client
	// flags are those with which another command reaches the same stack.
	flags string
}

// look opens the stack. Without --deployment all its deployments are looked at.
func (t *target) look(cmd *cobra.Command) (looking, error) {
	s, err := t.screen(cmd)
	if err != nil {
		return looking{}, err
	}
	c, err := t.open(cmd.Context())
	if err != nil {
		return looking{}, err
	}
	l := looking{connection: c, screen: s, deployments: c.outputs.Deployments, states: sfn.NewFromConfig(c.aws), flags: t.same(cmd)}
	if t.deployment != "" {
		d, err := c.outputs.Find(t.deployment)
		if err != nil {
			return looking{}, fmt.Errorf("--deployment: %w", err)
		}
		l.deployments = []deployed.Deployment{d}
	}
	if len(l.deployments) == 0 {
		return looking{}, fmt.Errorf("stack %s has no deployment: deploy this release", t.stack)
	}
	return l, nil
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9:/._-]+$`)

// same are the flags that reach the same stack, for the commands that a text names.
func (t *target) same(cmd *cobra.Command) (flags string) {
	if cmd.Flags().Changed("stack") && plainWord.MatchString(t.stack) {
		flags += " --stack " + t.stack
	}
	if t.local {
		flags += " --local"
	}
	return flags
}

// flagsFor names the deployment too, where the stack has several.
func (l looking) flagsFor(deployment string) string {
	if len(l.outputs.Deployments) < 2 || deployment == "" {
		return l.flags
	}
	return " --deployment " + deployment + l.flags
}

func machinesOf(d deployed.Deployment) history.Machines {
	return history.Machines{Deployment: d.Name, Guard: d.Guard, Fence: d.Fence, Restore: d.Restore}
}

// machineKind is what a machine is for.
type machineKind string

const (
	guardMachine   machineKind = "guard"
	fenceMachine   machineKind = "fence"
	restoreMachine machineKind = "restore"
)

// whose tells which of the stack's machines has that ARN.
func (l looking) whose(machine string) (deployed.Deployment, machineKind, bool) {
	for _, d := range l.outputs.Deployments {
		switch machine {
		case "":
		case d.Guard:
			return d, guardMachine, true
		case d.Fence:
			return d, fenceMachine, true
		case d.Restore:
			return d, restoreMachine, true
		}
	}
	return deployed.Deployment{}, "", false
}

// found is an execution of the stack.
type found struct {
	history.Execution
	deployment deployed.Deployment
	machine    machineKind
}

// find reads the execution of that ARN, or of that name among the machines of the
// deployments that are looked at.
func (l looking) find(ctx context.Context, execution string) (found, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, errors.New("AWS did not answer within a minute"))
	defer cancel()
	if history.IsARN(execution) {
		d, kind, ok := l.whose(history.MachineOf(execution))
		if !ok {
			return found{}, fmt.Errorf("%.200q is an execution of no machine of this stack: see `sitefence history%s`", execution, l.flags)
		}
		e, err := history.Describe(ctx, l.states, execution)
		return found{e, d, kind}, expired(err)
	}
	var all []found
	for _, d := range l.deployments {
		for _, machine := range []string{d.Guard, d.Fence, d.Restore} {
			if machine == "" {
				continue
			}
			e, err := history.Describe(ctx, l.states, history.ARN(machine, execution))
			if unknown(err) {
				continue
			}
			if err != nil {
				return found{}, err
			}
			_, kind, _ := l.whose(machine)
			all = append(all, found{e, d, kind})
		}
	}
	switch len(all) {
	case 0:
		return found{}, fmt.Errorf("there is no execution %.100q: see `sitefence history%s` (Step Functions keeps them for 90 days)", execution, l.flags)
	case 1:
		return all[0], nil
	}
	var arns []string
	for _, f := range all {
		arns = append(arns, f.ARN)
	}
	slices.Sort(arns)
	return found{}, fmt.Errorf("several executions are named %.100q: choose one of %s", execution, strings.Join(arns, ", "))
}

func unknown(err error) bool {
	_, missing := errors.AsType[*types.ExecutionDoesNotExist](err)
	_, invalid := errors.AsType[*types.InvalidArn](err)
	return missing || invalid
}

func expired(err error) error {
	if unknown(err) {
		return fmt.Errorf("%w (Step Functions keeps an execution for 90 days)", err)
	}
	return err
}

// since is the moment that a flag names: how long ago, or a time.
func since(value string, now time.Time) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(value, "d"); ok {
		if hours, err := time.ParseDuration(days + "h"); err == nil && hours >= 0 {
			return now.Add(-24 * hours), nil
		}
	}
	if ago, err := time.ParseDuration(value); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, value); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usagef("--since: got %.60q, want how long ago (90m, 24h, 7d) or a time (2026-11-24 or RFC 3339)", value)
}
