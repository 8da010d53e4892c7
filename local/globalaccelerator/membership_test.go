package globalaccelerator_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/local/globalaccelerator"
)

func nlb(n int) string {
	return fmt.Sprintf("arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/n%d/0123456789abcdef", n)
}

func nlbs(from, to int) []types.EndpointConfiguration {
	var list []types.EndpointConfiguration
	for n := from; n < to; n++ {
		list = append(list, config(nlb(n)))
	}
	return list
}

// The world of each case: site-a (weight 200, client IP preserved) and site-b.
func TestMembership(t *testing.T) {
	weight := func(c types.EndpointConfiguration, w int32) types.EndpointConfiguration {
		c.Weight = aws.Int32(w)
		return c
	}
	preserving := func(c types.EndpointConfiguration, on bool) types.EndpointConfiguration {
		c.ClientIPPreservationEnabled = aws.Bool(on)
		return c
	}
	add := func(ctx context.Context, c *sdk.Client, arn string, list ...types.EndpointConfiguration) error {
		_, err := c.AddEndpoints(ctx, &sdk.AddEndpointsInput{EndpointGroupArn: aws.String(arn), EndpointConfigurations: list})
		return err
	}
	const missing = "arn:aws:globalaccelerator::123456789012:accelerator/x/listener/y/endpoint-group/z"

	tests := map[string]struct {
		gone     []string
		call     func(ctx context.Context, c *sdk.Client, arn string) error
		wantCode string
		want     []string // the group's endpoints afterwards; nil is both sites
	}{
		"update replaces the set": {
			call: func(ctx context.Context, c *sdk.Client, arn string) error { return update(ctx, c, arn, config(nlbB)) },
			want: []string{nlbB},
		},
		"update with an empty set empties the group": {
			call: func(ctx context.Context, c *sdk.Client, arn string) error { return update(ctx, c, arn) },
			want: []string{},
		},
		"update without a set leaves it": {
			call: func(ctx context.Context, c *sdk.Client, arn string) error {
				_, err := c.UpdateEndpointGroup(ctx, &sdk.UpdateEndpointGroupInput{EndpointGroupArn: aws.String(arn), TrafficDialPercentage: aws.Float32(10)})
				return err
			},
		},
		"update with a gone balancer is refused": {
			gone: []string{nlbB},
			call: func(ctx context.Context, c *sdk.Client, arn string) error {
				return update(ctx, c, arn, config(nlbA), config(nlbB))
			},
			wantCode: "InvalidArgumentException",
		},
		"update that drops the gone balancer works": {
			gone: []string{nlbB},
			call: func(ctx context.Context, c *sdk.Client, arn string) error { return update(ctx, c, arn, config(nlbA)) },
			want: []string{nlbA},
		},
		"remove does not resolve what remains": {
			gone: []string{nlbB},
			call: func(ctx context.Context, c *sdk.Client, arn string) error { return remove(ctx, c, arn, nlbA) },
			want: []string{nlbB},
		},
		"remove of a gone balancer works": {
			gone: []string{nlbB},
			call: func(ctx context.Context, c *sdk.Client, arn string) error { return remove(ctx, c, arn, nlbB) },
			want: []string{nlbA},
		},
		"remove of a stranger is refused, whole": {
			call:     func(ctx context.Context, c *sdk.Client, arn string) error { return remove(ctx, c, arn, nlbA, nlbOther) },
			wantCode: "EndpointNotFoundException",
		},
		"remove with the other preservation is refused": {
			call: func(ctx context.Context, c *sdk.Client, arn string) error {
				_, err := c.RemoveEndpoints(ctx, &sdk.RemoveEndpointsInput{EndpointGroupArn: aws.String(arn), EndpointIdentifiers: []types.EndpointIdentifier{
					{EndpointId: aws.String(nlbA), ClientIPPreservationEnabled: aws.Bool(false)},
				}})
				return err
			},
			wantCode: "EndpointNotFoundException",
		},
		"add appends": {
			call: func(ctx context.Context, c *sdk.Client, arn string) error { return add(ctx, c, arn, config(nlbOther)) },
			want: []string{nlbA, nlbB, nlbOther},
		},
		"add does not resolve what is there": {
			gone: []string{nlbA},
			call: func(ctx context.Context, c *sdk.Client, arn string) error { return add(ctx, c, arn, config(nlbOther)) },
			want: []string{nlbA, nlbB, nlbOther},
		},
		"add of a gone balancer is refused": {
			gone:     []string{nlbOther},
			call:     func(ctx context.Context, c *sdk.Client, arn string) error { return add(ctx, c, arn, config(nlbOther)) },
			wantCode: "InvalidArgumentException",
		},
		"add of a member is refused": {
			call:     func(ctx context.Context, c *sdk.Client, arn string) error { return add(ctx, c, arn, config(nlbB)) },
			wantCode: "EndpointAlreadyExistsException",
		},
		"add beyond ten endpoints is refused": {
			call:     func(ctx context.Context, c *sdk.Client, arn string) error { return add(ctx, c, arn, nlbs(0, 9)...) },
			wantCode: "LimitExceededException",
		},
		"more than ten endpoints in one request are refused": {
			call:     func(ctx context.Context, c *sdk.Client, arn string) error { return update(ctx, c, arn, nlbs(0, 11)...) },
			wantCode: "ValidationException",
		},
		"duplicates are refused": {
			call: func(ctx context.Context, c *sdk.Client, arn string) error {
				return update(ctx, c, arn, config(nlbA), config(nlbA))
			},
			wantCode: "InvalidArgumentException",
		},
		"a balancer with and without preservation is two endpoints": {
			call: func(ctx context.Context, c *sdk.Client, arn string) error {
				return update(ctx, c, arn, preserving(config(nlbA), true), preserving(config(nlbA), false))
			},
			want: []string{nlbA, nlbA},
		},
		"a balancer of another Region is refused": {
			call: func(ctx context.Context, c *sdk.Client, arn string) error {
				return update(ctx, c, arn, config(nlbA), config(nlbFar))
			},
			wantCode: "InvalidArgumentException",
		},
		"an Elastic IP resolves": {
			gone: []string{eip},
			call: func(ctx context.Context, c *sdk.Client, arn string) error { return update(ctx, c, arn, config(eip)) },
			want: []string{eip},
		},
		"an Elastic IP preserves no client IP": {
			call: func(ctx context.Context, c *sdk.Client, arn string) error {
				return update(ctx, c, arn, preserving(config(eip), true))
			},
			wantCode: "InvalidArgumentException",
		},
		"what is no endpoint is refused": {
			call: func(ctx context.Context, c *sdk.Client, arn string) error {
				return update(ctx, c, arn, config("site-a"))
			},
			wantCode: "InvalidArgumentException",
		},
		"weight 255 is the most": {
			call: func(ctx context.Context, c *sdk.Client, arn string) error {
				return update(ctx, c, arn, weight(config(nlbA), 256))
			},
			wantCode: "InvalidArgumentException",
		},
		"weight 0 is the least": {
			call: func(ctx context.Context, c *sdk.Client, arn string) error {
				return update(ctx, c, arn, weight(config(nlbA), -1))
			},
			wantCode: "InvalidArgumentException",
		},
		"dial 100 is the most": {
			call: func(ctx context.Context, c *sdk.Client, arn string) error {
				_, err := c.UpdateEndpointGroup(ctx, &sdk.UpdateEndpointGroupInput{EndpointGroupArn: aws.String(arn), TrafficDialPercentage: aws.Float32(100.5)})
				return err
			},
			wantCode: "InvalidArgumentException",
		},
		"update of an unknown group":   {call: func(ctx context.Context, c *sdk.Client, _ string) error { return update(ctx, c, missing) }, wantCode: "EndpointGroupNotFoundException"},
		"removal in an unknown group":  {call: func(ctx context.Context, c *sdk.Client, _ string) error { return remove(ctx, c, missing, nlbA) }, wantCode: "EndpointGroupNotFoundException"},
		"addition to an unknown group": {call: func(ctx context.Context, c *sdk.Client, _ string) error { return add(ctx, c, missing, config(nlbA)) }, wantCode: "EndpointGroupNotFoundException"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := start(t, globalaccelerator.Options{})
			arn := pair(t, fake)
			fake.MarkGone(tt.gone...)
			entries := len(fake.History())

			if got := code(tt.call(t.Context(), client(fake), arn)); got != tt.wantCode {
				t.Errorf("error %q, want %q", got, tt.wantCode)
			}
			want := tt.want
			if want == nil {
				want = []string{nlbA, nlbB}
			}
			if diff := cmp.Diff(want, ids(members(t, fake, arn))); diff != "" {
				t.Errorf("endpoints (-want +got):\n%s", diff)
			}
			written := 1
			if tt.wantCode != "" {
				written = 0
			}
			if got := len(fake.History()) - entries; got != written {
				t.Errorf("%d entries in the history, want %d", got, written)
			}
		})
	}
}

