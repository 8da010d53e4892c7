package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sitefence/sitefence/internal/document"
)

// TestDocumentedCommands: what the documents tell a reader to type, the command
// takes; and what they do not mark as needing more than this machine, a script
// runs, with each of its flags.
func TestDocumentedCommands(t *testing.T) {
	blocks, err := document.Blocks("../..")
	if err != nil {
		t.Fatal(err)
	}
	run, seen := scripted(t), 0
	for _, b := range blocks {
		if !b.Shell() {
			continue
		}
		commands, err := b.Commands()
		if err != nil {
			t.Error(err)
		}
		for _, c := range commands {
			if c.Program() != "sitefence" {
				continue
			}
			seen++
			use, err := used(c.Words)
			switch {
			case err != nil:
				t.Errorf("%s: %s: %v", c.Place(), c, err)
			case b.Needs == "" && !slices.ContainsFunc(run, use.within):
				t.Errorf("%s: no script in testdata runs `%s` with %s; let one, or mark the block as `sh %s`",
					c.Place(), c, strings.Join(use.flags, " "), document.NeedsAWS)
			}
		}
	}
	if seen < 30 {
		t.Errorf("%d commands in the documents: most are not found", seen)
	}
}

// use is a command and the flags that it is given.
type use struct {
	command string
	flags   []string
}

// within reports whether the script's use has all flags of the document's.
func (u use) within(script use) bool {
	return u.command == script.command && !slices.ContainsFunc(u.flags, func(flag string) bool { return !slices.Contains(script.flags, flag) })
}

// used parses a command line as the command would, and runs nothing.
func used(words []string) (use, error) {
	root := newRoot()
	root.InitDefaultCompletionCmd()
	cmd, rest, err := root.Find(words[1:])
	if err != nil {
		return use{}, err
	}
	u := use{command: cmd.CommandPath()}
	cmd.RunE = func(*cobra.Command, []string) error { return nil }
	root.SetArgs(append(strings.Fields(cmd.CommandPath())[1:], rest...))
	root.SetOut(&strings.Builder{})
	err = root.Execute()
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name != "local" && f.Name != "stack" && f.Name != "deployment" { // where, not what
			u.flags = append(u.flags, "--"+f.Name)
		}
	})
	return u, err
}

// called is the command as a Go test of this package calls it.
var called = regexp.MustCompile(`\bsitefence\([^,()]+, ("[^)]*")\)`)

// scripted are the uses of the command in the scripts and in the Go tests.
func scripted(t *testing.T) (all []use) {
	t.Helper()
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 || len(more) == 0 {
		t.Fatalf("%d and %d scripts, %v", len(scripts), len(more), err)
	}
	tests, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range tests {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range called.FindAllStringSubmatch(string(data), -1) {
			words := []string{"sitefence"}
			for word := range strings.SplitSeq(call[1], ", ") {
				words = append(words, strings.Trim(word, `"`))
			}
			if u, err := used(words); err == nil {
				all = append(all, u)
			}
		}
	}
	for _, file := range append(scripts, more...) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			line = strings.TrimRight(strings.TrimSpace(line), "&")
			command, ok := strings.CutPrefix(line, "exec sitefence ")
			if !ok {
				continue // `exitcode`, `! exec`: it refused
			}
			b := document.Block{File: file, Language: "sh", Text: "sitefence " + command}
			commands, err := b.Commands()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range commands {
				if u, err := used(c.Words); err == nil {
					all = append(all, u)
				}
			}
		}
	}
	return all
}
