// Command probe is a Lambda whose behaviour its input chooses, for the tests.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
)

type input struct {
	Do      string `json:"do"`
	Millis  int    `json:"millis"`
	Type    string `json:"type"`
	Message string `json:"message"`
	Name    string `json:"name"`
}

// Transient is an error that an exported type names.
type Transient struct{ Message string }

func (e Transient) Error() string { return e.Message }

func handle(_ context.Context, in input) (any, error) {
	if in.Do == "mark" {
		// Renamed, so that a reader finds it whole.
		if err := os.WriteFile(in.Name+".new", []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
			return nil, err
		}
		if err := os.Rename(in.Name+".new", in.Name); err != nil {
			return nil, err
		}
	}
	time.Sleep(time.Duration(in.Millis) * time.Millisecond)
	switch in.Do {
	case "value error":
		return nil, Transient{in.Message}
	case "pointer error":
		return nil, &Transient{in.Message}
	case "plain error":
		return nil, errors.New(in.Message)
	case "wrapped error":
		return nil, fmt.Errorf("trying: %w", Transient{in.Message})
	case "named error":
		return nil, messages.InvokeResponse_Error{Type: in.Type, Message: in.Message}
	case "panic":
		panic(in.Message)
	case "exit":
		os.Exit(3)
	case "environment":
		return os.Environ(), nil
	case "pid":
		return os.Getpid(), nil
	}
	return in, nil
}

func main() { lambda.Start(handle) }
