// Command probe is a Lambda whose behaviour its input chooses, for the tests.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type input struct {
	Do   string `json:"do"`
	Text string `json:"text"`
	Size int    `json:"size"`
}

// Transient is an error that an exported type names.
type Transient struct{ Message string }

func (e *Transient) Error() string { return e.Message }

// seen is what the handler can know of its invocation.
type seen struct {
	PID         int
	RequestID   string
	ARN         string
	Trace       string
	Left        time.Duration
	Environment []string
}

func handle(ctx context.Context, in input) (any, error) {
	switch in.Do {
	case "error":
		return nil, &Transient{in.Text}
	case "panic":
		panic(in.Text)
	case "exit":
		os.Exit(3)
	case "hang":
		fmt.Println("hangs:", in.Text)
		select {}
	case "wait": // until the file is there, or the time is up
		for ctx.Err() == nil {
			if _, err := os.Stat(in.Text); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
	case "large":
		return strings.Repeat("x", in.Size), nil
	case "answer and hang":
		lc, _ := lambdacontext.FromContext(ctx)
		_ = call(http.MethodPost, "invocation/"+lc.AwsRequestID+"/response", `{}`)
		select {}
	case "break the rules":
		return breakTheRules(ctx)
	}
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return seen{os.Getpid(), lc.AwsRequestID, lc.InvokedFunctionArn, os.Getenv("_X_AMZN_TRACE_ID"),
		time.Until(deadline), os.Environ()}, nil
}

// breakTheRules does in an invocation what a runtime must not, and returns the
// statuses; the last but one is the invocation's answer.
func breakTheRules(ctx context.Context) (any, error) {
	lc, _ := lambdacontext.FromContext(ctx)
	got := []int{
		call(http.MethodGet, "invocation/next", ""),
		call(http.MethodPost, "invocation/other/response", `"of another"`),
		call(http.MethodPost, "invocation/other/error", `{}`),
		call(http.MethodGet, "invocation", ""),
	}
	mine := "invocation/" + lc.AwsRequestID + "/response"
	got = append(got, call(http.MethodPost, mine, strings.ReplaceAll(fmt.Sprint(got), " ", ",")))
	got = append(got, call(http.MethodPost, mine, `"a second answer"`))
	fmt.Println("statuses:", got)
	return nil, nil
}

// call calls the Runtime API behind the runtime's back and returns the status.
func call(method, path, body string) int {
	req, err := http.NewRequest(method, "http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/"+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func main() {
	switch os.Getenv("INIT") {
	case "exit":
		fmt.Println("cannot start")
		os.Exit(4)
	case "error":
		_ = call(http.MethodPost, "init/error", `{"errorType":"Misconfigured","errorMessage":"no configuration"}`)
		select {}
	}
	lambda.Start(handle)
}
