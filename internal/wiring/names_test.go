package wiring_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/wiring"
)

// TestExactNames: a field in other letters is not the field. encoding/json takes
// it for that, the rule on the bus does not see it.
func TestExactNames(t *testing.T) {
	for input, wrong := range map[string]string{
		`{"forced":true}`:             "",
		`{"Later":true}`:              "",
		`{"Forced":true}`:             `"Forced": want forced`,
		`{"FORCED":true}`:             `"FORCED": want forced`,
		`{"forced":false,"forceD":1}`: `want bool`, // the value first
		`{"Operation":"rejoin"}`:      `"Operation": want operation`,
		`{"endpointſ":[]}`:            `want endpoints`,
		`{"dryrun":true}`:             `"dryrun": want dryRun`,
		`{"BEGUN":true}`:              `"BEGUN": want begun`,
	} {
		called := false
		_, err := wiring.Step(func(context.Context, contract.CheckInput) (int, error) { called = true; return 0, nil })(t.Context(), json.RawMessage(input))
		if called != (wrong == "") || err != nil && (contract.ReasonOf(err) != contract.BadInput || !strings.Contains(err.Error(), wrong)) {
			t.Errorf("%s: called %t, %v; want %q", input, called, err, wrong)
		}
	}
}
