package secret_test

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/internal/secret"
)

func TestRead(t *testing.T) {
	const plain = "correct horse: ü"
	for name, text := range map[string]string{"bare": plain, "newline": plain + "\n", "CRLF": plain + "\r\n"} {
		t.Run(name, func(t *testing.T) {
			v, err := secret.Read(strings.NewReader(text))
			if err != nil || v.Expose() != plain {
				t.Errorf("%q, %v; want %q", v.Expose(), err, plain)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "newline": "\n", "two lines": "hunter22\nhunter22\n", "two newlines": "hunter22\n\n",
		"tab": "hunter22\t", "no text": "hunter22\xff", "endless": strings.Repeat("hunter22", 10000),
	} {
		t.Run(name, func(t *testing.T) {
			v, err := secret.Read(strings.NewReader(text))
			if err == nil || v.Expose() != "" {
				t.Fatalf("%d bytes, error %v", len(v.Expose()), err)
			}
			leak.Check(t, err.Error(), "hunter22")
		})
	}
	broken := errors.New("broken pipe")
	if _, err := secret.Read(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("error %v, want it to wrap %v", err, broken)
	}
}
