package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// field is a place in the file; its node is nil when there is nothing, and
// then every reader below returns its zero value without a problem.
type field struct {
	l    *loader
	path string
	node *yaml.Node
}

func (f field) problem(got, want string) { f.report(Problem{Got: got, Want: want}) }

func (f field) report(p Problem) {
	// One cause may show in a thousand places, by aliases.
	if len(f.l.problems) == maxProblems {
		return
	}
	p.Path = f.path
	if f.node != nil {
		p.Line = f.node.Line
	}
	f.l.problems = append(f.l.problems, &p)
}

// quote shortens a value from the file for a message.
func quote(s string) string { return fmt.Sprintf("%.60q", s) }

// kind says what a node is without saying what it holds.
func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!int", "!!float":
			return "a number"
		case "!!bool":
			return "true or false"
		case "!!str":
			return "text"
		case "!!null":
			return "nothing"
		}
	}
	return "a value of another type"
}

// resolve follows an alias (an alias of an alias does not exist) and makes an
// explicit null the same as an absent field.
func resolve(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return nil
	}
	return n
}

type member struct {
	field
	name string
}

// object is a mapping whose keys are known to be text and unique.
type object struct {
	field
	members []member
}

func (o object) optional(name string) field {
	for _, m := range o.members {
		if m.name == name {
			return m.field
		}
	}
	return field{o.l, o.child(name), nil}
}

func (o object) required(name string) field { return o.requiredAs(name, "a value") }

// requiredAs says what is missing in more words than "a value".
func (o object) requiredAs(name, want string) field {
	f := o.optional(name)
	// A parent that is missing or no mapping was reported already; an empty
	// file was not.
	isMapping := o.node != nil && o.node.Kind == yaml.MappingNode
	if f.node == nil && (isMapping || o.node == nil && o.path == "") {
		p := Problem{Got: "nothing", Want: want + ": the field is required"}
		if o.node != nil {
			p.Line = o.node.Line
		}
		f.report(p)
	}
	return f
}

func (f field) child(name string) string {
	if name == "" {
		name = `""`
	}
	if f.path == "" {
		return name
	}
	return f.path + "." + name
}

// object reads a mapping that has no other keys than the known ones.
func (f field) object(known ...string) object {
	if f.l.visit != nil {
		f.l.visit(f.path, known)
	}
	o := f.anyObject(maxFields, "at most 64 fields")
	o.members = slices.DeleteFunc(o.members, func(m member) bool {
		if slices.Contains(known, m.name) {
			return false
		}
		m.report(Problem{Text: unknown(m.name, known)})
		return true
	})
	return o
}

// anyObject reads a mapping with any keys, at most limit.
func (f field) anyObject(limit int, want string) object {
	o := object{field: f}
	if f.node == nil {
		return o
	}
	if f.node.Kind != yaml.MappingNode {
		f.problem(kind(f.node), "a mapping")
		return o
	}
	content := f.node.Content
	if len(content)/2 > limit {
		f.problem(strconv.Itoa(len(content)/2), want)
		content = content[:2*limit]
	}
	names := map[string]bool{}
	for i := 0; i+1 < len(content); i += 2 {
		key := resolve(content[i])
		if key == nil || key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" {
			f.problem("a key that is no text", "text keys only")
			continue
		}
		name := key.Value
		at := field{f.l, f.child(fmt.Sprintf("%.60s", printable(name))), key}
		if names[name] {
			at.problem("the field a second time", "it once")
			continue
		}
		names[name] = true
		at.node = resolve(content[i+1])
		o.members = append(o.members, member{at, name})
	}
	return o
}

// printable keeps a strange key from garbling the terminal.
func printable(s string) string {
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

// list reads a sequence of least to most items.
func (f field) list(least, most int, want string) []field {
	if f.node == nil {
		return nil
	}
	if f.node.Kind != yaml.SequenceNode {
		f.problem(kind(f.node), "a list: "+want)
		return nil
	}
	n := len(f.node.Content)
	if n < least || n > most {
		f.problem(strconv.Itoa(n), want)
	}
	var items []field
	for i, node := range f.node.Content[:min(n, most)] {
		item := field{f.l, fmt.Sprintf("%s[%d]", f.path, i), resolve(node)}
		if item.node == nil {
			item.problem("nothing", "a value")
			continue
		}
		items = append(items, item)
	}
	return items
}

// text reads a string; a number or a boolean is not silently made one.
func (f field) text(want string) (string, bool) {
	if f.node == nil {
		return "", false
	}
	if f.node.Kind != yaml.ScalarNode || f.node.ShortTag() != "!!str" {
		got := kind(f.node)
		if f.node.Kind == yaml.ScalarNode {
			got += " (put it in quotes if it is meant as text)"
		}
		f.problem(got, want)
		return "", false
	}
	return f.node.Value, true
}

// match reads a string that obeys the rule, and "" otherwise.
func (f field) match(r rule) string {
	s, ok := f.text(r.want)
	if !ok {
		return ""
	}
	if !r.ok(s) {
		f.problem(r.show(s), r.want)
		return ""
	}
	return s
}

func (f field) boolean(otherwise bool) bool {
	if f.node == nil {
		return otherwise
	}
	var b bool
	if f.node.Kind != yaml.ScalarNode || f.node.ShortTag() != "!!bool" || f.node.Decode(&b) != nil {
		f.problem(kind(f.node), "true or false")
		return otherwise
	}
	return b
}

// whole reads an integer from least to most; otherwise when there is none.
func (f field) whole(otherwise, least, most int, what string) int {
	if f.node == nil {
		return otherwise
	}
	want := fmt.Sprintf("%s from %d to %d", what, least, most)
	var n int
	if f.node.Kind != yaml.ScalarNode || f.node.ShortTag() != "!!int" || f.node.Decode(&n) != nil {
		f.problem(kind(f.node), want)
		return otherwise
	}
	if n < least || n > most {
		f.problem(strconv.Itoa(n), want)
		return otherwise
	}
	return n
}

// number reads one of the allowed integers.
func (f field) number(otherwise int, allowed []int) int {
	if f.node == nil {
		return otherwise
	}
	want := "one of " + strings.Trim(fmt.Sprint(allowed), "[]")
	var n int
	if f.node.Kind != yaml.ScalarNode || f.node.ShortTag() != "!!int" || f.node.Decode(&n) != nil {
		f.problem(kind(f.node), want)
		return otherwise
	}
	if !slices.Contains(allowed, n) {
		f.problem(strconv.Itoa(n), want)
		return otherwise
	}
	return n
}

// seen finds values that must be unique.
type seen struct {
	what  string
	first map[string]string // value to the path that had it first
}

func once(what string) seen { return seen{what, map[string]string{}} }

func (s seen) see(f field, value string) {
	if value == "" {
		return
	}
	if first, ok := s.first[value]; ok {
		f.problem(quote(value), fmt.Sprintf("a value that no other %s has (it is %s as well)", s.what, first))
		return
	}
	s.first[value] = f.path
}
