package wiring_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/generation"
	"github.com/sitefence/sitefence/internal/wiring"
)

// TestNamesTheField, whatever is wrong with it; the handler does not see it.
func TestNamesTheField(t *testing.T) {
	step := wiring.Step(func(context.Context, contract.ActInput) (string, error) {
		t.Error("the handler was called")
		return "", nil
	})
	for raw, want := range map[string]string{
		`{"reporter":["a"]}`:                                          "reporter: got a array, want",
		`{"alert":"x"}`:                                               "alert: got a string, want",
		`{"alert":{"groupKey":7}}`:                                    "alert.groupKey: got a number, want string",
		`{"repeated":1}`:                                              "repeated: got a number, want bool",
		`{"record":[{"clientIPPreservation":2}]}`:                     "record.clientIPPreservation: got a number, want bool",
		`{"record":[{"weight":3000000000}]}`:                          "record.weight: got a number 3000000000, want int32",
		`{"checkedAt":"2026-13-01T00:00:00Z"}`:                        `checkedAt: got "2026-13-01T00:00:00Z", want a time`,
		`{"checkedAt":1700000000}`:                                    "checkedAt: got 1700000000, want a time",
		`{"receivedAt":"2026-01-01 00:00:00"}`:                        `receivedAt: got "2026-01-01 00:00:00", want a time`,
		`{"alert":{"startsAt":"now"}}`:                                `alert: got {"startsAt":"now"}, want a time`,
		`{"record":[{"weight":` + strings.Repeat("9", 10_000) + `}]}`: "record.weight: got a number 999",
		`{"checkedAt":"` + strings.Repeat("9", 10_000) + `"}`:         `checkedAt: got "999`,
		`[]`:             "the whole: got a array, want contract.ActInput",
		`7`:              "the whole: got a number, want contract.ActInput",
		`{"version":"1"`: "unexpected end of JSON input",
		`{"a":}`:         "invalid character",
		``:               "unexpected end of JSON input",
	} {
		_, err := step(t.Context(), json.RawMessage(raw))
		if _, ok := errors.AsType[*contract.Misconfigured](err); !ok || contract.ReasonOf(err) != contract.BadInput || !strings.Contains(err.Error(), "step input: "+want) {
			t.Errorf("%.80s: got %v, want bad-input: step input: %s", raw, err, want)
		}
		if err != nil && len(err.Error()) > 500 {
			t.Errorf("%.80s: a text of %d bytes", raw, len(err.Error()))
		}
	}
}

// TestTypesAtTheEdge: Lambda reports the type of what the handler returned,
// unwrapped; Step adds nothing to it.
func TestTypesAtTheEdge(t *testing.T) {
	for want, err := range map[string]error{"Refused": &contract.Refused{}, "Transient": &contract.Transient{}, "Misconfigured": &contract.Misconfigured{}} {
		step := wiring.Step(func(context.Context, struct{}) (int, error) { return 7, err })
		got, err := step(t.Context(), json.RawMessage(`{}`))
		if got != 7 || reflect.TypeOf(err).Elem().Name() != want {
			t.Errorf("got %d, %T, want 7 and %s", got, err, want)
		}
	}
}

// TestNoDeadline: none is invented; one that is near leaves no time at all, and
// the handler learns of it.
func TestNoDeadline(t *testing.T) {
	step := wiring.Step(func(ctx context.Context, _ struct{}) (bool, error) {
		_, ok := ctx.Deadline()
		return ok, ctx.Err()
	})
	if ok, err := step(t.Context(), json.RawMessage(`{}`)); ok || err != nil {
		t.Errorf("got %v, %v; want no deadline", ok, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	if _, err := step(ctx, json.RawMessage(`{}`)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the time to be over", err)
	}
}

func function(t *testing.T, d config.Deployment) wiring.Function {
	t.Helper()
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_PROFILE", "")
	return wiring.New(d)
}

// TestStart: what is missing around the function fails at its start, by name.
func TestStart(t *testing.T) {
	f := function(t, config.Deployment{Sites: []config.Site{
		{Name: "site-b"}, {Name: "site-a", Infinispan: &config.Infinispan{URL: "https://a"}}}})
	t.Setenv(config.EnvFenceMachine, "")
	if _, err := generation.FromEnvironment(f.AWS()); err == nil || !strings.Contains(err.Error(), config.EnvFenceMachine) {
		t.Errorf("got %v, want an error that names the variable", err)
	}
	clusters, err := f.Clusters()
	if _, ok := clusters["site-a"]; err != nil || len(clusters) != 1 || !ok {
		t.Errorf("got %v, %v; want site-a alone, for site-b has no Infinispan", clusters, err)
	}
	bad := function(t, config.Deployment{Sites: []config.Site{{Name: "site-a", Infinispan: &config.Infinispan{CA: "x"}}}})
	if _, err := bad.Clusters(); err == nil || !strings.Contains(err.Error(), "infinispan.ca of site site-a") {
		t.Errorf("got %v, want an error that names the field", err)
	}
}
