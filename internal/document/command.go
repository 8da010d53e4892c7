package document

import (
	"fmt"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Command is one simple command of a block: not a pipeline, but each part of it.
type Command struct {
	Block
	// Words are the program and its arguments. What the shell would put in is
	// kept as it is written there: $NAME, $(…).
	Words []string
}

// Place is where a reader finds the command.
func (c Command) Place() string { return c.Block.Place() }

// String is the command as a reader would type it, on one line.
func (c Command) String() string { return strings.Join(c.Words, " ") }

// Program is the command's name without its folder.
func (c Command) Program() string {
	return c.Words[0][strings.LastIndex(c.Words[0], "/")+1:]
}

// AsksAWS reports whether the command speaks to AWS or to what is deployed there,
// or reads what such a command wrote.
func (c Command) AsksAWS() bool {
	return slices.Contains([]string{"aws", "curl", "jq"}, c.Program())
}

// Script is the block's commands without what a terminal answered.
func (b Block) Script() string {
	if b.Language != "console" {
		return b.Text
	}
	var script strings.Builder
	continued := false
	for line := range strings.Lines(b.Text) {
		command, prompt := strings.CutPrefix(line, "$ ")
		if !prompt && !continued {
			continue
		}
		script.WriteString(command)
		continued = strings.HasSuffix(command, "\\\n")
	}
	return script.String()
}

// Commands are the block's, those within $(…) too, in their order. A block that
// no shell takes, and a placeholder that a shell would take for a redirection,
// are errors.
func (b Block) Commands() ([]Command, error) {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash), syntax.KeepComments(true)).Parse(strings.NewReader(b.Script()), "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w (a bare <placeholder> is a redirection: quote it)", b.Place(), err)
	}
	var all []Command
	var problem error
	syntax.Walk(file, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.CallExpr:
			if len(n.Args) == 0 {
				break
			}
			c := Command{Block: b}
			c.Line += int(n.Pos().Line()) - 1 //nolint:gosec // lines of a document
			if b.Language == "console" {
				c.Line = b.Line
			}
			for _, word := range n.Args {
				c.Words = append(c.Words, written(word))
			}
			all = append(all, c)
		case *syntax.Redirect:
			if n.Op == syntax.RdrOut && placeholder(b.Script(), n) {
				problem = fmt.Errorf("%s: a bare <placeholder> is a redirection: quote it, or use a $VARIABLE", b.Place())
			}
		}
		return true
	})
	return all, problem
}

// placeholder reports whether a > closes what began with a < just before it.
func placeholder(script string, n *syntax.Redirect) bool {
	before := script[:n.OpPos.Offset()]
	open := strings.LastIndexAny(before, "< \n")
	return open >= 0 && before[open] == '<'
}

// written is a word without its quotes.
func written(word *syntax.Word) string {
	var b strings.Builder
	parts(&b, word.Parts)
	return b.String()
}

func parts(b *strings.Builder, all []syntax.WordPart) {
	printer := syntax.NewPrinter()
	for _, part := range all {
		switch p := part.(type) {
		case *syntax.Lit:
			b.WriteString(strings.ReplaceAll(p.Value, "\\\n", ""))
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			parts(b, p.Parts)
		default:
			_ = printer.Print(b, part) // to memory
		}
	}
}
