package simulation

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	gatypes "github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/sitefence/sitefence/internal/contract"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
)

const addEndpoints = "AddEndpoints"

// Rejoin starts a guard by an operator's order: the site's endpoints, as they were
// at first, are to go back beside the reporter. It is nil for a site that had none.
func (w *World) Rejoin(reporter, site contract.Site) *Run {
	event, ok := w.rejoinEvent(reporter, site)
	if !ok {
		return nil
	}
	return w.startGuard(event)
}

// rejoinEvent is false for a site that had no endpoints.
func (w *World) rejoinEvent(reporter, site contract.Site) (event contract.Event, ok bool) {
	var endpoints []contract.Endpoint
	for _, l := range w.Accelerator.History()[0].State.Accelerators[0].Listeners {
		for _, g := range l.Groups {
			for _, e := range g.Endpoints {
				if w.Owner(e.ID) == site {
					endpoints = append(endpoints, contract.Endpoint{Listener: l.ARN, Group: g.ARN, Endpoint: e.ID,
						Weight: e.Weight, ClientIPPreservation: e.PreserveClientIP})
				}
			}
		}
	}
	return contract.Event{Version: contract.Version, Deployment: deployment, Accelerator: "a.example.com",
		Reporter: reporter, Site: site, ReceivedAt: time.Now().UTC(), Operation: contract.OperationRejoin,
		Order: &contract.Order{By: "an operator", Reason: "restored"}, Endpoints: endpoints}, endpoints != nil
}

// IsRejoin reports whether the run is a rejoin's.
func (r *Run) IsRejoin() bool {
	input, _ := r.Input.(map[string]any)
	return input["operation"] == string(contract.OperationRejoin)
}

// DescribeAccelerator implements accelerator.Reading.
func (d direct) DescribeAccelerator(ctx context.Context, in *globalaccelerator.DescribeAcceleratorInput, _ ...func(*globalaccelerator.Options)) (*globalaccelerator.DescribeAcceleratorOutput, error) {
	return read(ctx, d.w, "DescribeAccelerator", *in.AcceleratorArn, func() (*globalaccelerator.DescribeAcceleratorOutput, error) {
		status := gatypes.AcceleratorStatus(d.w.Accelerator.ReadStatus(*in.AcceleratorArn))
		return &globalaccelerator.DescribeAcceleratorOutput{Accelerator: &gatypes.Accelerator{Status: status}}, nil
	})
}

// noteProof keeps what a function has been truly told of the sites since its last
// write: only that counts when it puts an endpoint back.
func (w *World) noteProof(c *Call) {
	if c.By.proof == nil {
		c.By.proof = map[string]bool{}
	}
	switch c.Operation {
	case "GET container":
		for _, s := range w.Config.Sites {
			c.By.proof[c.Target+" sees "+string(s.Name)] = w.Infinispan.Sees(c.Target, string(s.Name))
		}
	case "GET backup":
		to := c.request.URL.Path[strings.LastIndex(c.request.URL.Path, "/")+1:]
		c.By.proof[c.Target+" replicates to "+to] = w.Infinispan.Status(c.Target, to) == infinispan.Online
	}
}

// judgePutBack is called right before endpoints are put back.
func (w *World) judgePutBack(c *Call) {
	reporter, site := c.By.input.Reporter, c.By.input.Site
	home, _ := w.Config.Find(site)
	for _, other := range w.Config.Sites {
		if other.Name == site || other.Name != reporter && (other.Infinispan == nil || !w.Present(other.Name)) {
			continue
		}
		if (other.Infinispan == nil) != (home.Infinispan == nil) {
			w.violate("I8: %s puts %s back beside %s, and only one of them has an Infinispan", c, site, other.Name)
			continue
		}
		for _, pair := range [][2]contract.Site{{other.Name, site}, {site, other.Name}} {
			for _, fact := range []string{" sees ", " replicates to "} {
				if what := string(pair[0]) + fact + string(pair[1]); home.Infinispan != nil && !c.By.proof[what] {
					w.violate("I8: %s puts %s back without proof that %s", c, site, what)
				}
			}
		}
	}
	c.By.proof = nil // each write wants a look of its own
}

// judgeAdded is called after endpoints were put back: exactly some of those that
// were asked for, as they were asked for, and nothing else was touched.
func (w *World) judgeAdded(c *Call, before, after ga.State) {
	in := c.By.input
	for _, l := range after.Accelerators[0].Listeners {
		for _, g := range l.Groups {
			old, _ := before.Group(g.ARN)
			if g.ARN == c.Target && !slices.Contains(w.inService(l), in.Reporter) {
				w.violate("I1: %s puts %s into a listener without %s in service", c, in.Site, in.Reporter)
			}
			kept := min(len(old.Endpoints), len(g.Endpoints))
			if !sameSettings(old.Endpoints, g.Endpoints[:kept]) || g.ARN != c.Target && len(g.Endpoints) > kept {
				w.violate("I5: %s made %v of %v", c, g.Endpoints, old.Endpoints)
			}
			for _, e := range g.Endpoints[kept:] {
				asked := slices.Contains(in.Endpoints, contract.Endpoint{Listener: l.ARN, Group: g.ARN, Endpoint: e.ID,
					Weight: e.Weight, ClientIPPreservation: e.PreserveClientIP})
				if !asked || w.Owner(e.ID) != in.Site {
					w.violate("I7: %s puts %v back, which nobody asked for or which is not of %s", c, e, in.Site)
				}
			}
		}
	}
	c.By.Run.put = true
}

// judgeRejoinEnd is a part of judgeEnd.
func (w *World) judgeRejoinEnd(run *Run, outcome string) {
	if run.Fence && run.put && outcome != "Rejoined" {
		w.violate("I6: %s put endpoints back and ended %s", run.Name, outcome)
	}
	if data, _ := json.Marshal(run.Output); run.IsRejoin() && outcome == "Fenced" {
		w.violate("%s is a rejoin and ended %s", run.Name, data)
	}
}
