package contract

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
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

// MaxText bounds the text of an error, in bytes: parts of it come from answers of
// others. A log line, a Lambda error and a Step Functions cause all hold that
// much (the cause, the narrowest, 32768 characters; API reference, SendTaskFailure).
const MaxText = 4096

// TransientF builds a Transient with a formatted text of one line, at most
// MaxText long.
func TransientF(r Reason, format string, args ...any) error {
	return &Transient{r, line(fmt.Sprintf(format, args...))}
}

// RefusedF is TransientF for Refused.
func RefusedF(r Reason, format string, args ...any) error {
	return &Refused{r, line(fmt.Sprintf(format, args...))}
}

// MisconfiguredF is TransientF for Misconfigured.
func MisconfiguredF(r Reason, format string, args ...any) error {
	return &Misconfigured{r, line(fmt.Sprintf(format, args...))}
}

const cutMark = " …"

// line makes one line of a text, without what could garble a terminal, and cuts
// it to MaxText.
func line(s string) string {
	s = s[:min(len(s), MaxText+1)]        // nothing below makes it shorter
	s = strings.ReplaceAll(s, "\n", "; ") // errors.Join puts one between its errors
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, s)
	if len(s) <= MaxText {
		return s
	}
	end := MaxText - len(cutMark)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + cutMark
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
	return &Transient{Unavailable, line(err.Error())}
}

// context keeps the words that were wrapped around the typed error.
func context(whole, typed error) string {
	text := whole.Error()
	if text == typed.Error() {
		_, text, _ = strings.Cut(text, ": ")
	}
	return line(text)
}

// ReasonOf is the reason code of a typed error, Unavailable for an error of no
// type, and nothing for nil.
func ReasonOf(err error) Reason {
	if err == nil {
		return ""
	}
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
