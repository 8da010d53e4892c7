package secret

import (
	"fmt"
	"io"
	"log/slog"
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
