package wiring

import ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"

// Accelerators reads accelerators as a whole; the SDK retries its reads.
func (f Function) Accelerators() *ga.Client { return ga.NewFromConfig(f.aws, inControlPlane) }
