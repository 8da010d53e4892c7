package document

import (
	"regexp"
	"strings"
)

// Link is a reference from one document to another, or into itself.
type Link struct {
	Line         int
	Path, Anchor string // as written; no path: the document itself
}

var (
	reference = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading   = regexp.MustCompile(`^#{1,6} +(.+?) *#*$`)
	markup    = regexp.MustCompile("[`*]|\\[([^]]*)\\]\\([^)]*\\)")
)

// Links are the document's own references, not those to the web and not what
// stands in blocks.
func Links(text string) (all []Link) {
	prose(text, func(number int, line string) {
		for _, m := range reference.FindAllStringSubmatch(line, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			all = append(all, Link{number, path, anchor})
		}
	})
	return all
}

// Anchors are the headings' names, as GitHub and GitLab make them.
func Anchors(text string) map[string]bool {
	all := map[string]bool{}
	prose(text, func(_ int, line string) {
		m := heading.FindStringSubmatch(line)
		if m == nil {
			return
		}
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 127 && r != '…' && r != '→':
				return r
			}
			return -1
		}, strings.ToLower(markup.ReplaceAllString(m[1], "$1")))
		all[name] = true
	})
	return all
}

// prose calls f for each line outside of blocks.
func prose(text string, f func(number int, line string)) {
	number, block := 0, false
	for line := range strings.Lines(text) {
		number++
		if strings.HasPrefix(strings.TrimLeft(line, " "), "```") {
			block = !block
			continue
		}
		if !block {
			f(number, strings.TrimRight(line, "\n"))
		}
	}
}
