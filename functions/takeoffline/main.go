// Command takeoffline is the Lambda that stops the surviving site's Infinispan
// from replicating to the fenced one, and proves it.
package main

import (
	"context"
	"log"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/sitefence/sitefence/internal/contract"
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
	clients, err := function.Clusters()
	if err != nil {
		return Handler{}, err
	}
	clusters := map[contract.Site]Cluster{}
	for site, client := range clients {
		clusters[site] = client
	}
	return Handler{
		Deployment: function.Deployment, Accelerator: function.Reader(), Clusters: clusters,
		Generation: generation, Log: lambdacontext.NewLogger(),
	}, nil
}
