package globalaccelerator_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdk "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/local/globalaccelerator"
)

// patience bounds what has to happen. Nothing waits for it to pass.
const patience = 30 * time.Second

func await[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case got := <-c:
		return got
	case <-time.After(patience):
		t.Fatalf("it has not happened after %s", patience)
	}
	var none T
	return none
}

// writes counts the calls of the API that were applied.
func writes(fake *globalaccelerator.Fake) int {
	n := 0
	for _, e := range fake.History() {
		if e.Operation == globalaccelerator.UpdateEndpointGroup {
			n++
		}
	}
	return n
}

// Each case writes the group down to site-a with one fault in place.
func TestFaults(t *testing.T) {
	fails := func(want string) func(error) bool {
		return func(err error) bool { return code(err) == want }
	}
	cutOff := func(err error) bool {
		var api smithy.APIError
		return err != nil && !errors.As(err, &api) && strings.Contains(err.Error(), "EOF")
	}
	garbled := func(err error) bool {
		var d *smithy.DeserializationError
		return errors.As(err, &d)
	}
	givenUp := func(err error) bool { return errors.Is(err, context.Canceled) }
	tests := map[string]struct {
		effect  globalaccelerator.Effect
		gone    bool // the set that is written cannot be resolved
		hangs   bool // the client gives up, once all has happened that will
		is      func(error) bool
		applied bool
	}{
		"throttled":                     {effect: globalaccelerator.Fail(globalaccelerator.ThrottlingException), is: fails("ThrottlingException")},
		"in transition":                 {effect: globalaccelerator.Fail(globalaccelerator.TransactionInProgressException), is: fails("TransactionInProgressException")},
		"failed":                        {effect: globalaccelerator.Fail(globalaccelerator.InternalServiceErrorException), is: fails("InternalServiceErrorException")},
		"denied":                        {effect: globalaccelerator.Fail(globalaccelerator.AccessDeniedException), is: fails("AccessDeniedException")},
		"refused":                       {effect: globalaccelerator.Fail(globalaccelerator.InvalidArgumentException), is: fails("InvalidArgumentException")},
		"failed but applied":            {effect: globalaccelerator.FailApplied(globalaccelerator.InternalServiceErrorException), is: fails("InternalServiceErrorException"), applied: true},
		"failed but AWS had refused it": {effect: globalaccelerator.FailApplied(globalaccelerator.InternalServiceErrorException), gone: true, is: fails("InvalidArgumentException")},
		"dropped":                       {effect: globalaccelerator.Drop(), is: cutOff},
		"dropped but applied":           {effect: globalaccelerator.DropApplied(), is: cutOff, applied: true},
		"hanging":                       {effect: globalaccelerator.Hang(), hangs: true, is: givenUp},
		"hanging but applied":           {effect: globalaccelerator.HangApplied(), hangs: true, is: givenUp, applied: true},
		"slow":                          {effect: globalaccelerator.Delay(time.Millisecond), is: fails(""), applied: true},
		"slow to answer":                {effect: globalaccelerator.DelayApplied(time.Millisecond), is: fails(""), applied: true},
		"answered with garbage":         {effect: globalaccelerator.Answer("<html>"), is: garbled, applied: true},
		"answered with wrong types":     {effect: globalaccelerator.Mistype(), is: garbled, applied: true},
		"answered with nothing in it":   {effect: globalaccelerator.Answer("{}"), is: fails(""), applied: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := start(t, globalaccelerator.Options{})
			arn := pair(t, fake)
			if tt.gone {
				fake.MarkGone(nlbA)
			}
			fault := fake.Inject(globalaccelerator.Fault{Operation: globalaccelerator.UpdateEndpointGroup, Times: 1, Effect: tt.effect})
			want := []string{nlbA, nlbB}
			if tt.applied {
				want = []string{nlbA}
			}
			ctx, giveUp := context.WithTimeout(t.Context(), patience)
			defer giveUp()
			if tt.hangs {
				written := len(fake.History())
				go func() {
					for ctx.Err() == nil && (fault.Hits() == 0 || tt.applied && len(fake.History()) == written) {
						time.Sleep(time.Millisecond)
					}
					giveUp()
				}()
			}
			if err := update(ctx, client(fake), arn, config(nlbA)); !tt.is(err) {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(want, ids(members(t, fake, arn))); diff != "" {
				t.Errorf("endpoints (-want +got):\n%s", diff)
			}
			if fault.Hits() != 1 {
				t.Errorf("%d hits", fault.Hits())
			}
			fake.MarkBack(nlbA)
			if err := update(t.Context(), client(fake), arn, config(nlbA)); err != nil {
				t.Errorf("the call after it: %v", err)
			}
			if err := fake.Close(); err != nil { // no call is under way any more
				t.Error(err)
			}
			wantWrites := 1
			if tt.applied {
				wantWrites++
			}
			if got := writes(fake); got != wantWrites {
				t.Errorf("%d writes, with the call after it; want %d", got, wantWrites)
			}
		})
	}
}

