package generation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/generation"
)

func guard(t *testing.T, states *awsfake.States) generation.Guard {
	t.Helper()
	return generation.Guard{Executions: sfn.NewFromConfig(awsfake.Serve(t, states)), Machine: "arn:fence"}
}

func kind(err error) string {
	if err == nil {
		return ""
	}
	return reflect.TypeOf(err).Elem().Name() + " " + string(contract.ReasonOf(err))
}

func byHand(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("by-hand-%d", i)
	}
	return names
}

// TestPages: how far is read, and what that proves.
func TestPages(t *testing.T) {
	tests := map[string]struct {
		started   []string // oldest first
		page      int
		execution string
		want      string
		calls     int
	}{
		// The first page with a well-formed name decides: all on later pages
		// were started before, so a higher number there is none of the guard's.
		"own in the first page":                 {[]string{"fence-1", "fence-2", "fence-3"}, 1, "fence-3", "", 1},
		"higher in the first page":              {[]string{"fence-1", "fence-2", "fence-3"}, 2, "fence-2", "Refused superseded", 1},
		"higher beside own, in either order":    {[]string{"fence-8", "fence-7"}, 2, "fence-7", "Refused superseded", 1},
		"older than the first page":             {[]string{"fence-1", "fence-2", "fence-3"}, 1, "fence-1", "Refused superseded", 1},
		"higher behind, that the guard ignores": {[]string{"fence-900", "fence-1", "fence-2"}, 2, "fence-2", "", 1},
		"in the last page of ten":               {append([]string{"fence-2"}, byHand(9)...), 1, "fence-1", "Refused superseded", 10},
		"in the eleventh page":                  {append([]string{"fence-2"}, byHand(10)...), 1, "fence-1", "Transient not-proven", 10},
		"ten pages of others, and that is all":  {byHand(10), 1, "fence-1", "", 10},
		"bad name: nothing is asked":            {[]string{"fence-1"}, 0, "fence-01", "Misconfigured bad-input", 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			states := &awsfake.States{}
			states.Start(tc.started...)
			states.SetPage(tc.page)
			err := guard(t, states).Newest(t.Context(), tc.execution)
			if kind(err) != tc.want {
				t.Errorf("got %q (%v), want %q", kind(err), err, tc.want)
			}
			calls := states.Calls()
			if len(calls) != tc.calls {
				t.Fatalf("%d calls, want %d", len(calls), tc.calls)
			}
			for i, c := range calls {
				var in struct {
					NextToken, StatusFilter string
					MaxResults              int
				}
				if err := json.Unmarshal([]byte(c.Input), &in); err != nil || in.MaxResults != 1000 || in.StatusFilter != "" || (in.NextToken == "") != (i == 0) {
					t.Errorf("call %d: %s, %v; want the next 1000 of any status", i, c.Input, err)
				}
			}
		})
	}
}

// TestTypes: what the machine does about a failed list hangs on the type.
func TestTypes(t *testing.T) {
	for name, tc := range map[string]struct {
		fault awsfake.Fault
		times int
		want  string
	}{
		"denied":          {awsfake.Fault{Status: 400, Code: "AccessDeniedException"}, 1, "Misconfigured access-denied"},
		"no machine":      {awsfake.Fault{Status: 400, Code: "StateMachineDoesNotExist"}, 1, "Misconfigured not-found"},
		"throttled":       {awsfake.Fault{Status: 400, Code: "ThrottlingException"}, 3, "Transient unavailable"},
		"throttled once":  {awsfake.Fault{Status: 400, Code: "ThrottlingException"}, 1, "Refused superseded"},
		"connection cut":  {awsfake.Fault{Cut: true}, 3, "Transient unavailable"},
		"no JSON":         {awsfake.Fault{Body: "<html>"}, 3, "Transient unavailable"},
		"numbers as name": {awsfake.Fault{Body: `{"executions":[{"name":7}]}`}, 3, "Transient unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // the SDK waits between its attempts
				states := &awsfake.States{}
				states.Start("fence-1", "fence-2")
				for range tc.times {
					states.Add(tc.fault)
				}
				if err := guard(t, states).Newest(t.Context(), "fence-1"); kind(err) != tc.want {
					t.Errorf("got %q (%v), want %q", kind(err), err, tc.want)
				}
			})
		})
	}
}

// TestTimeIsOver: no list, no proof.
func TestTimeIsOver(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := guard(t, &awsfake.States{}).Newest(ctx, "fence-1"); kind(err) != "Transient unavailable" {
		t.Errorf("got %v, want Transient", err)
	}
}
