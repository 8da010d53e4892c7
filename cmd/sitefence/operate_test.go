package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

// Ctrl-C must end a question: whoever has second thoughts presses it there.
func TestQuestionEndsWithItsContext(t *testing.T) {
	silent, writer := io.Pipe()
	defer writer.Close() //nolint:errcheck // nobody reads any more
	ctx, cancel := context.WithCancelCause(t.Context())
	var out strings.Builder
	a := asker{in: bufio.NewReader(silent), out: &out, terminal: true}
	cancel(errors.New("interrupt"))
	if err := a.typed(ctx, "Sure?", "yes", "--yes"); err == nil || !strings.Contains(err.Error(), "interrupt") {
		t.Errorf("%v", err)
	}
	if !strings.Contains(out.String(), "Type yes to go on") {
		t.Errorf("asked %q", out.String())
	}
}

func TestQuestionWantsExactlyThat(t *testing.T) {
	for line, good := range map[string]bool{"yes\n": true, " yes \n": true, "no\n": false, "": false, "yes": true} {
		a := asker{in: bufio.NewReader(strings.NewReader(line)), out: io.Discard, terminal: true}
		if err := a.typed(t.Context(), "Sure?", "yes", "--yes"); (err == nil) != good {
			t.Errorf("%q: %v", line, err)
		}
	}
}
