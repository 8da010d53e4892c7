package contract

import (
	"errors"
	"fmt"
	"strings"
)

// The three errors below are the whole failure vocabulary of the functions.
// Step Functions sees the Go type's name (Lambda reports it), so the names are
// part of the contract: every ErrorEquals in the machines is held against them
// by a test. Their text is read by an operator: it says what to do.

// Transient may pass by itself: the machine tries again.
type Transient struct {
	Reason Reason
	Text   string
}

// Refused means that acting would break an invariant. Trying again changes
// nothing; a new look at the world might.
type Refused struct {
	Reason Reason
	Text   string
}

// Misconfigured means that a human must mend something first.
type Misconfigured struct {
	Reason Reason
	Text   string
}

func (e *Transient) Error() string     { return string(e.Reason) + ": " + e.Text }
func (e *Refused) Error() string       { return string(e.Reason) + ": " + e.Text }
func (e *Misconfigured) Error() string { return string(e.Reason) + ": " + e.Text }

// ErrorTypes are the names Step Functions may see from the functions' code.
var ErrorTypes = []string{"Transient", "Refused", "Misconfigured"}

// TransientF builds a Transient with a formatted text.
func TransientF(r Reason, format string, args ...any) error {
	return &Transient{r, fmt.Sprintf(format, args...)}
}

// RefusedF builds a Refused with a formatted text.
func RefusedF(r Reason, format string, args ...any) error {
	return &Refused{r, fmt.Sprintf(format, args...)}
}

// MisconfiguredF builds a Misconfigured with a formatted text.
func MisconfiguredF(r Reason, format string, args ...any) error {
	return &Misconfigured{r, fmt.Sprintf(format, args...)}
}

// Edge turns what a handler's inside returned into exactly one of the three
// types, unwrapped, as the Lambda runtime must see it. The strictest one in the
// tree wins: what must not be done is not retried because something else failed
// beside it. An error of no type is Transient: it is unknown, and the machine's
// retries are bounded and end in an alarm.
func Edge(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Misconfigured](err); ok {
		return &Misconfigured{e.Reason, context(err, e)}
	}
	if e, ok := errors.AsType[*Refused](err); ok {
		return &Refused{e.Reason, context(err, e)}
	}
	if e, ok := errors.AsType[*Transient](err); ok {
		return &Transient{e.Reason, context(err, e)}
	}
	return &Transient{Unavailable, err.Error()}
}

// context keeps the words that were wrapped around the typed error.
func context(whole, typed error) string {
	text := whole.Error()
	if text == typed.Error() {
		_, text, _ = strings.Cut(text, ": ")
	}
	return text
}

// ReasonOf is the reason code of a typed error, or Unavailable.
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[*Misconfigured](err); ok {
		return e.Reason
	}
	if e, ok := errors.AsType[*Refused](err); ok {
		return e.Reason
	}
	if e, ok := errors.AsType[*Transient](err); ok {
		return e.Reason
	}
	return Unavailable
}
