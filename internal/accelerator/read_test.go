package accelerator_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/contract"
	fake "github.com/sitefence/sitefence/local/globalaccelerator"
)

// TestAttribution: 45 load balancers in two Regions, in batches of at most 20,
// each asked in its own Region, two of them gone.
func TestAttribution(t *testing.T) {
	var listeners []fake.Listener
	for l := range 5 {
		var west, north []fake.Endpoint
		for i := range 9 {
			west = append(west, end(fmt.Sprintf("a%d-%d", l, i)))
			north = append(north, endNorth(fmt.Sprintf("b%d-%d", l, i)))
		}
		listeners = append(listeners, fake.NewListener(int32(440+l), inWest(west...), inNorth(north...)))
	}
	w := newWorld(t, listeners...)
	w.elb.Delete(lb(west, "a0-3"))
	w.elb.Delete(lb(west, "a4-8"))
	w.elb.Put(lb(north, "b2-2"), map[string]string{"site": "elsewhere"})
	state, err := w.look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := len(state.Record(siteA)); got != 43 {
		t.Errorf("%d endpoints of site-a, want 43 of 45: two are gone", got)
	}
	if got := len(state.Record(siteB)); got != 44 {
		t.Errorf("%d endpoints of site-b, want 44 of 45: one has another tag", got)
	}
	if diff := cmp.Diff([]string{lb(north, "b2-2")}, state.Unattributed()); diff != "" {
		t.Errorf("unattributed (-want +got):\n%s", diff)
	}
	for _, c := range w.elb.Calls() {
		if len(c.ARNs) > 20 {
			t.Errorf("a batch of %d", len(c.ARNs))
		}
	}
}

// TestConfiguredBalancers: a site whose load balancers are listed needs no tag
// read, so a dead Region cannot block its own fencing.
func TestConfiguredBalancers(t *testing.T) {
	w := newWorld(t, tcp(inWest(end("a1")), inNorth(endNorth("b1"))))
	w.elb.Refuse(north, "ServiceUnavailable")
	if _, err := w.look(t.Context()); contract.ReasonOf(err) != contract.Unavailable {
		t.Fatalf("without the list: got %v, want unavailable", err)
	}
	asked := callsIn(w, north)
	w.read.Deployment.Sites[1].LoadBalancerARNs = []string{lb(north, "b1")}
	state, err := w.look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !state.Present(siteB) {
		t.Error("site-b is not found by its configured ARN")
	}
	if after := callsIn(w, north); after != asked {
		t.Errorf("%d calls in the dead Region, want none more than the %d before", after, asked)
	}
}

func callsIn(w *world, region string) int {
	n := 0
	for _, c := range w.elb.Calls() {
		if c.Region == region {
			n++
		}
	}
	return n
}

func TestReadErrors(t *testing.T) {
	tests := map[string]struct {
		op     fake.Operation
		effect fake.Effect
		want   contract.Reason
	}{
		"denied":                   {fake.ListListeners, fake.Fail(fake.AccessDeniedException), contract.AccessDenied},
		"no such accelerator":      {fake.ListListeners, fake.Fail(fake.AcceleratorNotFoundException), contract.NotFound},
		"throttled":                {fake.ListEndpointGroups, fake.Fail(fake.ThrottlingException), contract.Unavailable},
		"no JSON":                  {fake.ListListeners, fake.Answer("<html>"), contract.Unavailable},
		"wrong types":              {fake.ListEndpointGroups, fake.Mistype(), contract.Unavailable},
		"cut off in the last page": {fake.ListEndpointGroups, fake.Drop(), contract.Unavailable},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tcp(inWest(end("a1")), inNorth(endNorth("b1"))))
			w.ga.Inject(fake.Fault{Operation: tc.op, Effect: tc.effect})
			_, err := w.look(t.Context())
			if contract.ReasonOf(err) != tc.want || err == nil {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

// TestNoTagsDescribed: a 200 that describes nothing (to the SDK, anything that
// is no XML) does not make the load balancers nobody's.
func TestNoTagsDescribed(t *testing.T) {
	for name, body := range map[string]string{"empty": "", "no XML": `{"a":`, "none": "<DescribeTagsResponse/>"} {
		w := newWorld(t, tcp(inWest(end("a1"), end("b1"))))
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte(body)) }))
		t.Cleanup(server.Close)
		w.read.Balancers = elb.New(elb.Options{BaseEndpoint: &server.URL, Region: west, RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
		if state, err := w.look(t.Context()); contract.ReasonOf(err) != contract.Unavailable {
			t.Errorf("%s: got %+v, %v; want unavailable", name, state, err)
		}
	}
}
