package documents_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/document"
)

const root = "../.."

// everything is a proof: `make ci` reaches that target.
const everything = "make ci"

// provenBy says what runs a command that is neither `sitefence` nor `go test`, nor
// in a block that speaks to AWS: `make ci`, or a test by its package's folder and
// its name.
var provenBy = map[string]string{
	"go build -o build/sitefence ./cmd/sitefence": "local/commands TestScripts",
	"make setup":     everything,
	"make test-fast": everything,
	"make test":      everything,
	"make demo":      "local/demo TestDemo",
	"make fuzz":      everything,
}

// TestEveryCommandIsProven: no shell block of the documents holds a command that
// nothing runs, unless it says what it needs.
func TestEveryCommandIsProven(t *testing.T) {
	said := map[string]bool{}
	for _, b := range shellBlocks(t) {
		if b.Needs != "" || b.Language == "console" {
			continue
		}
		all := commands(t, b)
		if slices.ContainsFunc(all, document.Command.AsksAWS) {
			continue // local/commands runs the whole of it
		}
		for _, c := range all {
			said[c.String()] = true
			switch proof, ok := provenBy[c.String()]; {
			case slices.Contains([]string{"sitefence", "source", "cd"}, c.Program()):
				// cmd/sitefence's own test; and what changes nothing.
			case c.Program() == "go" && c.Words[1] == "test":
				goTest(t, c, all)
			case !ok:
				t.Errorf("%s: nothing runs `%s`: name its test in provenBy, or mark the block as `sh %s` or `sh %s`",
					c.Place(), c, document.NeedsAWS, document.NeedsSite)
			default:
				prove(t, c, proof)
			}
		}
	}
	for command := range provenBy {
		if !said[command] {
			t.Errorf("no document says `%s` any more: take it out of provenBy", command)
		}
	}
}

// prove looks whether the proof is there and not only said.
func prove(t *testing.T, c document.Command, proof string) {
	t.Helper()
	if target, ok := strings.CutPrefix(c.String(), "make "); ok {
		target = strings.Fields(target)[0]
		goals := targets(t)
		if _, ok := goals[target]; !ok {
			t.Errorf("%s: the Makefile has no target %s", c.Place(), target)
		}
		if proof == everything && !reaches(goals, "ci", target) {
			t.Errorf("%s: make ci does not reach %s", c.Place(), target)
		}
	}
	if proof == everything {
		return
	}
	dir, test, _ := strings.Cut(proof, " ")
	if !strings.Contains(tests(t, dir), "\nfunc "+test+"(t *testing.T)") {
		t.Errorf("%s: the proof of `%s` is gone: %s", c.Place(), c, proof)
	}
}

// goTest looks whether the packages, the test and the flag are there; that they
// pass is what `make ci` shows.
func goTest(t *testing.T, c document.Command, block []document.Command) {
	t.Helper()
	dir := ""
	for _, other := range block {
		if other.Program() == "cd" && other.Line <= c.Line {
			dir = other.Words[1]
		}
	}
	source, flags := "", map[string]string{}
	for i, word := range c.Words[2:] {
		if name, ok := strings.CutPrefix(word, "-"); ok {
			flags[name] = c.Words[min(i+3, len(c.Words)-1)]
		} else if strings.HasPrefix(word, ".") {
			source += tests(t, filepath.Join(dir, strings.TrimSuffix(word, "/...")))
		}
	}
	if source == "" {
		t.Errorf("%s: `%s` finds no test", c.Place(), c)
	}
	if _, ok := flags["update"]; ok && !strings.Contains(source, `flag.Bool("update"`) {
		t.Errorf("%s: `%s`: there is no flag -update", c.Place(), c)
	}
	if test := strings.Trim(flags["run"], "^$"); !strings.Contains(source, "\nfunc "+test) {
		t.Errorf("%s: `%s`: there is no such test", c.Place(), c)
	}
}

// tests is the source of the tests in a folder, or of those below it.
func tests(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"*_test.go", "*/*_test.go"} {
		files, err := filepath.Glob(filepath.Join(root, dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(data)
		}
		if all.Len() > 0 {
			break
		}
	}
	return all.String()
}

// goal is a target of the Makefile.
type goal struct {
	needs  []string
	recipe string
}

// targets are the Makefile's, with what each needs. What is named x_PARTS is made
// one by one by the recipe of x, and x by that of ci if it says so.
func targets(t *testing.T) map[string]goal {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	goals, last := map[string]goal{}, ""
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "\t") {
			goals[last] = goal{goals[last].needs, goals[last].recipe + line}
			continue
		}
		target, rest, ok := strings.Cut(line, ":")
		side, _, parts := strings.Cut(target, "_PARTS")
		last = ""
		switch {
		case parts:
			last, rest = side, strings.TrimPrefix(rest, "=")
		case ok && !strings.ContainsAny(target, " \t.$") && !strings.Contains(rest, "="):
			last = target
		}
		if last != "" {
			goals[last] = goal{append(goals[last].needs, strings.Fields(rest)...), goals[last].recipe}
		}
	}
	ci := goals["ci"]
	for _, word := range strings.Fields(ci.recipe) {
		if _, ok := goals[word]; ok {
			ci.needs = append(ci.needs, word)
		}
	}
	goals["ci"] = ci
	return goals
}

// reaches reports whether one target has another one made, or all that it is the
// sum of.
func reaches(goals map[string]goal, from, target string) bool {
	reached := func(next string) bool { return reaches(goals, from, next) }
	sum := goals[target]
	return from == target || slices.ContainsFunc(goals[from].needs, func(next string) bool { return reaches(goals, next, target) }) ||
		sum.recipe == "" && len(sum.needs) > 0 && !slices.ContainsFunc(sum.needs, func(part string) bool { return !reached(part) })
}

// shellBlocks are the documents' blocks with commands.
func shellBlocks(t *testing.T) (all []document.Block) {
	t.Helper()
	blocks, err := document.Blocks(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		if b.Shell() {
			all = append(all, b)
		}
	}
	if len(all) < 40 {
		t.Fatalf("%d blocks with commands: most are not found", len(all))
	}
	return all
}

func commands(t *testing.T, b document.Block) []document.Command {
	t.Helper()
	all, err := b.Commands()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
