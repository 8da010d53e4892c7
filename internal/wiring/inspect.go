package wiring

import (
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"

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
