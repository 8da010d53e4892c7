// Command updateaccelerator is the Lambda that takes a site out of the
// accelerator, and the only part of Sitefence that writes it.
package main

import (
	"context"
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/sitefence/sitefence/internal/wiring"
)

func main() {
	function, err := wiring.Load(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	handler, err := build(function)
	if err != nil {
		log.Fatal(err)
	}
	wiring.Start(handler.Handle)
}

func build(function wiring.Function) (Handler, error) {
	generation, err := function.Generation()
	if err != nil {
		return Handler{}, err
	}
	return Handler{
		Deployment: function.Deployment, Accelerator: function.Reader(), Writer: function.Writer(),
		Generation: generation, Log: lambdacontext.NewLogger(), Now: time.Now,
	}, nil
}
