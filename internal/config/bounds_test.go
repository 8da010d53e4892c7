//go:build !race

package config

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The bounds of one configuration file of the largest size.
const (
	mostTime   = 3 * time.Second // some hundred milliseconds, on a busy machine
	mostMemory = 256 << 20
)

// nasty are files of the largest size that are as much work as can be made of it.
func nasty() map[string]string {
	const n = maxFileBytes - 4096
	fill := func(part string) string { return strings.Repeat(part, n/len(part)) }
	numbered := func(form string) string {
		var b strings.Builder
		for i := 0; b.Len() < n-2*len(form)-20; i++ {
			b.WriteString(strings.ReplaceAll(form, "#", strconv.Itoa(i)))
		}
		return b.String()
	}
	// Every place of the schema that can hold a mapping holds this one.
	everywhere := func(anchored string) string {
		site, d := "{name: *x, infinispan: *x}", "{accelerator: *x, sites: [*s, *s, *s, *s, *x]}"
		return "tags: &x " + anchored + "\nx: &s " + site + "\ny: &d " + d + "\nwebhook: *x\nnotifications: *x\ntuning: *x\ndeployments: [*x, *d, *d, *d, *d, *d, *d, *d, *d]"
	}
	laughs := "a: &a0 [x]\n"
	for i := 1; i < 60; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ","))
	}
	return map[string]string{
		"lists in lists": fill("["), "closed lists": strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "mappings in mappings": fill("{a: "), "items in items": fill("- "),
		"keys of keys": fill("? "), "empty items": fill("-\n"), "comments": fill("# x\n"), "one comment": "#" + fill("x"), "spaces": fill(" "), "lines": fill("\n"), "tabs": fill("\t"),
		"documents": fill("---\n"), "ends": fill("...\n"), "directives": fill("%YAML 1.1\n"), "tag directives": numbered("%TAG !#! tag:x\n"), "directives of old lines": strings.ReplaceAll(numbered("%TAG !#! tag:x\n"), "\n", "\r"), "a text": fill("x"), "a quoted text": `"` + fill("x") + `"`,
		"escapes": `"` + fill(`\0`) + `"`, "a folded text": "a: >\n" + fill(" x\n"), "a block": "a: |\n" + fill("  x\n"), "an indented block": "a: |\n" + numbered(" \n  \n"),
		"anchors": "a:\n" + numbered("- &a# x\n"), "one anchor many times": "a:\n" + fill("- &a x\n"), "aliases": "a: &a x\nb:\n" + fill("- *a\n"), "billion laughs": laughs + "deployments: *a59\ntags: *a59",
		"itself": "deployments: &a [*a, *a]\ntags: &b {x: *b}", "merge keys": "a: &a {x: y}\n" + numbered("b#: {<<: *a}\n"), "unknown fields": numbered("f#: x\n"), "one field many times": fill("a: x\n"),
		"a tag many times": "tags:\n" + fill("  a: x\n"), "tags": "tags:\n" + numbered("  a#: x\n"), "long keys": "? " + fill("x") + "\n: y", "unknown fields everywhere": everywhere("{" + numbered("f#: x, ") + "}"),
		"keys that are no text, everywhere": everywhere("{" + numbered("#: x, ") + "}"), "one field many times, everywhere": everywhere("{" + fill("name: x, ") + "}"),
		"a list everywhere": everywhere("[" + fill("x,") + "]"), "a text everywhere": everywhere(`"` + fill("x") + `"`), "a number": "a: " + fill("9"), "control characters": fill("\x01"),
		"no UTF-8": fill("\xff"), "UTF-16": "\xff\xfe" + fill("a\x00"), "deployments": "deployments: [" + fill("{},") + "]", "e-mails": "notifications: {emails: [" + fill(`"a@b.c",`) + "]}",
		"an e-mail": `notifications: {emails: ["` + fill("a,") + `@b"]}`, "comments in e-mail": `notifications: {emails: ["` + fill("(") + `"]}`, "flow": fill("{a: [{b: [") + "x",
	}
}

// TestBounds: no file takes more than a moment, a bounded memory, and a screen or
// two of problems.
func TestBounds(t *testing.T) {
	for name, text := range nasty() {
		t.Run(name, func(t *testing.T) {
			if len(text) > maxFileBytes {
				t.Fatalf("%d bytes", len(text))
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			started := time.Now()
			_, err := read([]byte(text), t.TempDir())
			took := time.Since(started)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatal("accepted")
			}
			memory := after.TotalAlloc - before.TotalAlloc
			t.Logf("%s, %d MiB allocated, %d bytes of text", took.Round(time.Millisecond), memory>>20, len(err.Error()))
			if took > mostTime || memory > mostMemory || len(err.Error()) > mostText {
				t.Errorf("want at most %s, %d MiB and %d bytes", mostTime, mostMemory>>20, mostText)
			}
		})
	}
}
