package accelerator_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/balancers"
	fake "github.com/sitefence/sitefence/local/globalaccelerator"
)

const (
	west  = "eu-west-1"
	north = "eu-north-1"
	siteA = contract.Site("site-a") // the reporter
	siteB = contract.Site("site-b") // to be removed
)

// world is the real SDK against fakes that keep state.
type world struct {
	t    *testing.T
	ga   *fake.Fake
	elb  *balancers.Fake
	acc  fake.Accelerator
	read accelerator.Reader
}

// lb is the ARN of a load balancer whose name starts with its site: "a1", "b2";
// "x…" has no tag, "gone…" does not exist.
func lb(region, name string) string { return balancers.ARN(region, name) }

func newWorld(t *testing.T, listeners ...fake.Listener) *world {
	t.Helper()
	w := &world{t: t, ga: fake.New(fake.Options{PageSize: 1}), elb: balancers.New()}
	if err := w.ga.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.ga.Close(); w.elb.Close() })
	for _, l := range listeners {
		for _, g := range l.Groups {
			for _, e := range g.Endpoints {
				w.exist(e.ID)
			}
		}
	}
	var err error
	if w.acc, err = w.ga.Build("kc", listeners...); err != nil {
		t.Fatal(err)
	}
	w.read = accelerator.Reader{
		Accelerator: w.client(), Balancers: elb.New(elb.Options{BaseEndpoint: &w.elb.URL, Region: "eu-central-1",
			Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), RetryMaxAttempts: 1}),
		Deployment: config.Deployment{Name: "kc", Accelerator: config.Accelerator{ARN: w.acc.ARN},
			Sites: []config.Site{{Name: siteA}, {Name: siteB}}},
	}
	return w
}

func (w *world) exist(id string) {
	name, isLB := strings.CutPrefix(id[strings.LastIndex(id, "loadbalancer/")+1:], "oadbalancer/net/")
	switch {
	case !isLB:
	case strings.HasPrefix(name, "gone"):
		w.ga.MarkGone(id)
	case strings.HasPrefix(name, "a"):
		w.elb.Put(id, map[string]string{"Name": "x", "site": string(siteA)})
	case strings.HasPrefix(name, "b"):
		w.elb.Put(id, map[string]string{"site": string(siteB)})
	default:
		w.elb.Put(id, map[string]string{"site": "of-another-deployment"})
	}
}

func (w *world) client() *globalaccelerator.Client {
	url := w.ga.URL()
	return globalaccelerator.New(globalaccelerator.Options{BaseEndpoint: &url, Region: accelerator.Region,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), Retryer: aws.NopRetryer{}})
}

func (w *world) look(ctx context.Context) (accelerator.State, error) { return w.read.Read(ctx) }

func (w *world) remove() ([]contract.Endpoint, error) {
	return accelerator.Remove(w.t.Context(), w.look, w.client(), siteB, siteA)
}

// neverDark asserts I1 over everything that was ever written: a listener that
// had an endpoint of the reporter in service keeps one.
func (w *world) neverDark() {
	w.t.Helper()
	for _, entry := range w.ga.History() {
		for _, a := range entry.State.Accelerators {
			for _, l := range a.Listeners {
				if entry.Operation == fake.Built || entry.Operation == fake.Edited || len(l.Groups) == 0 {
					continue
				}
				serves := false
				for _, e := range l.InService() {
					serves = serves || strings.Contains(e.ID, "/net/a")
				}
				if !serves {
					w.t.Errorf("after %s of %s the reporter is not in service in %s", entry.Operation, entry.Target, l.ARN)
				}
			}
		}
	}
}
