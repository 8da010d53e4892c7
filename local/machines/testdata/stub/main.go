// Command stub is a Lambda that asks the test what to do: each invocation posts
// its input to the address in SITEFENCE_STUB and does what the answer says.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/sitefence/sitefence/internal/contract"
)

// order is what the test wants of one invocation.
type order struct {
	Do     string          `json:"do"`
	Output json.RawMessage `json:"output"`
	Text   string          `json:"text"`
}

func handle(ctx context.Context, input json.RawMessage) (any, error) {
	o, err := ask(ctx, input)
	if err != nil {
		return nil, fmt.Errorf("asking the test: %w", err)
	}
	switch o.Do {
	case "answer":
		return o.Output, nil
	case "Transient":
		return nil, &contract.Transient{Reason: contract.Unavailable, Text: o.Text}
	case "Refused":
		return nil, &contract.Refused{Reason: contract.WouldGoDark, Text: o.Text}
	case "Misconfigured":
		return nil, &contract.Misconfigured{Reason: contract.Forbidden, Text: o.Text}
	case "plain error":
		return nil, errors.New(o.Text)
	case "panic":
		panic(o.Text)
	case "exit":
		os.Exit(1)
	case "killed": // as the kernel ends a process that is out of memory
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			return nil, err
		}
		select {}
	case "hang":
		// Longer than any timeout of a test, yet it ends.
		time.Sleep(20 * time.Second)
		return nil, errors.New("hung to the end")
	}
	return nil, fmt.Errorf("no such order: %q", o.Do)
}

func ask(ctx context.Context, input json.RawMessage) (order, error) {
	url := os.Getenv("SITEFENCE_STUB") + "/" + os.Getenv("AWS_LAMBDA_FUNCTION_NAME")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(input))
	if err != nil {
		return order{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return order{}, err
	}
	defer resp.Body.Close()
	var o order
	return o, json.NewDecoder(resp.Body).Decode(&o)
}

func main() { lambda.Start(handle) }
