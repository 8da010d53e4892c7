package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

const referenceFile = "../../docs/configuration.md"

const referenceHead = `# The configuration file: every field

<!-- Made of sitefence.schema.json by go test ./internal/config -update. -->

The file is YAML. [sitefence.example.yaml](../sitefence.example.yaml) is one to copy, with a comment at each field; ` + "`sitefence init`" + `
writes a first one from what AWS knows. It is checked as a whole before anything is deployed: every problem is named at once, with the
field, what was found, what was expected, and the line. A field that is not known is an error, and the message says which one was
probably meant. The file holds names of secrets, never a secret.

For completion and checks while you write, let its first line name the [schema](../sitefence.schema.json), as in the example. Editors
with yaml-language-server read it, as VS Code with the YAML extension and Neovim.

An optional field that is empty (` + "`network:`" + ` with nothing behind it) is the same as one that is not there. A list's items are written
` + "`[]`" + ` below.
`

// TestReference renders the schema for readers who have no such editor.
func TestReference(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(referenceHead)
	root := readSchema(t)
	section(&b, "", root)
	if *update {
		if err := os.WriteFile(referenceFile, b.Bytes(), 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s is not what the schema says (-file +schema; go test ./internal/config -update writes it):\n%s", referenceFile, diff)
	}
}

// section writes the table of a mapping's fields, and then those of the mappings
// in it.
func section(b *bytes.Buffer, path string, n *node) {
	if path == "" {
		fmt.Fprintf(b, "\n## The file\n")
	} else {
		fmt.Fprintf(b, "\n## `%s`\n\n%s\n", path, n.Description)
	}
	inner := n.inner()
	fmt.Fprintf(b, "\n| Field | Type | Default | Meaning |\n| --- | --- | --- | --- |\n")
	for _, name := range inner.order {
		f := inner.Properties[name]
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", name, kindOf(f), defaultOf(f, slices.Contains(inner.Required, name)), meaning(f))
	}
	for _, name := range inner.order {
		at, f := strings.TrimPrefix(path+"."+name, "."), inner.Properties[name]
		whole := f
		for f.inner().Items != nil {
			at, f = at+"[]", f.inner().Items
		}
		if f.inner().Properties == nil {
			continue
		}
		shown := *f
		if f.AnyOf != nil || f.Description == "" {
			shown.Description = whole.Description
		}
		section(b, at, &shown)
	}
}

func kindOf(f *node) string {
	switch {
	case f.AnyOf != nil && f.Type == nil:
		return "`none` or mapping"
	case f.Enum != nil:
		var all []string
		for _, v := range f.Enum {
			if v != nil {
				all = append(all, code(v))
			}
		}
		return strings.Join(all, ", ")
	case f.allows("array"):
		item := kindOf(f.Items)
		if f.Items.allows("object") {
			item = "mapping"
		}
		return "list of " + item
	case f.allows("object"):
		return "mapping"
	case f.allows("boolean"):
		return "`true` or `false`"
	case f.allows("integer") && f.Minimum != nil && f.Maximum != nil:
		return fmt.Sprintf("number, %d to %d", *f.Minimum, *f.Maximum)
	case f.allows("integer"):
		return "number"
	}
	return "text"
}

func defaultOf(f *node, required bool) string {
	switch {
	case required:
		return "required"
	case f.Default != nil:
		return code(f.Default)
	}
	return ""
}

func code(v any) string {
	if s, ok := v.(string); ok {
		return "`" + s + "`"
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return "`" + string(data) + "`"
}

func meaning(f *node) string {
	text := f.Description
	if f.Items != nil && f.Items.Properties == nil && f.Items.Description != "" {
		text += " Each: " + strings.ToLower(f.Items.Description[:1]) + f.Items.Description[1:]
	}
	for _, e := range f.Examples {
		text += " Example: " + code(e) + "."
	}
	return strings.ReplaceAll(text, "|", "\\|")
}
