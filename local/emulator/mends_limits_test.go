package emulator_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/sitefence/sitefence/local/emulator"
)

// 256 KiB are the limit of what a state takes, gives, and puts into variables
// at once; no Catch for States.ALL helps.
func TestDataLimits(t *testing.T) {
	const next = `"Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":1}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"End"}],"Next":"End"},
			"End":{"Type":"Pass","Output":"well","End":true}`
	for name, tt := range map[string]struct{ states, want string }{
		"one variable and another": {`"Start":{"Type":"Pass","Assign":{"a":"{% $states.input %}","b":"{% $states.input %}"},"Next":"End"},
			"End":{"Type":"Pass","Output":"well","End":true}`, "size of the variables in Assign"},
		"one after the other": {`"Start":{"Type":"Pass","Assign":{"a":"{% $states.input %}"},"Next":"Again"},
			"Again":{"Type":"Pass","Assign":{"b":"{% $states.input %}"},"Output":"well","End":true}`, ""},
		"output": {`"Start":{"Type":"Pass","Output":"{% [$states.input, $states.input] %}","Next":"End"},
			"End":{"Type":"Pass","Output":"well","End":true}`, "output of the state"},
		"arguments": {`"Start":{"Type":"Task","Resource":"arn:aws:states:::events:putEvents",
			"Arguments":{"Entries":[{"Source":"x","DetailType":"x","Detail":"{% {'a': $states.input, 'b': $states.input} %}"}]},` + next, "input of the task"},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, e *emulator.Emulator, isMended bool) {
				want := `"well"`
				if isMended && tt.want != "" {
					want = "FAILED States.DataLimitExceeded: The " + tt.want + " exceeds the maximum number of bytes service limit."
				}
				got := outcome(execute(t, e, tt.states, `{"x":"`+strings.Repeat("x", 140_000)+`"}`))
				if got != want {
					t.Errorf("got %.200s, want %s", got, want)
				}
			})
		})
	}
	t.Run("an execution's input", func(t *testing.T) {
		both(t, func(t *testing.T, e *emulator.Emulator, isMended bool) {
			client, arn := machine(t, e, ends)
			input := `"` + strings.Repeat("x", 256<<10) + `"`
			_, err := client.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &arn, Input: &input})
			if _, refused := errors.AsType[*types.InvalidExecutionInput](err); refused != isMended {
				t.Errorf("error %v", err)
			}
		})
	})
}

// An expression that takes some seconds is no failure: whether it is one must
// not depend on how busy the machine is.
func TestSlowExpression(t *testing.T) {
	both(t, func(t *testing.T, e *emulator.Emulator, isMended bool) {
		got := outcome(execute(t, e, `"Start":{"Type":"Pass","Output":"{% $sum([1..300000].($ * 2)) > 0 %}","End":true}`, `{}`))
		if isMended != (got == "true") {
			t.Errorf("got %.200s", got)
		}
	})
}
