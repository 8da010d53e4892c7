package secret

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

const redacted = "[redacted]"

// Value holds a secret so that no way of printing, logging or encoding shows
// it; only Expose does. Its zero value is the empty secret.
type Value struct {
	// A pointer, since fmt reaches an unexported field of an outer struct
	// without asking any method; of a pointer it shows the address only.
	plain *string
}

// Of hides a secret that was read elsewhere.
func Of(plain string) Value { return Value{&plain} }

// maxRead is far more than any password.
const maxRead = 64 << 10

// Read reads a secret from a pipe or a file, to its end. One newline there is
// the writer's habit and is cut; what is left must be usable as a password.
// No error holds any of it.
func Read(r io.Reader) (Value, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxRead+1))
	if err != nil {
		return Value{}, fmt.Errorf("reading the password: %w", err)
	}
	if len(data) > maxRead {
		return Value{}, fmt.Errorf("the password is longer than %d KiB", maxRead>>10)
	}
	plain := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if why := unusable(plain); why != "" {
		return Value{}, errors.New("the password " + why)
	}
	return Of(plain), nil
}

// unusable says why a text can be no password of Basic authentication; "" when
// it can. RFC 7617 allows no control characters.
func unusable(plain string) string {
	switch {
	case plain == "":
		return "is empty"
	case !utf8.ValidString(plain):
		return "is no text in UTF-8"
	case strings.ContainsFunc(plain, unicode.IsControl):
		return "holds a control character (a newline at its end?)"
	}
	return ""
}

// Expose returns the secret itself, for the one place that needs it.
func (v Value) Expose() string {
	if v.plain == nil {
		return ""
	}
	return *v.plain
}

// String, Format, GoString, LogValue, MarshalJSON and MarshalText all say that
// something is hidden. Format stands for every verb: %x or %d would otherwise
// reach the field.
func (Value) String() string { return redacted }

// Format implements fmt.Formatter; see String.
func (Value) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// GoString implements fmt.GoStringer; see String.
func (Value) GoString() string { return redacted }

// LogValue implements slog.LogValuer; see String.
func (Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON implements json.Marshaler; see String.
func (Value) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText implements encoding.TextMarshaler; see String.
func (Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }
