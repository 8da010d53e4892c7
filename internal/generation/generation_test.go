package generation_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/generation"
)

func TestNewest(t *testing.T) {
	foreign := make([]string, 25)
	for i := range foreign {
		foreign[i] = fmt.Sprintf("by-hand-%d", i)
	}
	tests := map[string]struct {
		started   []string // oldest first
		page      int
		execution string
		want      contract.Reason // "" = the newest
	}{
		"alone":                         {[]string{"fence-1"}, 0, "fence-1", ""},
		"newest of several":             {[]string{"fence-1", "fence-2", "fence-3"}, 0, "fence-3", ""},
		"superseded":                    {[]string{"fence-1", "fence-2"}, 0, "fence-1", contract.Superseded},
		"ten is more than nine":         {[]string{"fence-9", "fence-10"}, 0, "fence-9", contract.Superseded},
		"foreign names in front":        {append([]string{"fence-1", "fence-2"}, foreign[:5]...), 2, "fence-1", contract.Superseded},
		"foreign names do not count":    {append([]string{"fence-2"}, "fence-03", "fence-9x", "xfence-9", "fence-1234567890"), 0, "fence-2", ""},
		"a list that lags":              {[]string{"fence-1"}, 0, "fence-2", ""},
		"an empty list":                 {nil, 0, "fence-1", ""},
		"more foreign pages than asked": {append([]string{"fence-2"}, foreign...), 2, "fence-1", contract.NotProven},
		"a name not of the guard":       {nil, 0, "by-hand", contract.BadInput},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			states := &awsfake.States{}
			states.Start(tc.started...)
			states.SetPage(tc.page)
			g := generation.Guard{Executions: sfn.NewFromConfig(awsfake.Serve(t, states)), Machine: "arn:fence"}
			err := g.Newest(t.Context(), tc.execution)
			if (err == nil) != (tc.want == "") || err != nil && contract.ReasonOf(err) != tc.want {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			for _, c := range states.Calls() {
				if !strings.Contains(c.Input, `"stateMachineArn":"arn:fence"`) {
					t.Errorf("another machine was listed: %s", c.Input)
				}
			}
		})
	}
}

func TestNewestErrors(t *testing.T) {
	for code, want := range map[string]contract.Reason{
		"AccessDeniedException": contract.AccessDenied, "StateMachineDoesNotExist": contract.NotFound, "ThrottlingException": contract.Unavailable,
	} {
		states := &awsfake.States{}
		for range 5 {
			states.Add(awsfake.Fault{Status: 400, Code: code})
		}
		g := generation.Guard{Executions: sfn.NewFromConfig(awsfake.Serve(t, states)), Machine: "arn:fence"}
		if err := g.Newest(t.Context(), "fence-1"); contract.ReasonOf(err) != want || err == nil {
			t.Errorf("%s: got %v, want %s", code, err, want)
		}
	}
}

// TestText: the operator is told which fence is newer and what to do.
func TestText(t *testing.T) {
	states := &awsfake.States{}
	states.Start("fence-1", "fence-7")
	g := generation.Guard{Executions: sfn.NewFromConfig(awsfake.Serve(t, states)), Machine: "arn:fence"}
	err := g.Newest(t.Context(), "fence-1")
	if want := "superseded: superseded by fence-7; replay the guard execution instead"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
