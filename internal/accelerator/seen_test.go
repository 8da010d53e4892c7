package accelerator_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/contract"
	fake "github.com/sitefence/sitefence/local/globalaccelerator"
)

// TestSeen: the second look asks for the tags that the first one read while it reads
// the endpoint groups, and believes what they are now.
func TestSeen(t *testing.T) {
	for name, tc := range map[string]struct {
		change  func(*world)
		sites   [2]bool // present afterwards: site-a, site-b
		early   bool    // what was asked for early is all that is asked for
		nobodys int
		reason  contract.Reason
	}{
		"as before": {change: func(*world) {}, sites: [2]bool{true, true}, early: true},
		"a tag was changed": {change: func(w *world) { w.elb.Put(lb(west, "b1"), map[string]string{"site": "elsewhere"}) },
			sites: [2]bool{true, false}, early: true, nobodys: 1},
		"a load balancer is gone": {change: func(w *world) { w.elb.Delete(lb(west, "b1")) }, sites: [2]bool{true, false}},
		"an endpoint was taken out": {change: func(w *world) { w.edit(inWest(end("a1"))) },
			sites: [2]bool{true, false}, early: true},
		"an endpoint was put in": {change: func(w *world) {
			w.exist(lb(west, "a2"))
			w.edit(inWest(end("a1"), end("b1"), end("a2")))
		}, sites: [2]bool{true, true}},
		"the Region is dead": {change: func(w *world) { w.elb.Refuse(west, "ServiceUnavailable") }, early: true, reason: contract.Unavailable},
		"the Region is dead, and no endpoint is there any more": {change: func(w *world) {
			w.exist(lb(north, "a2"))
			w.elb.Refuse(west, "ServiceUnavailable")
			w.edit(inNorth(endNorth("a2")))
		}, sites: [2]bool{true, false}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tcp(inWest(end("a1"), end("b1"))))
			w.read.Seen = &accelerator.Seen{}
			if _, err := w.look(t.Context()); err != nil {
				t.Fatal(err)
			}
			tc.change(w)
			before := len(w.elb.Calls())
			asked := make(chan struct{}, 10)
			w.read.Accelerator = after{w.client(), asked}
			w.read.Balancers = noted{w.read.Balancers, asked}
			state, err := w.look(t.Context())
			if contract.ReasonOf(err) != tc.reason {
				t.Fatalf("got %v, want %q", err, tc.reason)
			}
			if got := [2]bool{state.Present(siteA), state.Present(siteB)}; got != tc.sites {
				t.Errorf("present: %v, want %v", got, tc.sites)
			}
			if n := len(state.Unattributed()); n != tc.nobodys {
				t.Errorf("%d unattributed, want %d", n, tc.nobodys)
			}
			if n := len(w.elb.Calls()) - before; (n == 1) != tc.early {
				t.Errorf("%d calls for tags in the second look, want one only: %v", n, tc.early)
			}
		})
	}
}

// TestSeenThrottled: a look whose first read fails asks for no tags.
func TestSeenThrottled(t *testing.T) {
	w := newWorld(t, tcp(inWest(end("a1"), end("b1"))))
	w.read.Seen = &accelerator.Seen{}
	if _, err := w.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := len(w.elb.Calls())
	w.ga.Inject(fake.Fault{Operation: fake.ListListeners, Effect: fake.Fail(fake.ThrottlingException)})
	if _, err := w.look(t.Context()); contract.ReasonOf(err) != contract.Unavailable {
		t.Errorf("got %v, want unavailable", err)
	}
	if n := len(w.elb.Calls()) - before; n != 0 {
		t.Errorf("%d calls for tags", n)
	}
}

// TestSeenHangs: a Region that does not answer holds up no look that has no
// endpoint there any more.
func TestSeenHangs(t *testing.T) {
	w := newWorld(t, tcp(inWest(end("a1"), end("b1"))))
	w.read.Seen = &accelerator.Seen{}
	if _, err := w.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.edit(inWest(fake.Endpoint{ID: "i-0123456789abcdef0"}))
	ended := make(chan struct{})
	w.read.Balancers = hanging{ended}
	if _, err := w.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the call that nobody needs was not ended")
	}
}

// edit replaces the only listener's groups.
func (w *world) edit(g fake.Group) {
	w.t.Helper()
	w.ga.Edit("for the test", func(s *fake.State) {
		l := &s.Accelerators[0].Listeners[0]
		g.ARN = l.Groups[0].ARN
		l.Groups = []fake.Group{g}
	})
}

// after reads endpoint groups only when tags were asked for.
type after struct {
	accelerator.Reading
	asked chan struct{}
}

func (a after) ListEndpointGroups(ctx context.Context, in *ga.ListEndpointGroupsInput, opts ...func(*ga.Options)) (*ga.ListEndpointGroupsOutput, error) {
	if aws.ToString(in.NextToken) == "" {
		select {
		case <-a.asked:
		case <-time.After(10 * time.Second):
			panic("no tags are asked for beside the endpoint groups")
		}
	}
	return a.Reading.ListEndpointGroups(ctx, in, opts...)
}

type noted struct {
	accelerator.Tags
	asked chan struct{}
}

func (n noted) DescribeTags(ctx context.Context, in *elb.DescribeTagsInput, opts ...func(*elb.Options)) (*elb.DescribeTagsOutput, error) {
	out, err := n.Tags.DescribeTags(ctx, in, opts...)
	n.asked <- struct{}{}
	return out, err
}

type hanging struct{ ended chan struct{} }

func (h hanging) DescribeTags(ctx context.Context, _ *elb.DescribeTagsInput, _ ...func(*elb.Options)) (*elb.DescribeTagsOutput, error) {
	<-ctx.Done()
	close(h.ended)
	return nil, ctx.Err()
}