// What a client leaves out of a replaced endpoint is lost, what the health checks
// found is not.
func TestUpdateMergesNothing(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	arn := pair(t, fake)
	kept := config(nlbA)
	kept.ClientIPPreservationEnabled = aws.Bool(true)
	if err := update(t.Context(), client(fake), arn, kept, config(albA), config(nlbOther)); err != nil {
		t.Fatal(err)
	}
	want := []globalaccelerator.Endpoint{
		{ID: nlbA, Weight: 128, PreserveClientIP: true, Health: globalaccelerator.Healthy},
		{ID: albA, Weight: 128, PreserveClientIP: true, Health: globalaccelerator.Initial},
		{ID: nlbOther, Weight: 128, PreserveClientIP: false, Health: globalaccelerator.Initial},
	}
	if diff := cmp.Diff(want, members(t, fake, arn)); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
}

func TestErrorsWhereAWSIsSilentAreOptions(t *testing.T) {
	fake := start(t, globalaccelerator.Options{
		UnknownEndpoint: globalaccelerator.InvalidArgumentException,
		KnownEndpoint:   globalaccelerator.InvalidArgumentException,
	})
	arn := pair(t, fake)
	if got := code(remove(t.Context(), client(fake), arn, nlbOther)); got != "InvalidArgumentException" {
		t.Errorf("removing a stranger: %s", got)
	}
	_, err := client(fake).AddEndpoints(t.Context(), &sdk.AddEndpointsInput{
		EndpointGroupArn: aws.String(arn), EndpointConfigurations: []types.EndpointConfiguration{config(nlbB)},
	})
	if got := code(err); got != "InvalidArgumentException" {
		t.Errorf("adding a member: %s", got)
	}
}

