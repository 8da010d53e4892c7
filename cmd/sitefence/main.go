// Command sitefence is the operator's command.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/sitefence/sitefence/local/demo"
)

type cli struct {
	Demo demoCommand `cmd:"" help:"Cut the link between two sites on this machine and watch the pipeline fence one."`
}

type demoCommand struct {
	Keep   bool `help:"Leave everything running until Ctrl-C, and print how to play with it."`
	Double bool `help:"Use a double of Infinispan's REST interface instead of real servers."`
}

// Run is kong's entry to the command.
func (c demoCommand) Run(ctx context.Context) error {
	return demo.Run(ctx, os.Stdout, demo.Options{Keep: c.Keep, Double: c.Double})
}

func main() {
	// A second Ctrl-C ends the process at once; what it started dies with it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	var c cli
	parsed := kong.Parse(&c, kong.Name("sitefence"), kong.Description("Fences one of two Keycloak sites when the link between them breaks."),
		kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)))
	err := parsed.Run()
	stop()
	parsed.FatalIfErrorf(err)
}
