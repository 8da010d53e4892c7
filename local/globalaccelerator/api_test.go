package globalaccelerator_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sitefence/sitefence/local/globalaccelerator"
)

// A world made with the SDK alone reads back as it was asked for, with AWS's
// defaults for the rest.
func TestCreateAndRead(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	fake := start(t, globalaccelerator.Options{Now: func() time.Time { return now }})
	c, ctx := client(fake), t.Context()

	a, err := c.CreateAccelerator(ctx, &sdk.CreateAcceleratorInput{Name: aws.String("kc"), IpAddressType: types.IpAddressTypeDualStack,
		Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := c.CreateListener(ctx, &sdk.CreateListenerInput{AcceleratorArn: a.Accelerator.AcceleratorArn, Protocol: types.ProtocolTcp,
		PortRanges: []types.PortRange{{FromPort: aws.Int32(443), ToPort: aws.Int32(443)}}})
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.CreateEndpointGroup(ctx, &sdk.CreateEndpointGroupInput{ListenerArn: l.Listener.ListenerArn, EndpointGroupRegion: aws.String("eu-west-1"),
		EndpointConfigurations: []types.EndpointConfiguration{config(nlbA)}})
	if err != nil {
		t.Fatal(err)
	}

	arn := aws.ToString(made.EndpointGroup.EndpointGroupArn)
	listener, _, ok := strings.Cut(arn, "/endpoint-group/")
	accelerator, _, _ := strings.Cut(listener, "/listener/")
	if !ok || listener != aws.ToString(l.Listener.ListenerArn) || accelerator != aws.ToString(a.Accelerator.AcceleratorArn) ||
		!strings.HasPrefix(arn, "arn:aws:globalaccelerator::123456789012:accelerator/") {
		t.Errorf("ARN %s", arn)
	}
	want := &types.EndpointGroup{
		EndpointGroupArn: aws.String(arn), EndpointGroupRegion: aws.String("eu-west-1"),
		TrafficDialPercentage: aws.Float32(100), HealthCheckPort: aws.Int32(443), HealthCheckProtocol: types.HealthCheckProtocolTcp,
		HealthCheckIntervalSeconds: aws.Int32(30), ThresholdCount: aws.Int32(3), PortOverrides: []types.PortOverride{},
		EndpointDescriptions: []types.EndpointDescription{{
			EndpointId: aws.String(nlbA), Weight: aws.Int32(128), HealthState: types.HealthStateInitial, ClientIPPreservationEnabled: aws.Bool(false),
		}},
	}
	read, err := c.DescribeEndpointGroup(ctx, &sdk.DescribeEndpointGroupInput{EndpointGroupArn: aws.String(arn)})
	if err != nil {
		t.Fatal(err)
	}
	plain := cmpopts.IgnoreUnexported(types.EndpointGroup{}, types.EndpointDescription{})
	if diff := cmp.Diff(want, read.EndpointGroup, plain); diff != "" {
		t.Errorf("group (-want +got):\n%s", diff)
	}

	again, err := c.DescribeAccelerator(ctx, &sdk.DescribeAcceleratorInput{AcceleratorArn: a.Accelerator.AcceleratorArn})
	if err != nil {
		t.Fatal(err)
	}
	got := again.Accelerator
	label, _, _ := strings.Cut(aws.ToString(got.DnsName), ".")
	if len(label) != 17 || label[0] != 'a' || aws.ToString(got.DnsName) != label+".awsglobalaccelerator.com" ||
		aws.ToString(got.DualStackDnsName) != label+".dualstack.awsglobalaccelerator.com" {
		t.Errorf("DNS names %s, %s", aws.ToString(got.DnsName), aws.ToString(got.DualStackDnsName))
	}
	if got.Status != types.AcceleratorStatusDeployed || !aws.ToBool(got.Enabled) || !aws.ToTime(got.CreatedTime).Equal(now) {
		t.Errorf("accelerator %+v", got)
	}
}

func TestCreationIsIdempotentByToken(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	c := client(fake)
	in := &sdk.CreateAcceleratorInput{Name: aws.String("kc"), IdempotencyToken: aws.String("once")}
	for range 2 {
		if _, err := c.CreateAccelerator(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(fake.Snapshot().Accelerators); n != 1 {
		t.Errorf("%d accelerators, want 1", n)
	}
}

// The world of each case: a listener on TCP 443 with a group in eu-west-1.
func TestRulesOfListenersAndGroups(t *testing.T) {
	createListener := func(ctx context.Context, c *sdk.Client, accelerator string, from, to int32) error {
		_, err := c.CreateListener(ctx, &sdk.CreateListenerInput{AcceleratorArn: aws.String(accelerator), Protocol: types.ProtocolTcp,
			PortRanges: []types.PortRange{{FromPort: aws.Int32(from), ToPort: aws.Int32(to)}}})
		return err
	}
	createGroup := func(ctx context.Context, c *sdk.Client, listener, region string, list ...types.EndpointConfiguration) error {
		_, err := c.CreateEndpointGroup(ctx, &sdk.CreateEndpointGroupInput{ListenerArn: aws.String(listener), EndpointGroupRegion: aws.String(region), EndpointConfigurations: list})
		return err
	}
	type names struct{ accelerator, listener, group string }
	tests := map[string]struct {
		call func(ctx context.Context, c *sdk.Client, n names) error
		want string
	}{
		"a second Region gets a group": {func(ctx context.Context, c *sdk.Client, n names) error {
			return createGroup(ctx, c, n.listener, "us-east-1", config(nlbFar))
		}, ""},
		"a Region gets one group of a listener": {func(ctx context.Context, c *sdk.Client, n names) error {
			return createGroup(ctx, c, n.listener, "eu-west-1")
		}, "EndpointGroupAlreadyExistsException"},
		"a group takes its Region's balancers": {func(ctx context.Context, c *sdk.Client, n names) error {
			return createGroup(ctx, c, n.listener, "us-east-1", config(nlbA))
		}, "InvalidArgumentException"},
		"a group is in a Region": {func(ctx context.Context, c *sdk.Client, n names) error {
			return createGroup(ctx, c, n.listener, "Ireland")
		}, "InvalidArgumentException"},
		"a group needs its listener": {func(ctx context.Context, c *sdk.Client, n names) error {
			return createGroup(ctx, c, n.listener+"0", "us-east-1")
		}, "ListenerNotFoundException"},
		"another port": {func(ctx context.Context, c *sdk.Client, n names) error {
			return createListener(ctx, c, n.accelerator, 80, 80)
		}, ""},
		"a port that is taken": {func(ctx context.Context, c *sdk.Client, n names) error {
			return createListener(ctx, c, n.accelerator, 400, 500)
		}, "InvalidPortRangeException"},
		"a listener needs its accelerator": {func(ctx context.Context, c *sdk.Client, n names) error {
			return createListener(ctx, c, n.accelerator+"0", 80, 80)
		}, "AcceleratorNotFoundException"},
		"listeners of no accelerator": {func(ctx context.Context, c *sdk.Client, n names) error {
			_, err := c.ListListeners(ctx, &sdk.ListListenersInput{AcceleratorArn: aws.String(n.accelerator + "0")})
			return err
		}, "AcceleratorNotFoundException"},
		"no accelerator": {func(ctx context.Context, c *sdk.Client, n names) error {
			_, err := c.DescribeAccelerator(ctx, &sdk.DescribeAcceleratorInput{AcceleratorArn: aws.String(n.accelerator + "0")})
			return err
		}, "AcceleratorNotFoundException"},
		"no listener": {func(ctx context.Context, c *sdk.Client, n names) error {
			_, err := c.DescribeListener(ctx, &sdk.DescribeListenerInput{ListenerArn: aws.String(n.listener + "0")})
			return err
		}, "ListenerNotFoundException"},
		"groups of no listener": {func(ctx context.Context, c *sdk.Client, n names) error {
			_, err := c.ListEndpointGroups(ctx, &sdk.ListEndpointGroupsInput{ListenerArn: aws.String(n.listener + "0")})
			return err
		}, "ListenerNotFoundException"},
		"no group": {func(ctx context.Context, c *sdk.Client, n names) error {
			_, err := c.DescribeEndpointGroup(ctx, &sdk.DescribeEndpointGroupInput{EndpointGroupArn: aws.String(n.group + "0")})
			return err
		}, "EndpointGroupNotFoundException"},
		"a listener with groups stays": {func(ctx context.Context, c *sdk.Client, n names) error {
			_, err := c.DeleteListener(ctx, &sdk.DeleteListenerInput{ListenerArn: aws.String(n.listener)})
			return err
		}, "AssociatedEndpointGroupFoundException"},
		"an empty listener goes": {func(ctx context.Context, c *sdk.Client, n names) error {
			if _, err := c.DeleteEndpointGroup(ctx, &sdk.DeleteEndpointGroupInput{EndpointGroupArn: aws.String(n.group)}); err != nil {
				return err
			}
			_, err := c.DeleteListener(ctx, &sdk.DeleteListenerInput{ListenerArn: aws.String(n.listener)})
			return err
		}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := start(t, globalaccelerator.Options{})
			pair(t, fake)
			a := fake.Snapshot().Accelerators[0]
			err := tt.call(t.Context(), client(fake), names{a.ARN, a.Listeners[0].ARN, a.Listeners[0].Groups[0].ARN})
			if got := code(err); got != tt.want {
				t.Errorf("error %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPaging(t *testing.T) {
	tests := map[string]struct {
		pageSize  int
		max       *int32
		wantCalls int
	}{
		"one item a page, whatever is asked for": {pageSize: 1, max: aws.Int32(100), wantCalls: 3},
		"as many as asked for":                   {max: aws.Int32(2), wantCalls: 2},
		"never more than asked for":              {pageSize: 50, max: aws.Int32(1), wantCalls: 3},
		"ten if nothing is asked for":            {wantCalls: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := start(t, globalaccelerator.Options{PageSize: tt.pageSize})
			c := client(fake)
			regions := []globalaccelerator.Group{globalaccelerator.NewGroup("eu-west-1"), globalaccelerator.NewGroup("eu-west-2"), globalaccelerator.NewGroup("eu-west-3")}
			for range 3 {
				if _, err := fake.Build("kc", globalaccelerator.NewListener(1, regions...), globalaccelerator.NewListener(2), globalaccelerator.NewListener(3)); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			accelerators := sdk.NewListAcceleratorsPaginator(c, &sdk.ListAcceleratorsInput{MaxResults: tt.max})
			for accelerators.HasMorePages() {
				out, err := accelerators.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, a := range out.Accelerators {
					got = append(got, *a.AcceleratorArn)
				}
			}
			first := fake.Snapshot().Accelerators[0]
			listeners := sdk.NewListListenersPaginator(c, &sdk.ListListenersInput{AcceleratorArn: aws.String(first.ARN), MaxResults: tt.max})
			for listeners.HasMorePages() {
				out, err := listeners.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, l := range out.Listeners {
					got = append(got, *l.ListenerArn)
				}
			}
			groups := sdk.NewListEndpointGroupsPaginator(c, &sdk.ListEndpointGroupsInput{ListenerArn: aws.String(first.Listeners[0].ARN), MaxResults: tt.max})
			for groups.HasMorePages() {
				out, err := groups.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, g := range out.EndpointGroups {
					got = append(got, *g.EndpointGroupArn)
				}
			}
			var want []string
			for _, a := range fake.Snapshot().Accelerators {
				want = append(want, a.ARN)
			}
			for _, l := range first.Listeners {
				want = append(want, l.ARN)
			}
			for _, g := range first.Listeners[0].Groups {
				want = append(want, g.ARN)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("ARNs (-want +got):\n%s", diff)
			}
			for _, op := range []globalaccelerator.Operation{globalaccelerator.ListAccelerators, globalaccelerator.ListListeners, globalaccelerator.ListEndpointGroups} {
				if n := fake.Calls(op); n != tt.wantCalls {
					t.Errorf("%d calls of %s, want %d", n, op, tt.wantCalls)
				}
			}
		})
	}
}

func TestForeignTokenIsRefused(t *testing.T) {
	fake := start(t, globalaccelerator.Options{PageSize: 1})
	c := client(fake)
	a, err := fake.Build("kc", globalaccelerator.NewListener(1), globalaccelerator.NewListener(2))
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.ListListeners(t.Context(), &sdk.ListListenersInput{AcceleratorArn: aws.String(a.ARN)})
	if err != nil || out.NextToken == nil {
		t.Fatal(out, err)
	}
	for _, token := range []string{*out.NextToken, "x", ""} {
		_, err := c.ListAccelerators(t.Context(), &sdk.ListAcceleratorsInput{NextToken: aws.String(token)})
		if got := code(err); got != "InvalidNextTokenException" {
			t.Errorf("token %q: %s", token, got)
		}
	}
	_, err = c.ListAccelerators(t.Context(), &sdk.ListAcceleratorsInput{MaxResults: aws.Int32(101)})
	if got := code(err); got != "InvalidArgumentException" {
		t.Errorf("101 results: %s", got)
	}
}
