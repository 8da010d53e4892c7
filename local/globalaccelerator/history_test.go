package globalaccelerator_test

import (
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/local/globalaccelerator"
)

func TestHistoryShowsEveryWrite(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	arn := pair(t, fake)
	c, ctx := client(fake), t.Context()
	for _, err := range []error{
		remove(ctx, c, arn, nlbA),
		update(ctx, c, arn),               // dark
		update(ctx, c, arn, config(nlbB)), // and light again
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	fake.SetWeight(nlbB, 0)
	fake.SetWeight(nlbB, 1, arn)
	fake.SetDial(0, arn)

	type step struct {
		By   globalaccelerator.Operation
		Dark bool
		IDs  []string
	}
	var got []step
	for _, e := range fake.History() {
		g, _ := e.State.Group(arn)
		got = append(got, step{e.Operation, len(e.State.Dark()) > 0, ids(g.Endpoints)})
	}
	want := []step{
		{globalaccelerator.Built, false, []string{nlbA, nlbB}},
		{globalaccelerator.RemoveEndpoints, false, []string{nlbB}},
		{globalaccelerator.UpdateEndpointGroup, true, []string{}},
		{globalaccelerator.UpdateEndpointGroup, false, []string{nlbB}},
		{globalaccelerator.Edited, true, []string{nlbB}},
		{globalaccelerator.Edited, false, []string{nlbB}},
		{globalaccelerator.Edited, true, []string{nlbB}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestSnapshotsAreCopies(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	arn := pair(t, fake)
	for _, s := range []globalaccelerator.State{fake.Snapshot(), fake.History()[0].State} {
		s.Accelerators[0].Listeners[0].Groups[0].Endpoints[0].ID = "changed"
	}
	if got := ids(members(t, fake, arn)); got[0] != nlbA {
		t.Errorf("the fake holds %v", got)
	}
	if g, _ := fake.History()[0].State.Group(arn); g.Endpoints[0].ID != nlbA {
		t.Errorf("the history holds %v", g)
	}
}

func TestOperatorsHandIsSeenByReaders(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	arn := pair(t, fake)
	fake.SetHealth(nlbB, globalaccelerator.Unhealthy)
	fake.SetWeight(nlbA, 7)
	fake.SetDial(25)
	fake.SetStatus(fake.Snapshot().Accelerators[0].ARN, "IN_PROGRESS")
	out, err := client(fake).DescribeEndpointGroup(t.Context(), &sdk.DescribeEndpointGroupInput{EndpointGroupArn: aws.String(arn)})
	if err != nil {
		t.Fatal(err)
	}
	g := out.EndpointGroup
	if *g.EndpointDescriptions[0].Weight != 7 || g.EndpointDescriptions[1].HealthState != "UNHEALTHY" || *g.TrafficDialPercentage != 25 {
		t.Errorf("got %+v", g)
	}
	list, err := client(fake).ListAccelerators(t.Context(), &sdk.ListAcceleratorsInput{})
	if err != nil || list.Accelerators[0].Status != "IN_PROGRESS" {
		t.Errorf("got %+v, %v", list, err)
	}
	if holding := fake.Snapshot().Holding(nlbB); len(holding) != 1 || holding[0] != arn {
		t.Errorf("holding %v", holding)
	}
}

func TestReadsLagBehindWrites(t *testing.T) {
	fake := start(t, globalaccelerator.Options{StaleReads: 2})
	arn := pair(t, fake)
	c, ctx := client(fake), t.Context()
	listener := fake.Snapshot().Accelerators[0].Listeners[0].ARN
	if err := remove(ctx, c, arn, nlbB); err != nil {
		t.Fatal(err)
	}
	described, err := c.DescribeEndpointGroup(ctx, &sdk.DescribeEndpointGroupInput{EndpointGroupArn: aws.String(arn)})
	if err != nil || len(described.EndpointGroup.EndpointDescriptions) != 2 {
		t.Errorf("the first read: %+v, %v", described, err)
	}
	for _, want := range []int{2, 1} {
		out, err := c.ListEndpointGroups(ctx, &sdk.ListEndpointGroupsInput{ListenerArn: aws.String(listener)})
		if err != nil || len(out.EndpointGroups[0].EndpointDescriptions) != want {
			t.Errorf("%+v, %v, want %d endpoints", out, err, want)
		}
	}
	fake.SetStaleReads(0)
	if err := update(ctx, c, arn); err != nil {
		t.Fatal(err)
	}
	described, err = c.DescribeEndpointGroup(ctx, &sdk.DescribeEndpointGroupInput{EndpointGroupArn: aws.String(arn)})
	if err != nil || len(described.EndpointGroup.EndpointDescriptions) != 0 {
		t.Errorf("a consistent read: %+v, %v", described, err)
	}
}

// The hook changes the world between the writes of two listeners.
func TestHookBetweenTwoWrites(t *testing.T) {
	fake := start(t, globalaccelerator.Options{})
	group := globalaccelerator.NewGroup("eu-west-1", globalaccelerator.NewEndpoint(nlbA), globalaccelerator.NewEndpoint(nlbB))
	a, err := fake.Build("two", globalaccelerator.NewListener(80, group), globalaccelerator.NewListener(443, group))
	if err != nil {
		t.Fatal(err)
	}
	first, second := a.Listeners[0].Groups[0].ARN, a.Listeners[1].Groups[0].ARN
	fake.SetHook(func(op globalaccelerator.Operation, when globalaccelerator.Moment, arn string) {
		if op == globalaccelerator.UpdateEndpointGroup && when == globalaccelerator.After && arn == first {
			fake.MarkGone(nlbA)
		}
	})
	if err := update(t.Context(), client(fake), first, config(nlbA)); err != nil {
		t.Error(err)
	}
	if got := code(update(t.Context(), client(fake), second, config(nlbA))); got != "InvalidArgumentException" {
		t.Errorf("the second write: %q", got)
	}
}

func TestConcurrentWritesAreCounted(t *testing.T) {
	const writers = 4
	fake := start(t, globalaccelerator.Options{})
	arn := pair(t, fake)
	if err := update(t.Context(), client(fake), arn, config(nlbA), config(nlbB)); err != nil {
		t.Fatal(err)
	}
	if got := fake.MaxConcurrentWrites(); got != 1 {
		t.Fatalf("%d writes at once after one write", got)
	}
	var together sync.WaitGroup // nobody proceeds before all have arrived
	together.Add(writers)
	fake.SetHook(func(_ globalaccelerator.Operation, when globalaccelerator.Moment, _ string) {
		if when == globalaccelerator.Before {
			together.Done()
			together.Wait()
		}
	})
	var done sync.WaitGroup
	for range writers {
		done.Go(func() {
			if err := update(t.Context(), client(fake), arn, config(nlbA)); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if got := fake.MaxConcurrentWrites(); got != writers {
		t.Errorf("%d writes at once, want %d", got, writers)
	}
	if got := fake.AllCalls()[globalaccelerator.UpdateEndpointGroup]; got != writers+1 {
		t.Errorf("%d calls, want %d", got, writers+1)
	}
}

func TestBuildObeysTheRules(t *testing.T) {
	tests := map[string]globalaccelerator.Listener{
		"a Region twice":               globalaccelerator.NewListener(443, globalaccelerator.NewGroup("eu-west-1"), globalaccelerator.NewGroup("eu-west-1")),
		"a balancer of another Region": globalaccelerator.NewListener(443, globalaccelerator.NewGroup("eu-west-1", globalaccelerator.NewEndpoint(nlbFar))),
		"an endpoint twice":            globalaccelerator.NewListener(443, globalaccelerator.NewGroup("eu-west-1", globalaccelerator.NewEndpoint(nlbA), globalaccelerator.NewEndpoint(nlbA))),
		"a weight of 300":              globalaccelerator.NewListener(443, globalaccelerator.NewGroup("eu-west-1", globalaccelerator.NewEndpoint(nlbA).WithWeight(300))),
		"a dial of 101":                globalaccelerator.NewListener(443, globalaccelerator.NewGroup("eu-west-1").WithDial(101)),
		"port 0":                       globalaccelerator.NewListener(0),
	}
	for name, listener := range tests {
		t.Run(name, func(t *testing.T) {
			fake := globalaccelerator.New(globalaccelerator.Options{})
			if _, err := fake.Build("kc", listener); err == nil {
				t.Error("it was built")
			}
			if n := len(fake.Snapshot().Accelerators); n != 0 {
				t.Errorf("%d accelerators", n)
			}
		})
	}
}

// Configurations name ARNs and DNS names before anything runs.
func TestNamesAreReproducible(t *testing.T) {
	type names struct{ accelerator, dns, dual, group string }
	build := func() names {
		fake := globalaccelerator.New(globalaccelerator.Options{Account: "000000000000"})
		group := pair(t, fake)
		a := fake.Snapshot().Accelerators[0]
		return names{a.ARN, a.DNSName, a.DualStackDNSName, group}
	}
	if first, second := build(), build(); first != second {
		t.Errorf("%v, then %v", first, second)
	}
}
