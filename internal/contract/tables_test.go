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

// TestEdgePrecedence: in every order and depth of two or three errors the
// strictest one wins, and its reason with it.
func TestEdgePrecedence(t *testing.T) {
	rank := []error{ // the strictest first
		contract.MisconfiguredF(contract.Forbidden, "m"), contract.RefusedF(contract.Superseded, "r"),
		contract.TransientF(contract.StaleCheck, "t"), errors.New("plain"),
	}
	want := []string{"Misconfigured forbidden", "Refused superseded", "Transient stale-check", "Transient unavailable"}
	check := func(err error, strictest int) {
		t.Helper()
		edge := contract.Edge(err)
		got := reflect.TypeOf(edge).Elem().Name() + " " + string(contract.ReasonOf(edge))
		if got != want[strictest] || contract.ReasonOf(err) != contract.ReasonOf(edge) {
			t.Errorf("%q: got %s, reason before %s; want %s", err, got, contract.ReasonOf(err), want[strictest])
		}
		if again := contract.Edge(edge); again.Error() != edge.Error() {
			t.Errorf("twice: %q becomes %q", edge, again)
		}
	}
	for i, a := range rank {
		check(fmt.Errorf("x: %w", a), i)
		for j, b := range rank {
			check(errors.Join(a, b), min(i, j))
			check(fmt.Errorf("x: %w, y: %w", a, b), min(i, j))
			for k, c := range rank {
				check(fmt.Errorf("z: %w", errors.Join(a, fmt.Errorf("y: %w", errors.Join(b, c)))), min(i, j, k))
			}
		}
	}
}

// TestEdgeKeepsWords: what was wrapped around, and what failed beside it, is
// still in the text that the operator reads.
func TestEdgeKeepsWords(t *testing.T) {
	err := contract.Edge(fmt.Errorf("removing b: %w",
		errors.Join(contract.TransientF(contract.Unavailable, "the one"), contract.RefusedF(contract.WentDark, "the other"))))
	for _, words := range []string{"went-dark: ", "removing b", "the one", "the other"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q lacks %q", err, words)
		}
	}
}

// TestValidateNamesAll: every wrong field of one event, at once, bounded.
func TestValidateNamesAll(t *testing.T) {
	in := contract.ActInput{Event: contract.Event{Version: "3", Deployment: strings.Repeat("x", 1000), Reporter: "B", Site: "-"}, Execution: strings.Repeat("y", 1000)}
	err := in.Validate()
	if err == nil || len(err.Error()) > 1000 {
		t.Fatalf("got %d bytes of %v", len(fmt.Sprint(err)), err)
	}
	for _, field := range []string{"version", "deployment", "reporter", "site", "receivedAt", "execution"} {
		if !strings.Contains("\n"+err.Error(), "\n"+field+": got ") {
			t.Errorf("%s is not named in:\n%v", field, err)
		}
	}
}

// TestNames: what becomes part of a path or of a resource's name.
func TestNames(t *testing.T) {
	good := []string{"a", "0", "site-a", "a--b", strings.Repeat("x", 32)}
	bad := []string{"", "-", "a-", "-a", "A", "site_a", "a.b", "a/b", "..", "a b", "a\n", "ä", "a%2f", "a?b", "a#b", strings.Repeat("x", 33)}
	event := contract.Event{Version: "1", Deployment: "kc", Reporter: "reporter", ReceivedAt: time.Now()}
	for _, name := range good {
		event.Site, event.Deployment = contract.Site(name), name
		if err := event.Validate(); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range bad {
		event.Site, event.Deployment = contract.Site(name), "kc"
		if err := event.Validate(); err == nil || !strings.HasPrefix(err.Error(), "site: got ") {
			t.Errorf("site %q: got %v, want it refused", name, err)
		}
		event.Site, event.Deployment = "site-b", name
		if err := event.Validate(); err == nil || !strings.HasPrefix(err.Error(), "deployment: got ") {
			t.Errorf("deployment %q: got %v, want it refused", name, err)
		}
	}
}

func TestValidFingerprint(t *testing.T) {
	for s, want := range map[string]bool{
		"0123456789abcdef": true, "0123456789ABCDEF": false, "0123456789abcde": false, "0123456789abcdef0": false, "": false, "0123456789abcdef\n": false,
	} {
		if got := contract.ValidFingerprint(s); got != want {
			t.Errorf("%q: got %v, want %v", s, got, want)
		}
	}
}
