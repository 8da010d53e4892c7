package asl_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/local/asl"
)

// TestPlain: the short way ends where the one through JSON does, and shares nothing.
func TestPlain(t *testing.T) {
	for name, value := range map[string]any{
		"nothing":            nil,
		"a number":           1.5,
		"an integer":         3,
		"a large number":     1e300,
		"a negative zero":    math.Copysign(0, -1),
		"text":               "a <b> \u2028 é",
		"text that is none":  "a\xffb",
		"no list":            []any(nil),
		"no mapping":         map[string]any(nil),
		"a list":             []any{"a", 1.0, true, nil, []any{}, map[string]any{}},
		"a list of integers": []any{1.0, []int{2, 3}},
		"a mapping":          map[string]any{"a": map[string]any{"b": []any{1.0}}, "": false},
		"a wrong key":        map[string]any{"a\xff": 1.0},
		"a structure":        struct{ A int }{1},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			var want any
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			got, err := asl.Plain(value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got, err := asl.Plain([]any{math.NaN()}); err == nil {
		t.Errorf("what is no number became %v", got)
	}
	inner := map[string]any{"a": 1.0}
	got, err := asl.Plain([]any{inner})
	if err != nil {
		t.Fatal(err)
	}
	inner["a"] = 2.0
	if diff := cmp.Diff([]any{map[string]any{"a": 1.0}}, got); diff != "" {
		t.Errorf("it is shared (-want +got):\n%s", diff)
	}
}
