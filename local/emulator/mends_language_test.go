package emulator_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/sitefence/sitefence/local/emulator"
)

func TestLanguageMends(t *testing.T) {
	for _, tt := range []struct {
		name, states, want, shipped string
	}{
		{
			name: "all of an Assign sees the variables from before it",
			states: `
				"Start":{"Type":"Pass","Assign":{"n":1},"Next":"Count"},
				"Count":{"Type":"Pass","Assign":{"n":"{% $n + 1 %}","before":"{% $n %}"},"Next":"End"},
				"End":{"Type":"Pass","Output":"{% [$n, $before] %}","End":true}`,
			want: `[2, 1]`, shipped: `[2, 2]`,
		},
		{
			name:   "Succeed has an output",
			states: `"Start":{"Type":"Succeed","Output":{"was":"{% $states.input.a %}"}}`,
			want:   `{"was": 1}`, shipped: `{"a": 1}`,
		},
		{
			name: "a Choice's own output goes with its default",
			states: `
				"Start":{"Type":"Choice","Choices":[{"Condition":"{% false %}","Next":"End"}],"Default":"End",
					"Output":"by default","Assign":{"x":2}},
				"End":{"Type":"Pass","Output":"{% [$states.input, $x] %}","End":true}`,
			want: `["by default", 2]`, shipped: `[{"a": 1}, 2]`,
		},
		{
			name: "a Choice's rule has its own output",
			states: `
				"Start":{"Type":"Choice","Choices":[{"Condition":"{% true %}","Next":"End","Output":"by rule"}],"Default":"End","Output":"by default"},
				"End":{"Type":"Pass","End":true}`,
			want: `"by rule"`, shipped: `"by rule"`,
		},
		{
			name: "a Condition is true or false",
			states: `"Start":{"Type":"Choice","Choices":[{"Condition":"{% 'x' %}","Next":"End"}],"Default":"End"},
				"End":{"Type":"Pass","Output":"taken","End":true}`,
			want: `FAILED States.QueryEvaluationError: The JSONata expression specified for the field 'Condition' ` +
				`returned an unexpected result type. Expected 'boolean', but was 'string'`,
			shipped: `"taken"`,
		},
		{
			name:    "no eval",
			states:  `"Start":{"Type":"Pass","Output":"{% $eval('1') %}","End":true}`,
			want:    `FAILED States.QueryEvaluationError: T1006: Attempted to invoke a non-function`,
			shipped: `1`,
		},
		{
			name: "putEvents with a refused entry fails",
			states: catching("arn:aws:states:::events:putEvents",
				`{"Entries":[{"Source":"aws.forbidden","DetailType":"x","Detail":"{}"}]}`, "EventBridge.FailedEntry"),
			want: `"as named"`,
			shipped: `{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "NotAuthorizedForSourceException", ` +
				`"ErrorMessage": "Not authorized for the source."}]}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			both(t, func(t *testing.T, e *emulator.Emulator, isMended bool) {
				want := tt.shipped
				if isMended {
					want = tt.want
				}
				if got := outcome(execute(t, e, tt.states, `{"a":1}`)); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		})
	}
}

// What a newer JSONata than AWS's has is refused with the definition.
func TestNewerOperatorsAreRefused(t *testing.T) {
	for _, operator := range []string{"??", "?:"} {
		t.Run(operator, func(t *testing.T) {
			both(t, func(t *testing.T, e *emulator.Emulator, isMended bool) {
				client := sfn.NewFromConfig(e.AWSConfig(t.Context()))
				_, err := client.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
					Name: aws.String(unique("machine")), RoleArn: aws.String("arn:aws:iam::000000000000:role/machine"),
					Definition: aws.String(`{"QueryLanguage":"JSONata","StartAt":"Start","States":{
						"Start":{"Type":"Pass","Output":"{% $states.input.a ` + operator + ` 2 %}","End":true}}}`)})
				var invalid *types.InvalidDefinition
				if errors.As(err, &invalid) != isMended {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// Two retries, of 1 and 40 seconds without the bound and 1 and 2 with it; a
// second is 50 ms here.
func TestMaxDelayBoundsTheRetries(t *testing.T) {
	both(t, func(t *testing.T, e *emulator.Emulator, isMended bool) {
		end := execute(t, e, `"Start":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sfn:describeExecution",
			"Arguments":{"ExecutionArn":"arn:aws:states:us-east-1:000000000000:execution:none:none"},"End":true,
			"Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":1,"BackoffRate":40,"MaxAttempts":2,"MaxDelaySeconds":2}]}`, `{}`)
		if took := end.StopDate.Sub(*end.StartDate); (took < 1500*time.Millisecond) != isMended {
			t.Errorf("took %v", took)
		}
	})
}

// redrivable fails in a task until a state machine of this name exists; it
// keeps what it counted in a variable, and its input has moved on by then.
func redrivable(machineARN string) string {
	return fmt.Sprintf(`
		"Start":{"Type":"Pass","Assign":{"steps":"{%% 1 %%}","text":"{%% '{' & '%% 1 + 1 %%' & '}' %%}"},"Output":{"from":"start"},"Next":"Work"},
		"Work":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution","Arguments":{"StateMachineArn":%q},
			"Assign":{"steps":"{%% $steps + 1 %%}"},"Output":"{%% $states.input %%}","Next":"End"},
		"End":{"Type":"Pass","Output":"{%% {'input':$states.input,'original':$states.context.Execution.Input,'steps':$steps,'text':$text,'redrives':$states.context.Execution.RedriveCount} %%}","End":true}`, machineARN)
}

func TestRedriveResumesInPlace(t *testing.T) {
	e := mended.get(t)
	client := sfn.NewFromConfig(e.AWSConfig(t.Context()))
	name := unique("late")
	_, arn := machine(t, e, redrivable("arn:aws:states:us-east-1:000000000000:stateMachine:"+name))
	out, err := client.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &arn, Name: aws.String("fence-1"), Input: aws.String(`{"original":true}`)})
	if err != nil {
		t.Fatal(err)
	}
	end := ended(t, client, *out.ExecutionArn)
	if end.Status != types.ExecutionStatusFailed || end.RedriveStatus != types.ExecutionRedriveStatusRedrivable {
		t.Fatalf("%s, %s", outcome(end), end.RedriveStatus)
	}
	redrive := func() {
		t.Helper()
		again, err := client.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: out.ExecutionArn})
		if err != nil {
			t.Fatal(err)
		}
		if again.RedriveDate == nil || time.Since(*again.RedriveDate).Abs() > time.Minute {
			t.Errorf("redrive date %v", again.RedriveDate)
		}
	}
	// In vain at first, then the cause is mended; meanwhile the machine got a
	// new definition, which an execution that has begun does not follow.
	redrive()
	if end := ended(t, client, *out.ExecutionArn); end.Status != types.ExecutionStatusFailed {
		t.Fatalf("%s, want it to fail again", outcome(end))
	}
	if _, err := client.UpdateStateMachine(t.Context(), &sfn.UpdateStateMachineInput{StateMachineArn: &arn, Definition: aws.String(
		`{"StartAt":"Start","States":{"Start":{"Type":"Fail"}}}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{Name: &name, RoleArn: aws.String("arn:aws:iam::000000000000:role/x"),
		Definition: aws.String(`{"StartAt":"Start","States":{` + ends + `}}`)}); err != nil {
		t.Fatal(err)
	}
	redrive()
	end = ended(t, client, *out.ExecutionArn)
	want := `{"input": {"from": "start"}, "original": {"original": true}, "steps": 2, "text": "{% 1 + 1 %}", "redrives": 2}`
	if got := outcome(end); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := aws.ToInt32(end.RedriveCount); got != 2 {
		t.Errorf("redrive count %d, want 2", got)
	}
	wantHistory(t, client, *out.ExecutionArn)
	_, err = client.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: out.ExecutionArn})
	if err == nil || !strings.Contains(err.Error(), "ExecutionNotRedrivable") {
		t.Errorf("redriving what succeeded: %v", err)
	}
}

