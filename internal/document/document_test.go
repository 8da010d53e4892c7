package document_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/document"
)

func TestCommands(t *testing.T) {
	const quoted = "sh\n" + `aws x --name "$NAME" --query 'a[].[b]' \
  --last | jq -r .c > out.json   # why
QUEUE=$(aws sqs get --name "${ARN##*:}")
( umask 077; printf %s "$P" > pw )`
	for name, tc := range map[string]struct {
		block string
		want  []string // line:words
		err   string
	}{
		"pipes, continuations, substitutions": {block: quoted, want: []string{
			"2 aws|x|--name|$NAME|--query|a[].[b]|--last", "3 jq|-r|.c", "4 aws|sqs|get|--name|${ARN##*:}", "5 umask|077", "5 printf|%s|$P"}},
		"a terminal":             {block: "console\n$ sitefence status -o json\n{\"rm\": 1}\n$ build/sitefence x \\\n  --y\nrm -rf", want: []string{"2 sitefence|status|-o|json", "2 build/sitefence|x|--y"}},
		"input from a file":      {block: "sh\nkubectl apply < pw", want: []string{"2 kubectl|apply"}},
		"both ways":              {block: "sh\nsort < a > b", want: []string{"2 sort"}},
		"quoted placeholder":     {block: "sh\naws x '<group>'", want: []string{"2 aws|x|<group>"}},
		"bare placeholder":       {block: "sh\naws x <group>", err: "bare <placeholder>"},
		"placeholder, then more": {block: "sh\naws x <group> --y", err: "bare <placeholder>"},
		"placeholder in a word":  {block: "sh\naws x Id=<endpoint>,Weight=<weight>", err: "bare <placeholder>"},
		"no shell":               {block: "sh\nif then", err: "d.md:2"},
	} {
		t.Run(name, func(t *testing.T) {
			blocks, err := document.Parse("d.md", "```"+tc.block+"\n```\n")
			if err != nil || len(blocks) != 1 {
				t.Fatalf("%d blocks, %v", len(blocks), err)
			}
			commands, err := blocks[0].Commands()
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("error %v, want %q", err, tc.err)
				}
				return
			}
			var got []string
			for _, c := range commands {
				got = append(got, strings.TrimPrefix(c.Place(), "d.md:")+" "+strings.Join(c.Words, "|"))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestParse(t *testing.T) {
	for name, tc := range map[string]struct{ text, want, err string }{
		"in a list":         {text: "1. x\n   ```sh\n   a\n     b\n   ```\n", want: "sh:a\n  b\n"},
		"needs":             {text: "```sh needs-aws\na\n```\n", want: "sh needs-aws:a\n"},
		"nothing said":      {text: "```\na\n```\n", err: "d.md:1: a block without an info string"},
		"unknown language":  {text: "x\n```perl\na\n```\n", err: "d.md:2: info string"},
		"unknown need":      {text: "```sh needs-luck\na\n```\n", err: "info string"},
		"text needs no AWS": {text: "```text needs-aws\na\n```\n", err: "only sh"},
		"no end":            {text: "```sh\na\n", err: "does not end"},
	} {
		t.Run(name, func(t *testing.T) {
			blocks, err := document.Parse("d.md", tc.text)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("error %v, want %q", err, tc.err)
				}
				return
			}
			got := ""
			for _, b := range blocks {
				got += strings.TrimSpace(b.Language+" "+b.Needs) + ":" + b.Text
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}
