package manifests

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// document is one YAML document with the comment above it. The comment is
// lines without the comment sign.
type document struct {
	comment string
	object  any
}

// render writes the documents behind each other, each opened by `---`. Nothing
// of a value's text gets outside of its quotes: the structure comes from the
// encoder, and comments hold checked names only.
func render(header string, documents []document) ([]byte, error) {
	var out bytes.Buffer
	comment(&out, header)
	for _, d := range documents {
		text, err := yaml.Marshal(d.object)
		if err != nil {
			return nil, fmt.Errorf("encoding YAML: %w", err)
		}
		out.WriteString("---\n")
		comment(&out, d.comment)
		out.Write(text)
	}
	return out.Bytes(), nil
}

func comment(out *bytes.Buffer, text string) {
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		out.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
}

// duration in the form that Prometheus' programs read: whole numbers only.
func duration(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d >= unit.size && d%unit.size == 0 {
			return fmt.Sprintf("%d%s", d/unit.size, unit.name)
		}
	}
	if d == 0 {
		return "0s"
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}
