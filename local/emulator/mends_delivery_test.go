package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/sitefence/sitefence/local/emulator"
)

// While one invocation holds the only unit of concurrency, a task is throttled.
func TestReservedConcurrencyThrottles(t *testing.T) {
	both(t, func(t *testing.T, e *emulator.Emulator, isMended bool) {
		probe := deployProbe(t, e, "ReservedConcurrentExecutions: 1")
		var pid int
		probe.invoke(t, map[string]any{"do": "pid"}, &pid)
		busy, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for busy.Err() == nil { // from one invocation to the next, to be surely busy
				_, _ = probe.post(busy, map[string]any{"millis": 3000})
			}
		}()
		defer func() { cancel(); <-done }()
		throttled := func() error {
			_, err := probe.post(t.Context(), map[string]any{})
			if err == nil || !strings.Contains(err.Error(), "TooManyRequestsException") {
				return fmt.Errorf("not throttled: %w", err)
			}
			return nil
		}
		if !isMended {
			for range 20 {
				if throttled() == nil {
					t.Fatal("the fault is gone: it was throttled")
				}
			}
			return
		}
		eventually(t, 10*time.Second, throttled)
		for _, resource := range []string{probe.arn, "arn:aws:states:::lambda:invoke"} {
			arguments := `{"FunctionName":"` + probe.name + `","Payload":{}}`
			got := outcome(execute(t, e, catching(resource, arguments, "Lambda.TooManyRequestsException"), `{}`))
			if got != `"as named"` {
				t.Errorf("%s: %s", resource, got)
			}
		}
	})
}

func TestThrottleIsUnknownAsShipped(t *testing.T) {
	e := bare.get(t)
	probe := deployProbe(t, e, "")
	// CloudFormation does not reserve there, the API does: nothing may run.
	if _, err := call(t.Context(), e, "PUT", "lambda", "/2017-10-31/functions/"+probe.name+"/concurrency",
		`{"ReservedConcurrentExecutions":0}`, nil); err != nil {
		t.Fatal(err)
	}
	got := outcome(execute(t, e, catching(probe.arn, `{}`, "Lambda.TooManyRequestsException"), `{}`))
	if want := `"as Lambda.Unknown"`; got != want {
		t.Errorf("the fault is gone: %s", got)
	}
}

// A rule whose machine is gone puts the event into the dead-letter queue.
func TestDeadLetterOfARule(t *testing.T) {
	both(t, func(t *testing.T, e *emulator.Emulator, isMended bool) {
		client := eventbridge.NewFromConfig(e.AWSConfig(t.Context()))
		name := unique("rule")
		sqs := func(action, body string) []byte {
			t.Helper()
			answer, err := call(t.Context(), e, "POST", "sqs", "/", body, map[string]string{
				"X-Amz-Target": "AmazonSQS." + action, "Content-Type": "application/x-amz-json-1.0"})
			if err != nil {
				t.Fatal(err)
			}
			return answer
		}
		var queue struct{ QueueUrl string }
		if err := json.Unmarshal(sqs("CreateQueue", `{"QueueName":"`+name+`"}`), &queue); err != nil {
			t.Fatal(err)
		}
		rule, err := client.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: &name, EventPattern: aws.String(`{"source":["` + name + `"]}`)})
		if err != nil {
			t.Fatal(err)
		}
		target := "arn:aws:states:us-east-1:000000000000:stateMachine:gone"
		if _, err := client.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: &name, Targets: []types.Target{{
			Id: aws.String("guard"), Arn: &target, RoleArn: aws.String("arn:aws:iam::000000000000:role/x"), InputPath: aws.String("$.detail"),
			DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String("arn:aws:sqs:us-east-1:000000000000:" + name)},
			RetryPolicy:      &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(2), MaximumEventAgeInSeconds: aws.Int32(900)},
		}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := client.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
			Source: &name, DetailType: aws.String("Site Offline"), Detail: aws.String(`{"site":"site-b"}`),
		}}}); err != nil {
			t.Fatal(err)
		}
		var letters struct {
			Messages []struct {
				Body              string
				MessageAttributes map[string]struct{ StringValue string }
			}
		}
		receive := func() error {
			answer := sqs("ReceiveMessage", `{"QueueUrl":"`+queue.QueueUrl+`","MessageAttributeNames":["All"]}`)
			if err := json.Unmarshal(answer, &letters); err != nil {
				t.Fatal(err)
			}
			if len(letters.Messages) == 0 {
				return errors.New("the dead-letter queue is empty")
			}
			return nil
		}
		if !isMended {
			if receive() == nil { // PutEvents has called the targets before it answers
				t.Error("the fault is gone: there is a dead letter")
			}
			return
		}
		eventually(t, 10*time.Second, receive)
		letter := letters.Messages[0]
		if got := letter.MessageAttributes["RULE_ARN"].StringValue; got != *rule.RuleArn {
			t.Errorf("RULE_ARN %q, want %q", got, *rule.RuleArn)
		}
		if got := letter.MessageAttributes["TARGET_ARN"].StringValue; got != target {
			t.Errorf("TARGET_ARN %q, want %q", got, target)
		}
		if !strings.Contains(letter.Body, `"detail-type": "Site Offline"`) || !strings.Contains(letter.Body, `"detail": {"site": "site-b"}`) {
			t.Errorf("body %s, want the whole event", letter.Body)
		}
	})
}
