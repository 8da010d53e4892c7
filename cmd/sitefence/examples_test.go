package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// An example is there to be pasted: what explains it is a comment, and its flags
// and arguments are the command's.
func TestExamplesCanBePasted(t *testing.T) {
	for _, c := range newRoot().Commands() {
		if c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		if !strings.Contains(c.Example, "sitefence "+c.Name()) {
			t.Errorf("%s has no example", c.Name())
		}
		for line := range strings.Lines(strings.ReplaceAll(c.Example, "\\\n", "")) {
			pasted(t, strings.TrimSpace(line))
		}
	}
}

func pasted(t *testing.T, line string) {
	t.Helper()
	line, _, _ = strings.Cut(line, " #")
	line, _, _ = strings.Cut(line, " |")
	line, _, _ = strings.Cut(line, " <")
	if line == "" || strings.HasPrefix(line, "#") {
		return
	}
	var args []string
	for i, quoted := range strings.Split(line, `"`) {
		if i%2 == 1 {
			args = append(args, quoted)
			continue
		}
		args = append(args, strings.Fields(quoted)...)
	}
	root := newRoot()
	cmd, rest, err := root.Find(args[1:])
	if err != nil || args[0] != "sitefence" || cmd == root {
		t.Errorf("%q: %v", line, err)
		return
	}
	cmd.RunE = func(*cobra.Command, []string) error { return nil }
	root.SetArgs(append([]string{cmd.Name()}, rest...))
	if err := root.Execute(); err != nil {
		t.Errorf("%q: %v", line, err)
	}
}
