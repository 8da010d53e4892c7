package contract_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

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
