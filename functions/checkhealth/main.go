// Command checkhealth is the Lambda that looks at the accelerator and at the
// sites' Infinispan and decides whether the site must be fenced. It changes nothing.
package main

import (
	"context"
	"log"
	"time"

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
		Log: lambdacontext.NewLogger(), Now: time.Now,
	}, nil
}
