// Package document finds the commands that the documents tell a reader to run.
// It guarantees that none is missed: every fenced block of every document has an
// info string that says what it is, and every shell block is read by a shell's
// own parser.
//
// A block is one of these:
//
//	sh               commands that a test runs
//	sh needs-aws     commands that only AWS can answer; they are checked, not run
//	sh needs-site    commands that need a site's cluster, Infinispan or pager
//	console          what a terminal showed; what follows "$ " are commands
//
// or is written in another language of Languages, and holds no command.
package document

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Languages are what a block may be written in, beside sh and console.
var Languages = []string{"text", "json", "yaml", "promql", "mermaid", "go"}

// What a shell block may need that no test has.
const (
	NeedsAWS  = "needs-aws"
	NeedsSite = "needs-site"
)

// Block is one fenced block.
type Block struct {
	File     string // relative to the repository's root, with slashes
	Line     int    // of its first line of text
	Language string
	Needs    string // NeedsAWS, NeedsSite or empty
	Text     string
}

// Place is where a reader finds it.
func (b Block) Place() string { return fmt.Sprintf("%s:%d", b.File, b.Line) }

// Shell reports whether the block holds commands.
func (b Block) Shell() bool { return b.Language == "sh" || b.Language == "console" }

// Blocks are those of every document under root, in the order of the files'
// names. All that is wrong with them is told at once.
func Blocks(root string) ([]Block, error) {
	files, err := Files(root)
	if err != nil {
		return nil, err
	}
	var all []Block
	var problems error
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file))) //nolint:gosec // the repository's own
		if err != nil {
			return nil, err
		}
		blocks, err := Parse(file, string(data))
		problems = errors.Join(problems, err)
		all = append(all, blocks...)
	}
	return all, problems
}

// Files are the documents under root, relative to it. What was built, installed
// or is a test's is none.
func Files(root string) (files []string, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || slices.Contains([]string{"node_modules", "build", "cdk.out", "testdata"}, name)) {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, ".md") {
			relative, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			files = append(files, filepath.ToSlash(relative))
		}
		return nil
	})
	return files, err
}

// Parse reads one document.
func Parse(file, text string) (blocks []Block, problems error) {
	var block *Block
	indent, number := "", 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\n")
		trimmed := strings.TrimLeft(line, " ")
		fence, isFence := strings.CutPrefix(trimmed, "```")
		switch {
		case block == nil && isFence:
			indent = line[:len(line)-len(trimmed)]
			block = &Block{File: file, Line: number + 1}
			if err := block.describe(fence); err != nil {
				problems = errors.Join(problems, fmt.Errorf("%s:%d: %w", file, number, err))
			}
		case block != nil && isFence && strings.TrimSpace(fence) == "":
			blocks, block = append(blocks, *block), nil
		case block != nil:
			block.Text += strings.TrimPrefix(line, indent) + "\n"
		}
	}
	if block != nil {
		problems = errors.Join(problems, fmt.Errorf("%s: the block does not end", block.Place()))
	}
	return blocks, problems
}

// describe reads the info string.
func (b *Block) describe(info string) error {
	words := strings.Fields(info)
	if len(words) == 0 {
		return fmt.Errorf("a block without an info string: say sh, sh %s, sh %s, console, or one of %s",
			NeedsAWS, NeedsSite, strings.Join(Languages, ", "))
	}
	b.Language = words[0]
	if !b.Shell() && !slices.Contains(Languages, b.Language) {
		return fmt.Errorf("info string %q: want sh, console, or one of %s", info, strings.Join(Languages, ", "))
	}
	if len(words) == 1 {
		return nil
	}
	if b.Needs = words[1]; b.Language != "sh" || len(words) > 2 || b.Needs != NeedsAWS && b.Needs != NeedsSite {
		return fmt.Errorf("info string %q: only sh may need something, and only %s or %s", info, NeedsAWS, NeedsSite)
	}
	return nil
}