func TestRemovalOfAnAmbiguousEndpointIsRefused(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	arn := pair(t, fake, globalaccelerator.NewEndpoint(nlbA))
	if got := code(remove(t.Context(), client(fake), arn, nlbA)); got != "InvalidArgumentException" {
		t.Errorf("got %s", got)
	}
	_, err := client(fake).RemoveEndpoints(t.Context(), &sdk.RemoveEndpointsInput{EndpointGroupArn: aws.String(arn), EndpointIdentifiers: []types.EndpointIdentifier{
		{EndpointId: aws.String(nlbA), ClientIPPreservationEnabled: aws.Bool(true)},
		{EndpointId: aws.String(nlbA), ClientIPPreservationEnabled: aws.Bool(false)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{nlbB}, ids(members(t, fake, arn))); diff != "" {
		t.Error(diff)
	}
}

func TestResolveIsAsked(t *testing.T) {
	fake := start(t, globalaccelerator.Options{Resolve: func(id string) bool { return id != nlbA }})
	arn := pair(t, fake)
	if got := code(update(t.Context(), client(fake), arn, config(nlbA))); got != "InvalidArgumentException" {
		t.Errorf("an unresolvable endpoint: %q", got)
	}
	if err := update(t.Context(), client(fake), arn, config(nlbB), config(eip)); err != nil {
		t.Error(err)
	}
	fake.MarkGone(nlbB)
	if got := code(update(t.Context(), client(fake), arn, config(nlbB))); got != "InvalidArgumentException" {
		t.Errorf("a gone endpoint: %q", got)
	}
	fake.MarkBack(nlbB)
	if err := update(t.Context(), client(fake), arn, config(nlbB)); err != nil {
		t.Error(err)
	}
}

// TestDeploying: after a write the accelerator is IN_PROGRESS for as many reads as
// was set, and DEPLOYED then; reads of other things do not count.
func TestDeploying(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	a, err := fake.Build("kc", globalaccelerator.NewListener(443, globalaccelerator.NewGroup("eu-west-1", globalaccelerator.NewEndpoint(nlbA))))
	if err != nil {
		t.Fatal(err)
	}
	c := client(fake)
	status := func() string {
		out, err := c.DescribeAccelerator(t.Context(), &sdk.DescribeAcceleratorInput{AcceleratorArn: &a.ARN})
		if err != nil {
			t.Fatal(err)
		}
		return string(out.Accelerator.Status)
	}
	fake.Deploying(2)
	fake.SetNewEndpointHealth(globalaccelerator.Healthy)
	if got := status(); got != "DEPLOYED" {
		t.Errorf("before any write: %s", got)
	}
	if _, err := c.AddEndpoints(t.Context(), &sdk.AddEndpointsInput{EndpointGroupArn: &a.Listeners[0].Groups[0].ARN,
		EndpointConfigurations: []types.EndpointConfiguration{config(nlbB)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ListListeners(t.Context(), &sdk.ListListenersInput{AcceleratorArn: &a.ARN}); err != nil {
		t.Fatal(err)
	}
	if got := []string{status(), status(), status()}; got[0] != "IN_PROGRESS" || got[1] != "IN_PROGRESS" || got[2] != "DEPLOYED" {
		t.Errorf("after a write: %v", got)
	}
	if got := fake.Snapshot().Accelerators[0].Listeners[0].Groups[0].Endpoints[1].Health; got != globalaccelerator.Healthy {
		t.Errorf("the new endpoint is %s", got)
	}
}
