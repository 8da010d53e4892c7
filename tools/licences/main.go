// Licences checks that everything that is shipped has a licence from allowed.txt:
//
//	go run . ../..          the root of the repository
//
// Shipped is what is linked into the functions and the command, on each system
// that the command is built for, and what the CDK app and its constructs import.
// A licence is known by its whole text, not by its name; a dependency without a
// licence, or with a text that is not recognised, is a problem. It asks nobody:
// all it reads is what the Go toolchain has downloaded.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

// shipped are the programs and packages, each in its module's folder.
var shipped = []Product{
	{Dir: ".", Patterns: []string{"./functions/..."}, Systems: []string{"linux"}},
	{Dir: ".", Patterns: []string{"./cmd/sitefence"}, Systems: []string{"linux", "darwin", "windows"}},
	{Dir: "infra", Patterns: []string{".", "./app"}, Systems: []string{"linux", "darwin", "windows"}},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1) //nolint:gocritic // stop only unregisters the signal
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("want the repository's root, got %q", args)
	}
	allowed, err := ReadAllowed(filepath.Join(args[0], "tools", "licences", "allowed.txt"))
	if err != nil {
		return err
	}
	modules := map[string]Module{}
	for _, p := range shipped {
		p.Dir = filepath.Join(args[0], p.Dir)
		if err := p.Modules(ctx, modules); err != nil {
			return err
		}
	}
	problems := 0
	for _, name := range sortedNames(modules) {
		m := modules[name]
		ids, err := m.Licences(allowed)
		if err == nil {
			err = allowed.Check(ids)
		}
		verdict := strings.Join(ids, " and ")
		if err != nil {
			verdict = "PROBLEM: " + err.Error()
			problems++
		}
		fmt.Fprintf(out, "%-70s %s\n", m.Name(), verdict) //nolint:errcheck // to the terminal
	}
	for _, name := range allowed.Unused() {
		fmt.Fprintf(out, "PROBLEM: tools/licences/allowed.txt has %s, which is not there: remove it\n", name) //nolint:errcheck // to the terminal
		problems++
	}
	if problems > 0 {
		return fmt.Errorf("%d problems in %d modules", problems, len(modules))
	}
	fmt.Fprintf(out, "licences: %d modules, all allowed\n", len(modules)) //nolint:errcheck // to the terminal
	return nil
}

func sortedNames(modules map[string]Module) []string {
	var names []string
	for name := range modules {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