// wantHistory wants both redrives to have begun in the state that failed,
// with its own input.
func wantHistory(t *testing.T, client *sfn.Client, arn string) {
	t.Helper()
	history, err := client.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	redrives := 0
	for i, event := range history.Events {
		if event.Type != types.HistoryEventTypeExecutionRedriven {
			continue
		}
		redrives++
		next := history.Events[i+1].StateEnteredEventDetails
		if next == nil || *next.Name != "Work" || *next.Input != `{"from": "start"}` {
			t.Errorf("after redrive %d: %+v", redrives, history.Events[i+1])
		}
	}
	if redrives != 2 {
		t.Errorf("%d redrives in the history, want 2", redrives)
	}
}

func TestRedriveOfAFailStateFailsAgain(t *testing.T) {
	e := mended.get(t)
	client, arn := machine(t, e, `"Start":{"Type":"Fail","Error":"HalfFenced","Cause":"{% 'replay ' & $states.context.Execution.Name %}"}`)
	out, err := client.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &arn, Name: aws.String("fence-1")})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, want := outcome(ended(t, client, *out.ExecutionArn)), "FAILED HalfFenced: replay fence-1"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if _, err := client.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: out.ExecutionArn}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRedriveIsUnknownAsShipped(t *testing.T) {
	e := bare.get(t)
	_, err := call(t.Context(), e, "POST", "states", "/", `{"executionArn":"x"}`, map[string]string{
		"X-Amz-Target": "AWSStepFunctions.RedriveExecution", "Content-Type": "application/x-amz-json-1.0"})
	if err == nil || !strings.Contains(err.Error(), "Unknown action") {
		t.Errorf("the fault is gone: %v", err)
	}
}
