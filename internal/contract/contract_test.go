package contract_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sitefence/sitefence/internal/contract"
)

func TestParseGeneration(t *testing.T) {
	for name, want := range map[string]contract.Generation{
		"fence-1": 1, "fence-42": 42, "fence-999999999": 999999999,
		"fence-0": 0, "fence-01": 0, "fence-1000000000": 0, "fence-": 0, "fence--1": 0, "fence-1x": 0, "xfence-1": 0, "Fence-1": 0, "fence-1\n": 0, "": 0,
	} {
		got, ok := contract.ParseGeneration(name)
		if got != want || ok != (want > 0) {
			t.Errorf("%q: got %d %v, want %d", name, got, ok, want)
		}
		if ok && got.String() != name {
			t.Errorf("%q becomes %q", name, got)
		}
	}
}

// TestEdge: whatever is wrapped or joined, Step Functions sees exactly one of
// the three types, by its name, and the strictest of them.
func TestEdge(t *testing.T) {
	transient := contract.TransientF(contract.Unavailable, "throttled")
	refused := contract.RefusedF(contract.WouldGoDark, "no")
	mis := contract.MisconfiguredF(contract.BadCredentials, "401")
	for name, tc := range map[string]struct {
		err          error
		typ, message string
	}{
		"plain":              {errors.New("x"), "Transient", "unavailable: x"},
		"transient":          {transient, "Transient", "unavailable: throttled"},
		"refused":            {refused, "Refused", "would-go-dark: no"},
		"misconfigured":      {mis, "Misconfigured", "bad-credentials: 401"},
		"wrapped":            {fmt.Errorf("reading x: %w", refused), "Refused", "would-go-dark: reading x: would-go-dark: no"},
		"joined":             {errors.Join(transient, mis), "Misconfigured", "bad-credentials: "},
		"refused, transient": {errors.Join(transient, refused), "Refused", "would-go-dark: "},
	} {
		got := contract.Edge(tc.err)
		if typ := reflect.TypeOf(got).Elem().Name(); typ != tc.typ || !strings.HasPrefix(got.Error(), tc.message) {
			t.Errorf("%s: got %s %q, want %s %q", name, typ, got, tc.typ, tc.message)
		}
	}
	if contract.Edge(nil) != nil {
		t.Error("no error became one")
	}
	for i, err := range []error{&contract.Transient{}, &contract.Refused{}, &contract.Misconfigured{}} {
		if name := reflect.TypeOf(err).Elem().Name(); contract.ErrorTypes[i] != name {
			t.Errorf("ErrorTypes has %s, the type is %s", contract.ErrorTypes[i], name)
		}
	}
}

func TestValidate(t *testing.T) {
	good := contract.Event{Version: "1", Deployment: "kc", Reporter: "site-a", Site: "site-b", ReceivedAt: time.Now()}
	if err := good.Validate(); err != nil {
		t.Errorf("a good event: %v", err)
	}
	for field, change := range map[string]func(e *contract.Event){
		"version":    func(e *contract.Event) { e.Version = "2" },
		"deployment": func(e *contract.Event) { e.Deployment = "a/b" },
		"reporter":   func(e *contract.Event) { e.Reporter = "Site A" },
		"site":       func(e *contract.Event) { e.Site = "" },
		"receivedAt": func(e *contract.Event) { e.ReceivedAt = time.Time{} },
	} {
		bad := good
		change(&bad)
		if err := bad.Validate(); err == nil || !strings.HasPrefix(err.Error(), field+": got ") || !strings.Contains(err.Error(), "want") {
			t.Errorf("%s: got %v, want an error that names it and what was expected", field, err)
		}
	}
	same := good
	same.Site = same.Reporter
	if same.Validate() == nil {
		t.Error("a site may report itself")
	}
	act := contract.ActInput{Event: good, Execution: "by-hand"}
	if err := act.Validate(); err == nil || !strings.Contains(err.Error(), "execution: got") {
		t.Errorf("got %v, want an error that names the execution", err)
	}
}

// TestOneLine: whatever is in an error, its text is one line that can be shown,
// of a bounded length; who built it does not matter.
func TestOneLine(t *testing.T) {
	for name, text := range map[string]string{
		"short": "as it is: ä…", "lines": "one\ntwo", "escapes": "\x1b[2J\x00\r\u0085", "no UTF-8": "\xff\xfe",
		"long": strings.Repeat("x", 1<<20), "long characters": "x" + strings.Repeat("🙂", 1<<18),
		"long controls": strings.Repeat("\x00", 1<<20), "long lines": strings.Repeat("\n", 1<<20), "long, no UTF-8": strings.Repeat("\xf0", 1<<20),
		"as long as can be": strings.Repeat("y", contract.MaxText),
	} {
		inner := errors.New(text)
		for _, err := range []error{
			contract.TransientF(contract.Unavailable, "%s", text), contract.RefusedF(contract.WouldGoDark, "%s", text),
			contract.MisconfiguredF(contract.BadInput, "%s", text), contract.Edge(inner),
			contract.Edge(fmt.Errorf("%w: %w", inner, contract.RefusedF(contract.WouldGoDark, "no"))),
			contract.Edge(errors.Join(inner, contract.MisconfiguredF(contract.BadInput, "no"))),
			contract.Edge(errors.Join(contract.TransientF(contract.Unavailable, "%s", text), inner)),
		} {
			_, got, _ := strings.Cut(err.Error(), ": ")
			if len(got) > contract.MaxText || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
				t.Errorf("%s: a text of %d bytes: %.80q", name, len(got), got)
			}
			if strings.HasPrefix(name, "long") && (len(got) < contract.MaxText-8 || !strings.HasSuffix(got, "…")) {
				t.Errorf("%s: a text of %d bytes that ends in %q", name, len(got), got[len(got)-4:])
			}
		}
	}
	if got := contract.Edge(errors.New("one\ntwo")).Error(); got != "unavailable: one; two" {
		t.Errorf("got %q", got)
	}
}
