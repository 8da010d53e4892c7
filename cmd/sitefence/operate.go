package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/deployed"
	"github.com/sitefence/sitefence/internal/screen"
)

// opened is one deployment of a stack, for a command that acts on it.
type opened struct {
	connection
	screen     *screen.Screen
	deployment deployed.Deployment
	states     *sfn.Client
	// flags are those with which another command reaches the same deployment.
	flags string
}

// operate opens the deployment that the flags name.
func (t *target) operate(cmd *cobra.Command) (opened, error) {
	s, err := t.screen(cmd)
	if err != nil {
		return opened{}, err
	}
	c, err := t.open(cmd.Context())
	if err != nil {
		return opened{}, err
	}
	d, err := c.outputs.Find(t.deployment)
	if err != nil {
		return opened{}, fmt.Errorf("--deployment: %w", err)
	}
	flags := t.same(cmd)
	if len(c.outputs.Deployments) > 1 {
		flags = " --deployment " + d.Name + flags
	}
	return opened{connection: c, screen: s, deployment: d, states: sfn.NewFromConfig(c.aws), flags: flags}, nil
}

// lacks is a stack of an earlier release.
func lacks(deployment, what string) error {
	return fmt.Errorf("the stack has no %s of %s: deploy this release (cdk deploy), then try again", what, deployment)
}

func refusef(format string, args ...any) error {
	return errors.New(screen.Clean(fmt.Sprintf(format, args...)))
}

// clock is a time as the person at this terminal reads it.
func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }

// say writes a line for people; a program that asked for JSON gets the whole at
// the end.
func (o opened) say(format string, args ...any) error {
	if o.screen.JSON {
		return nil
	}
	return o.screen.Line(format, args...)
}

// running are the names of a machine's executions that have not ended.
func (o opened) running(ctx context.Context, machine string) ([]string, error) {
	names := []string{}
	pages := sfn.NewListExecutionsPaginator(o.states, &sfn.ListExecutionsInput{StateMachineArn: &machine, StatusFilter: types.ExecutionStatusRunning})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing what runs: %w", err)
		}
		for _, e := range page.Executions {
			names = append(names, aws.ToString(e.Name))
		}
	}
	return names, nil
}

// who is the name for the record: what --by says, else AWS's name of the caller,
// else the user's name on this machine.
func (o opened) who(ctx context.Context, by string) (string, error) {
	if by == "" {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		if out, err := sts.NewFromConfig(o.aws).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err == nil {
			arn := aws.ToString(out.Arn)
			by = arn[strings.LastIndexAny(arn, ":/")+1:]
		}
	}
	if by == "" {
		by = os.Getenv("USER")
	}
	if by == "" || len(by) > contract.MaxOrder {
		return "", usagef("--by: got %.60q, want your name, 1 to %d bytes, for the record", by, contract.MaxOrder)
	}
	return by, nil
}

// asker asks the person at the terminal. Questions go where errors go, so that
// they are seen and never part of the answer.
type asker struct {
	in       *bufio.Reader
	out      io.Writer
	terminal bool
}

func newAsker(cmd *cobra.Command) asker {
	in := cmd.InOrStdin()
	f, ok := in.(*os.File)
	return asker{bufio.NewReader(in), cmd.ErrOrStderr(), ok && term.IsTerminal(int(f.Fd()))}
}

func nobodyToAsk(flag string) error {
	return usagef("%s: want it where nobody can be asked (standard input is no terminal)", flag)
}

// typed asks until the end of one line, and wants exactly that text. Where nobody
// can be asked the error names the flag that answers. The end of ctx, which is what
// Ctrl-C is, ends the question; the reading ends with the process.
func (a asker) typed(ctx context.Context, question, want, flag string) error {
	if !a.terminal {
		return nobodyToAsk(flag)
	}
	if _, err := fmt.Fprintf(a.out, "%s\nType %s to go on: ", screen.Clean(question), want); err != nil {
		return err
	}
	type reading struct {
		line string
		err  error
	}
	read := make(chan reading, 1)
	go func() {
		line, err := a.in.ReadString('\n')
		read <- reading{line, err}
	}()
	select {
	case <-ctx.Done():
		_, _ = fmt.Fprintln(a.out)
		return fmt.Errorf("no answer, so nothing more was done: %w", context.Cause(ctx))
	case r := <-read:
		if got := strings.TrimSpace(r.line); got != want {
			if r.err != nil && got == "" {
				return fmt.Errorf("no answer, so nothing more was done: %w", r.err)
			}
			return fmt.Errorf("got %.60q, want %s: nothing more was done", got, want)
		}
	}
	return nil
}
