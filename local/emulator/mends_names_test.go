package emulator_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/sitefence/sitefence/local/emulator"
)

const (
	waits = `"Start":{"Type":"Wait","Seconds":1200,"End":true}` // a minute, scaled
	ends  = `"Start":{"Type":"Pass","End":true}`
)

// catching runs one task and ends with what its Catch for a name, or for
// anything else, was given.
func catching(resource, arguments, errorName string) string {
	return fmt.Sprintf(`
		"Start":{"Type":"Task","Resource":%q,"Arguments":%s,"End":true,"Catch":[
			{"ErrorEquals":[%q],"Output":"as named","Next":"Caught"},
			{"ErrorEquals":["States.ALL"],"Output":"{%% 'as ' & $states.errorOutput.Error %%}","Next":"Caught"}]},
		"Caught":{"Type":"Pass","End":true}`, resource, arguments, errorName)
}

func TestStartedAgainWhileRunning(t *testing.T) {
	both(t, func(t *testing.T, e *emulator.Emulator, isMended bool) {
		client, arn := machine(t, e, waits)
		start := func(input string) (*sfn.StartExecutionOutput, error) {
			return client.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &arn, Name: aws.String("fence-1"), Input: &input})
		}
		first, err := start(`{"a":1}`)
		if err != nil {
			t.Fatal(err)
		}
		again, err := start(`{"a":1}`)
		var exists *types.ExecutionAlreadyExists
		switch {
		case !isMended && !errors.As(err, &exists):
			t.Errorf("the fault is gone: %v", err)
		case isMended && err != nil:
			t.Errorf("same name, same input, running: %v", err)
		case isMended && (*again.ExecutionArn != *first.ExecutionArn || !again.StartDate.Equal(*first.StartDate)):
			t.Errorf("got %s of %v, want %s of %v", *again.ExecutionArn, again.StartDate, *first.ExecutionArn, first.StartDate)
		}
		if _, err := start(`{"a":2}`); !errors.As(err, &exists) {
			t.Errorf("same name, other input: %v, want ExecutionAlreadyExists", err)
		}
		if _, err := client.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: first.ExecutionArn}); err != nil {
			t.Fatal(err)
		}
		if _, err := start(`{"a":1}`); !errors.As(err, &exists) {
			t.Errorf("same name, same input, closed: %v, want ExecutionAlreadyExists", err)
		}
	})
}

func TestTakenNameIsCaughtByItsName(t *testing.T) {
	for _, tt := range []struct{ resource, want, shipped string }{
		{"arn:aws:states:::states:startExecution", "StepFunctions.ExecutionAlreadyExistsException", "ExecutionAlreadyExists"},
		{"arn:aws:states:::aws-sdk:sfn:startExecution", "Sfn.ExecutionAlreadyExistsException", "Sfn.ExecutionAlreadyExists"},
	} {
		t.Run(tt.resource, func(t *testing.T) {
			both(t, func(t *testing.T, e *emulator.Emulator, isMended bool) {
				client, target := machine(t, e, ends)
				first, err := client.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &target, Name: aws.String("fence-1")})
				if err != nil {
					t.Fatal(err)
				}
				ended(t, client, *first.ExecutionArn)
				arguments := fmt.Sprintf(`{"StateMachineArn":%q,"Name":"fence-1","Input":"{}"}`, target)
				got := outcome(execute(t, e, catching(tt.resource, arguments, tt.want), `{}`))
				want := `"as named"`
				if !isMended {
					want = `"as ` + tt.shipped + `"`
				}
				if got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		})
	}
}

func TestUnknownExecutionIsCaughtByItsName(t *testing.T) {
	both(t, func(t *testing.T, e *emulator.Emulator, isMended bool) {
		arguments := `{"ExecutionArn":"arn:aws:states:us-east-1:000000000000:execution:none:fence-9"}`
		states := catching("arn:aws:states:::aws-sdk:sfn:describeExecution", arguments, "Sfn.ExecutionDoesNotExistException")
		want := `"as named"`
		if !isMended {
			want = `"as Sfn.ExecutionDoesNotExist"`
		}
		if got := outcome(execute(t, e, states, `{}`)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// Many guards ask for the same name at the same moment; exactly one gets it.
func TestNameIsGivenOnce(t *testing.T) {
	e := mended.get(t)
	client, fence := machine(t, e, waits)
	arguments := fmt.Sprintf(`{"StateMachineArn":%q,"Name":"fence-1","Input":{"guard":"{%% $states.context.Execution.Id %%}"}}`, fence)
	_, guard := machine(t, e, catching("arn:aws:states:::states:startExecution", arguments, "StepFunctions.ExecutionAlreadyExistsException"))
	outcomes := make([]string, 20)
	var wg sync.WaitGroup
	for i := range outcomes {
		wg.Go(func() {
			out, err := client.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &guard})
			if err != nil {
				t.Error(err)
				return
			}
			outcomes[i] = outcome(ended(t, client, *out.ExecutionArn))
		})
	}
	wg.Wait()
	started := 0
	for _, got := range outcomes {
		switch {
		case strings.Contains(got, "ExecutionArn"):
			started++
		case got != `"as named"`:
			t.Errorf("outcome %s", got)
		}
	}
	if started != 1 {
		t.Errorf("%d guards started fence-1, want one", started)
	}
}

func TestStoppedStaysStopped(t *testing.T) {
	both(t, func(t *testing.T, e *emulator.Emulator, isMended bool) {
		probe := deployProbe(t, e, "")
		client, arn := machine(t, e, fmt.Sprintf(
			`"Start":{"Type":"Task","Resource":%q,"Arguments":{"do":"plain error","millis":700},"End":true}`, probe.arn))
		out, err := client.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		history := func() []types.HistoryEvent {
			history, err := client.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: out.ExecutionArn})
			if err != nil {
				t.Fatal(err)
			}
			return history.Events
		}
		has := func(events []types.HistoryEvent, want types.HistoryEventType) error {
			for _, event := range events {
				if event.Type == want {
					return nil
				}
			}
			return fmt.Errorf("no %s among %d events", want, len(events))
		}
		eventually(t, 10*time.Second, func() error { return has(history(), types.HistoryEventTypeTaskScheduled) })
		if _, err := client.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: out.ExecutionArn}); err != nil {
			t.Fatal(err)
		}
		eventually(t, 10*time.Second, func() error { return has(history(), types.HistoryEventTypeTaskFailed) })
		if isMended {
			if got := ended(t, client, *out.ExecutionArn).Status; got != types.ExecutionStatusAborted {
				t.Errorf("status %s, want ABORTED", got)
			}
			return
		}
		eventually(t, 5*time.Second, func() error { return has(history(), types.HistoryEventTypeExecutionFailed) })
	})
}
