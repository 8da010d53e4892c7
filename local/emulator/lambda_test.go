package emulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// How a Go function's failure arrives in a state machine, by either kind of
// resource: the error is named after the Go type.
func TestErrorsArriveByTypeName(t *testing.T) {
	e := mended.get(t)
	probe := deployProbe(t, e, "")
	for do, want := range map[string]string{
		`{"do":"value error","message":"m"}`:                 "Transient",
		`{"do":"pointer error","message":"m"}`:               "Transient",
		`{"do":"plain error","message":"m"}`:                 "errorString",
		`{"do":"wrapped error","message":"m"}`:               "wrapError",
		`{"do":"named error","type":"Refused"}`:              "Refused",
		`{"do":"panic","message":"m"}`:                       "string",
		`{"do":"exit"}`:                                      "Runtime.ExitError",
		`{"name":"{% $states.input.none %}"}`:                "States.QueryEvaluationError",
		`{"millis":2500, "name":"longer than the task may"}`: "States.Timeout",
	} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			limit := 30 // for a machine that is busy
			if want == "States.Timeout" {
				limit = 1
			}
			for _, task := range []string{
				fmt.Sprintf(`"Resource":%q,"Arguments":%s`, probe.arn, do),
				fmt.Sprintf(`"Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":%q,"Payload":%s}`, probe.arn, do),
			} {
				got := outcome(execute(t, e, `"Start":{"Type":"Task",`+task+fmt.Sprintf(`,"TimeoutSeconds":%d,"End":true,`, limit)+`
					"Catch":[{"ErrorEquals":["States.ALL"],"Output":"{% $states.errorOutput.Error %}","Next":"Caught"}]},
					"Caught":{"Type":"Pass","End":true}`, `{}`))
				if got != `"`+want+`"` {
					t.Errorf("%s: got %s, want %q", task, got, want)
				}
			}
		})
	}
}

// The cause is a JSON text with the error's message in it.
func TestCauseHoldsTheMessage(t *testing.T) {
	e := mended.get(t)
	probe := deployProbe(t, e, "")
	end := execute(t, e, fmt.Sprintf(
		`"Start":{"Type":"Task","Resource":%q,"Arguments":{"do":"value error","message":"m \"q\""},"End":true}`, probe.arn), `{}`)
	var cause struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal([]byte(*end.Cause), &cause); err != nil {
		t.Fatal(err)
	}
	if cause.ErrorType != "Transient" || cause.ErrorMessage != `m "q"` {
		t.Errorf("cause %s", *end.Cause)
	}
}

func TestFunctionURLReachesTheFunction(t *testing.T) {
	e := mended.get(t)
	probe := deployProbe(t, e, "")
	answer, err := call(t.Context(), e, http.MethodPost, "lambda", "/2021-10-31/functions/"+probe.name+"/url", `{"AuthType":"NONE"}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	var deployed struct {
		FunctionURL string `json:"FunctionUrl"`
	}
	if err := json.Unmarshal(answer, &deployed); err != nil {
		t.Fatal(err)
	}
	url, err := e.FunctionURL(deployed.FunctionURL)
	if err != nil {
		t.Fatal(err)
	}
	got, err := post(t.Context(), url)
	if err != nil || !strings.Contains(got, `"millis": 0`) {
		t.Errorf("got %q, %v; want the probe's answer", got, err)
	}
}

// post is what a client does that knows nothing of AWS.
func post(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"version":"4"}`))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth("user", "password")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}
