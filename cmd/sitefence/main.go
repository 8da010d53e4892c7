// Command sitefence is the operator's command.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sitefence/sitefence/internal/release"
	"github.com/sitefence/sitefence/local/demo"
)

// What the command exits with.
const (
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a mistake in the command line itself.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() {
	// A second Ctrl-C ends the process at once; what it started dies with it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	code := run(ctx)
	stop()
	os.Exit(code)
}

func run(ctx context.Context) int {
	// Whatever fails before a command's own code runs is the command line's fault.
	began := false
	root := newRoot()
	root.PersistentPreRun = func(*cobra.Command, []string) { began = true }
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	exit, own := errors.AsType[exitStatus](err)
	if own && exit.err == nil {
		return exit.code
	}
	fmt.Fprintln(os.Stderr, "sitefence: error:", err)
	if own {
		return exit.code
	}
	if _, usage := errors.AsType[usageError](err); usage || !began {
		fmt.Fprintf(os.Stderr, "Run `%s --help` for usage.\n", cmd.CommandPath())
		return exitUsage
	}
	return exitFailed
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "sitefence",
		Short: "Fences one of two Keycloak sites when the link between them breaks.",
		// An error is one line, without the whole usage under it.
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs, Version: release.Version,
		// Without a RunE the bare command would be a success that did nothing.
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usagef("a command is missing: one of %s", names(cmd.Commands()))
		},
	}
	root.AddCommand(newInit(), newDoctor(), newManifests(), newDemo())
	root.AddCommand(newStatus(), newHistory(), newReport(), newReplay())
	root.AddCommand(newPause(), newResume(), newDrill(), newFence(), newRestore())
	return root
}

func names(commands []*cobra.Command) (all string) {
	for _, c := range commands {
		if !c.IsAvailableCommand() {
			continue
		}
		if all != "" {
			all += ", "
		}
		all += c.Name()
	}
	return all
}

func newDemo() *cobra.Command {
	var options demo.Options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Cut the link between two sites on this machine and watch the pipeline fence one.",
		Example: `  sitefence demo
  sitefence demo --keep           # then, in another terminal: sitefence status --local`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options.Lines = cmd.InOrStdin()
			return demo.Run(cmd.Context(), os.Stdout, options)
		},
	}
	cmd.Flags().BoolVar(&options.Keep, "keep", false, "Leave everything running until Ctrl-C, and print how to play with it: the commands with --local, and Enter to heal the link.")
	cmd.Flags().BoolVar(&options.Double, "double", false, "Use a double of Infinispan's REST interface instead of real servers.")
	return cmd
}
