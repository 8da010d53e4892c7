package inspected_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/inspected"
)

func TestAsk(t *testing.T) {
	for name, test := range map[string]struct {
		answer   string
		failure  string
		fault    awsfake.Fault
		function string
		says     string // "": it succeeds
	}{
		"an inspection":             {answer: `{"version":"1","deployment":"main","pauseProblem":"x"}`},
		"of another deployment":     {answer: `{"version":"1","deployment":"other"}`, says: `it is about "other", want "main"`},
		"the function failed":       {answer: `{"errorType":"Misconfigured","errorMessage":"bad-input: version"}`, failure: "Unhandled", says: "Misconfigured bad-input: version"},
		"no inspection at all":      {answer: `"hello"`, says: "the answer is no inspection"},
		"denied":                    {fault: awsfake.Fault{Status: 403, Code: "AccessDeniedException"}, says: "AccessDeniedException"},
		"a stack of an old release": {function: "-", says: "deploy this release"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &awsfake.Lambda{}
			fake.Set("inspect-1", awsfake.Answer{Payload: test.answer, FunctionError: test.failure})
			if test.fault.Status != 0 {
				fake.Add(test.fault)
			}
			function := "inspect-1"
			if test.function == "-" {
				function = ""
			}
			got, err := inspected.Ask(t.Context(), lambda.NewFromConfig(awsfake.Serve(t, fake)), function, "main")
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%v, want %q", err, test.says)
				}
				return
			}
			if err != nil || got.PauseProblem != "x" {
				t.Errorf("%+v, %v", got, err)
			}
			if want := `{"version":"` + contract.Version + `","deployment":"main"}`; fake.Calls()[0].Input != want {
				t.Errorf("asked %s, want %s", fake.Calls()[0].Input, want)
			}
		})
	}
}
