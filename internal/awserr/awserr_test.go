package awserr_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
)

func api(code string) error {
	return &smithy.OperationError{ServiceID: "X", OperationName: "Y", Err: &smithy.GenericAPIError{Code: code, Message: "the words"}}
}

func TestSort(t *testing.T) {
	const denied, missing, passing = "Misconfigured access-denied", "Misconfigured not-found", "Transient unavailable"
	tests := map[string]struct {
		err  error
		want string
	}{
		"AWS JSON's denial":   {api("AccessDeniedException"), denied},
		"Query's denial":      {api("AccessDenied"), denied},
		"EC2's denial":        {api("UnauthorizedOperation"), denied},
		"unknown credentials": {api("UnrecognizedClientException"), denied},
		"no accelerator":      {api("AcceleratorNotFoundException"), missing},
		"no machine":          {api("StateMachineDoesNotExist"), missing},
		"no secret":           {api("ResourceNotFoundException"), missing},
		"a modelled error":    {&types.StateMachineDoesNotExist{}, missing},
		"throttled":           {api("ThrottlingException"), passing},
		"in transition":       {api("TransactionInProgressException"), passing},
		"internal":            {api("InternalServiceErrorException"), passing},
		// A listener or a group that went between two reads is there or not at the next one.
		"no listener":     {api("ListenerNotFoundException"), passing},
		"no group":        {api("EndpointGroupNotFoundException"), passing},
		"expired token":   {api("ExpiredTokenException"), passing},
		"a code of later": {api("SomethingNew"), passing},
		"no code":         {api(""), passing},
		"no answer":       {fmt.Errorf("dialling: %w", context.DeadlineExceeded), passing},
		"cancelled":       {context.Canceled, passing},
		"joined":          {errors.Join(errors.New("x"), api("AccessDenied")), denied},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			err := awserr.Sort(tc.err, "reading x")
			if got := reflect.TypeOf(err).Elem().Name() + " " + string(contract.ReasonOf(err)); got != tc.want {
				t.Errorf("got %s (%v), want %s", got, err, tc.want)
			}
			if !strings.Contains(err.Error(), ": reading x: ") {
				t.Errorf("%q does not say what was being done", err)
			}
			if human := strings.HasPrefix(tc.want, "Misconfigured"); human != strings.Contains(err.Error(), "replay the guard execution") {
				t.Errorf("%q: advice only where a human must act", err)
			}
		})
	}
	if err := awserr.Sort(nil, "reading x"); err != nil {
		t.Errorf("no error became %v", err)
	}
}

func TestCode(t *testing.T) {
	for want, err := range map[string]error{"": errors.New("x"), "AccessDenied": fmt.Errorf("y: %w", api("AccessDenied"))} {
		if got := awserr.Code(err); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
	if got := awserr.Code(nil); got != "" {
		t.Errorf("no error has the code %q", got)
	}
}

// TestText: what the service said, in its words and bounded, without the SDK's frame.
func TestText(t *testing.T) {
	states := &awsfake.States{}
	states.Add(awsfake.Fault{Status: 400, Code: "AccessDeniedException"})
	arn := "arn:aws:states:eu-west-1:123456789012:stateMachine:x"
	_, err := sfn.NewFromConfig(awsfake.Serve(t, states)).ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &arn})
	want := "access-denied: listing: AccessDeniedException: the fake says so; mend the function's role or the key's policy, then replay the guard execution"
	if got := awserr.Sort(err, "listing"); got.Error() != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
	long := strings.Repeat("ä", 10_000)
	for _, err := range []error{errors.New(long), &smithy.GenericAPIError{Code: "AccessDenied", Message: long}, &smithy.GenericAPIError{Code: long, Message: "x"}} {
		if got := awserr.Sort(err, "x").Error(); len(got) > 1200 || !strings.Contains(got, "ää") {
			t.Errorf("a text of %d bytes", len(got))
		}
	}
}

func TestPlain(t *testing.T) {
	for _, code := range []string{"AccessDeniedException", "ResourceNotFoundException", "ThrottlingException"} {
		err := awserr.Sort(&smithy.GenericAPIError{Code: code, Message: "why"}, "doing it")
		if got := awserr.Plain(err.Error()); !strings.HasSuffix(got, "doing it: "+code+": why") {
			t.Errorf("%s: %q", code, got)
		}
	}
}