// A write whose client has given up still arrives.
func TestLateWrite(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	arn := pair(t, fake)
	goOn, applied := make(chan struct{}), make(chan struct{})
	ctx, giveUp := context.WithTimeout(t.Context(), patience)
	defer giveUp()
	fake.SetHook(func(_ globalaccelerator.Operation, when globalaccelerator.Moment, _ string) {
		if when == globalaccelerator.After {
			close(applied)
			return
		}
		giveUp()
		<-goOn
	})
	fake.Inject(globalaccelerator.Fault{Times: 1, Effect: globalaccelerator.Delay(20 * time.Millisecond)})
	err := update(ctx, client(fake), arn, config(nlbA))
	before := ids(members(t, fake, arn))
	close(goOn)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if diff := cmp.Diff([]string{nlbA, nlbB}, before); diff != "" {
		t.Errorf("applied too soon (-want +got):\n%s", diff)
	}
	await(t, applied)
	if diff := cmp.Diff([]string{nlbA}, ids(members(t, fake, arn))); diff != "" {
		t.Error(diff)
	}
}

func TestWhichCallsAreHit(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	first, second := pair(t, fake), pair(t, fake)
	c, ctx := client(fake), t.Context()
	fault := fake.Inject(globalaccelerator.Fault{
		Operation: globalaccelerator.RemoveEndpoints, Skip: 1, Times: 1,
		Match:  func(arn string) bool { return arn == second },
		Effect: globalaccelerator.Fail(globalaccelerator.AccessDeniedException),
	})
	if err := remove(ctx, c, first, nlbA); err != nil {
		t.Errorf("another group: %v", err)
	}
	if err := update(ctx, c, second, config(nlbA), config(nlbB)); err != nil {
		t.Errorf("another operation: %v", err)
	}
	if err := remove(ctx, c, second, nlbA); err != nil {
		t.Errorf("the call to skip: %v", err)
	}
	if got := code(remove(ctx, c, second, nlbB)); got != "AccessDeniedException" {
		t.Errorf("the call to hit: %q", got)
	}
	if err := remove(ctx, c, second, nlbB); err != nil {
		t.Errorf("the call after it: %v", err)
	}
	if fault.Hits() != 1 {
		t.Errorf("%d hits", fault.Hits())
	}

	forever := fake.Inject(globalaccelerator.Fault{Effect: globalaccelerator.Fail(globalaccelerator.ThrottlingException)})
	for range 3 {
		if _, err := c.ListAccelerators(ctx, &sdk.ListAcceleratorsInput{}); code(err) != "ThrottlingException" {
			t.Errorf("error %v", err)
		}
	}
	forever.Clear()
	if _, err := c.ListAccelerators(ctx, &sdk.ListAcceleratorsInput{}); err != nil {
		t.Error(err)
	}
}

// The shapes of passing errors are those that the SDK's own retryer knows.
func TestTheSDKRetriesPassingErrors(t *testing.T) {
	tests := map[globalaccelerator.ErrorCode]int{
		globalaccelerator.ThrottlingException:            2,
		globalaccelerator.TransactionInProgressException: 2,
		globalaccelerator.InternalServiceErrorException:  2,
		globalaccelerator.ServiceUnavailableException:    2,
		globalaccelerator.AccessDeniedException:          1,
		globalaccelerator.InvalidArgumentException:       1,
	}
	for errorCode, wantCalls := range tests {
		t.Run(string(errorCode), func(t *testing.T) {
			fake := start(t, globalaccelerator.Options{})
			fake.Inject(globalaccelerator.Fault{Times: 1, Effect: globalaccelerator.Fail(errorCode)})
			c := client(fake, func(o *sdk.Options) {
				o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
					s.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
				})
			})
			_, err := c.ListAccelerators(t.Context(), &sdk.ListAcceleratorsInput{})
			if (err == nil) != (wantCalls == 2) {
				t.Errorf("error %v", err)
			}
			if got := fake.Calls(globalaccelerator.ListAccelerators); got != wantCalls {
				t.Errorf("%d calls, want %d", got, wantCalls)
			}
		})
	}
}

func TestMalformedReads(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	arn := pair(t, fake)
	fake.Inject(globalaccelerator.Fault{Effect: globalaccelerator.Mistype()})
	var d *smithy.DeserializationError
	if _, err := client(fake).DescribeEndpointGroup(t.Context(), &sdk.DescribeEndpointGroupInput{EndpointGroupArn: aws.String(arn)}); !errors.As(err, &d) {
		t.Errorf("error %v", err)
	}
	if _, err := client(fake).ListAccelerators(t.Context(), &sdk.ListAcceleratorsInput{}); !errors.As(err, &d) {
		t.Errorf("error %v", err)
	}
}

func TestCloseReleasesWhatHangs(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	arrived := make(chan struct{})
	fake.SetHook(func(globalaccelerator.Operation, globalaccelerator.Moment, string) { close(arrived) })
	fake.Inject(globalaccelerator.Fault{Effect: globalaccelerator.Hang()})
	failed := make(chan error, 1)
	go func() {
		_, err := client(fake).ListAccelerators(context.Background(), &sdk.ListAcceleratorsInput{})
		failed <- err
	}()
	await(t, arrived)
	if err := fake.Close(); err != nil {
		t.Fatal(err)
	}
	if err := await(t, failed); err == nil {
		t.Error("the hanging call was answered")
	}
}
