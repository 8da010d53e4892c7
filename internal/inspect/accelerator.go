package inspect

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/contract"
)

// describe reads the accelerator's own names and status.
func (h Handler) describe(ctx context.Context, state *contract.AcceleratorState) error {
	out, err := h.Describer.DescribeAccelerator(ctx, &ga.DescribeAcceleratorInput{AcceleratorArn: &state.ARN})
	if err != nil {
		return awserr.Sort(err, "describing the accelerator")
	}
	if out.Accelerator == nil {
		return contract.TransientF(contract.Unavailable, "describing the accelerator: the answer is not as expected: it has none")
	}
	for _, name := range []*string{out.Accelerator.DnsName, out.Accelerator.DualStackDnsName} {
		if aws.ToString(name) != "" {
			state.DNSNames = append(state.DNSNames, *name)
		}
	}
	state.Status, state.Enabled = string(out.Accelerator.Status), aws.ToBool(out.Accelerator.Enabled)
	return nil
}

// hold reads what the accelerator holds of each site.
func (h Handler) hold(ctx context.Context, found *contract.Inspection) error {
	state, err := h.Accelerator.Read(ctx)
	if err != nil {
		return err
	}
	found.Accelerator.Listeners = len(state.Listeners)
	found.Accelerator.Unattributed = state.Unattributed()
	for i := range found.Sites {
		site := &found.Sites[i]
		site.Standing, site.Endpoints = state.Evidence(site.Name), state.Record(site.Name)
	}
	return nil
}
