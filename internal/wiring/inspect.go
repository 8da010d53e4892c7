package wiring

import (
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
)

// Accelerators reads accelerators as a whole; the SDK retries its reads.
func (f Function) Accelerators() *ga.Client { return ga.NewFromConfig(f.aws, inControlPlane) }

// Balancers reads load balancers. The Region is given with each call.
func (f Function) Balancers() *elb.Client { return elb.NewFromConfig(f.aws) }
