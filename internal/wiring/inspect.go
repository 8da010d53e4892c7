package wiring

import (
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/secret"
)

// Accelerators reads accelerators as a whole; the SDK retries its reads.
func (f Function) Accelerators() *ga.Client { return ga.NewFromConfig(f.aws, inControlPlane) }

// WatchedClusters are Clusters that keep their passwords, see secret.Reader.Keep.
func (f Function) WatchedClusters() (map[contract.Site]*infinispan.Client, error) {
	return f.clusters((*secret.Reader).Keep)
}

// Rules are the rules to look after: on which bus, and their names. There are
// none where none is named.
type Rules struct {
	Client *eventbridge.Client // the SDK retries its reads
	Bus    string
	Names  []string
}

// Rules reads what the environment names.
func (f Function) Rules() Rules {
	r := Rules{Client: eventbridge.NewFromConfig(f.aws), Bus: os.Getenv(config.EnvBus)}
	if names := os.Getenv(config.EnvRules); names != "" {
		r.Names = strings.Split(names, ",")
	}
	return r
}

// Acting are the ARNs of the machines that change something, by what they do:
// those that the environment names.
func (f Function) Acting() map[string]string {
	acting := map[string]string{}
	for machine, name := range map[string]string{"fence": config.EnvFenceMachine, "restore": config.EnvRestoreMachine} {
		if arn := os.Getenv(name); arn != "" {
			acting[machine] = arn
		}
	}
	return acting
}
