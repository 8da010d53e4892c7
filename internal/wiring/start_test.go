package wiring_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/wiring"
)

// TestMargin: the handler's time ends before the invocation's, so that it can
// still say what went wrong.
func TestMargin(t *testing.T) {
	end := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(t.Context(), end)
	defer cancel()
	step := wiring.Step(func(ctx context.Context, _ struct{}) (time.Time, error) {
		got, _ := ctx.Deadline()
		return got, nil
	})
	got, err := step(ctx, json.RawMessage(`{}`))
	if err != nil || !got.Equal(end.Add(-500*time.Millisecond)) {
		t.Errorf("got %v, %v; want half a second before %v", got, err, end)
	}
}

// TestUnknownFields: contracts grow, so a field of tomorrow is no error today.
func TestUnknownFields(t *testing.T) {
	step := wiring.Step(func(_ context.Context, in contract.CheckInput) (string, error) { return in.Deployment, nil })
	if got, err := step(t.Context(), json.RawMessage(`{"deployment":"kc","of-tomorrow":{"x":[1]}}`)); err != nil || got != "kc" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestWrongType names the field and what was expected.
func TestWrongType(t *testing.T) {
	step := wiring.Step(func(context.Context, contract.ActInput) (string, error) { return "", nil })
	_, err := step(t.Context(), json.RawMessage(`{"record":[{"weight":"high"}]}`))
	if contract.ReasonOf(err) != contract.BadInput || !strings.Contains(err.Error(), "record.weight: got a string, want int32") {
		t.Errorf("got %v", err)
	}
}

// TestStayAwake: that call does nothing, and no other input passes for it.
func TestStayAwake(t *testing.T) {
	calls := 0
	step := wiring.Step(func(context.Context, contract.CheckInput) (string, error) { calls++; return "looked", nil })
	if got, err := step(t.Context(), json.RawMessage(contract.StayAwake)); err != nil || got != "" || calls != 0 {
		t.Errorf("got %q, %v after %d calls, want nothing", got, err, calls)
	}
	for _, input := range []string{`{}`, `{"awake":true,"deployment":"kc"}`, `{"awake":false}`} {
		if got, err := step(t.Context(), json.RawMessage(input)); err != nil || got != "looked" {
			t.Errorf("%s: got %q, %v, want a step", input, got, err)
		}
	}
}
