package simulation

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	gatypes "github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// direct answers reads without a wire, in the SDK's own types: three worlds in
// the time of one. Writes and secrets keep to the wire.
type direct struct{ w *World }

// read holds a read at the gate and answers it as its release says.
func read[T any](ctx context.Context, w *World, operation, target string, answer func() (*T, error)) (*T, error) {
	c := &Call{Operation: operation, Target: target, ctx: ctx}
	fault, err := w.hold(c)
	if err != nil {
		return nil, err
	}
	switch fault {
	case None:
		return answer()
	case Refused:
		return nil, &smithy.GenericAPIError{Code: "InternalServiceErrorException", Message: "refused"}
	case Throttled:
		return nil, &smithy.GenericAPIError{Code: "ThrottlingException", Message: "throttled"}
	case Malformed:
		return nil, &smithy.DeserializationError{Err: errors.New("malformed")}
	case Slow, SlowApplied:
		<-ctx.Done()
		return nil, ctx.Err()
	case KilledBefore, KilledAfter:
		return nil, errKilled
	default:
		return nil, io.ErrUnexpectedEOF
	}
}

// ListListeners implements accelerator.Reading.
func (d direct) ListListeners(ctx context.Context, in *globalaccelerator.ListListenersInput, _ ...func(*globalaccelerator.Options)) (*globalaccelerator.ListListenersOutput, error) {
	return read(ctx, d.w, "ListListeners", *in.AcceleratorArn, func() (*globalaccelerator.ListListenersOutput, error) {
		out := &globalaccelerator.ListListenersOutput{Listeners: []gatypes.Listener{}}
		for _, l := range d.w.Listeners() {
			out.Listeners = append(out.Listeners, gatypes.Listener{ListenerArn: aws.String(l.ARN)})
		}
		return out, nil
	})
}

// ListEndpointGroups implements accelerator.Reading.
func (d direct) ListEndpointGroups(ctx context.Context, in *globalaccelerator.ListEndpointGroupsInput, _ ...func(*globalaccelerator.Options)) (*globalaccelerator.ListEndpointGroupsOutput, error) {
	return read(ctx, d.w, "ListEndpointGroups", *in.ListenerArn, func() (*globalaccelerator.ListEndpointGroupsOutput, error) {
		out := &globalaccelerator.ListEndpointGroupsOutput{EndpointGroups: []gatypes.EndpointGroup{}}
		for _, l := range d.w.Listeners() {
			if l.ARN != *in.ListenerArn {
				continue
			}
			for _, g := range l.Groups {
				group := gatypes.EndpointGroup{EndpointGroupArn: aws.String(g.ARN), TrafficDialPercentage: aws.Float32(g.Dial),
					EndpointDescriptions: []gatypes.EndpointDescription{}}
				for _, e := range g.Endpoints {
					group.EndpointDescriptions = append(group.EndpointDescriptions, gatypes.EndpointDescription{
						EndpointId: aws.String(e.ID), Weight: aws.Int32(e.Weight), HealthState: gatypes.HealthState(e.Health),
						ClientIPPreservationEnabled: aws.Bool(e.PreserveClientIP),
					})
				}
				out.EndpointGroups = append(out.EndpointGroups, group)
			}
		}
		return out, nil
	})
}

// DescribeTags implements accelerator.Tags.
func (d direct) DescribeTags(ctx context.Context, in *elb.DescribeTagsInput, options ...func(*elb.Options)) (*elb.DescribeTagsOutput, error) {
	var o elb.Options
	for _, option := range options {
		option(&o)
	}
	return read(ctx, d.w, "DescribeTags", o.Region, func() (*elb.DescribeTagsOutput, error) {
		out := &elb.DescribeTagsOutput{}
		for _, arn := range in.ResourceArns {
			tags := d.w.tags[arn]
			if tags == nil {
				// With the status that goes with it, as the SDK has it of an answer.
				return nil, &smithyhttp.ResponseError{
					Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusBadRequest}},
					Err:      &smithy.GenericAPIError{Code: "LoadBalancerNotFound", Message: arn},
				}
			}
			description := elbtypes.TagDescription{ResourceArn: aws.String(arn)}
			for k, v := range tags {
				description.Tags = append(description.Tags, elbtypes.Tag{Key: aws.String(k), Value: aws.String(v)})
			}
			out.TagDescriptions = append(out.TagDescriptions, description)
		}
		return out, nil
	})
}

// ListExecutions implements sfn.ListExecutionsAPIClient.
func (d direct) ListExecutions(ctx context.Context, in *sfn.ListExecutionsInput, _ ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error) {
	return read(ctx, d.w, "ListExecutions", "", func() (*sfn.ListExecutionsOutput, error) {
		page, next := d.w.list(fenceMachine, "", aws.ToString(in.NextToken), int(in.MaxResults))
		out := &sfn.ListExecutionsOutput{}
		for _, e := range page {
			out.Executions = append(out.Executions, sfntypes.ExecutionListItem{Name: aws.String(e.name), Status: sfntypes.ExecutionStatus(e.status)})
		}
		if _, err := strconv.Atoi(next); err == nil {
			out.NextToken = &next
		}
		return out, nil
	})
}
