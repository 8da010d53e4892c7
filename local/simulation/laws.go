package simulation

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/asl"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
)

// The laws are told from the world as it is, by code of their own: nothing of
// the product says here who owns an endpoint or what is in service.

// owner is the site of an endpoint, or unattributed for a load balancer that
// exists and is nobody's.
func (w *World) owner(endpoint string) (site contract.Site, unattributed bool) {
	for _, s := range w.Config.Sites {
		if slices.Contains(s.LoadBalancerARNs, endpoint) {
			return s.Name, false
		}
	}
	tags := w.tags[endpoint]
	if tags == nil {
		return "", false
	}
	site = contract.Site(tags["site"])
	if _, ok := w.Config.Find(site); !ok {
		return "", true
	}
	return site, false
}

// Listeners are the accelerator's as they are now.
func (w *World) Listeners() []ga.Listener { return w.Accelerator.Snapshot().Accelerators[0].Listeners }

// inService lists the sites that take traffic in a listener.
func (w *World) inService(l ga.Listener) []contract.Site {
	var sites []contract.Site
	for _, e := range l.InService() {
		if site, _ := w.owner(e.ID); site != "" && !slices.Contains(sites, site) {
			sites = append(sites, site)
		}
	}
	return sites
}

// Serves reports whether the site takes traffic in at least one listener.
func (w *World) Serves(site contract.Site) bool {
	return slices.ContainsFunc(w.Listeners(), func(l ga.Listener) bool { return slices.Contains(w.inService(l), site) })
}

func (w *World) endpoints(l ga.Listener) []ga.Endpoint {
	var all []ga.Endpoint
	for _, g := range l.Groups {
		all = append(all, g.Endpoints...)
	}
	return all
}

func (w *World) holds(l ga.Listener, site contract.Site) bool {
	return slices.ContainsFunc(w.endpoints(l), func(e ga.Endpoint) bool { s, _ := w.owner(e.ID); return s == site })
}

// Present reports whether the accelerator holds an endpoint of the site.
func (w *World) Present(site contract.Site) bool {
	return slices.ContainsFunc(w.Listeners(), func(l ga.Listener) bool { return w.holds(l, site) })
}

// unattributed lists the load balancers of no site in the accelerator.
func (w *World) unattributed() []string {
	var ids []string
	for _, l := range w.Listeners() {
		for _, e := range w.endpoints(l) {
			if _, u := w.owner(e.ID); u {
				ids = append(ids, e.ID)
			}
		}
	}
	return ids
}

// WouldGoDark reports whether a listener would lose the site and have the
// reporter in service no more.
func (w *World) WouldGoDark(reporter, site contract.Site) bool {
	return slices.ContainsFunc(w.Listeners(), func(l ga.Listener) bool {
		return w.holds(l, site) && !slices.Contains(w.inService(l), reporter)
	})
}

// judgeWrite is called after every write of the accelerator.
func (w *World) judgeWrite(c *Call, before, after ga.State) {
	run, reporter, site := c.By.Run, c.By.input.Reporter, c.By.input.Site
	w.judgeOrders(c)
	for _, l := range after.Accelerators[0].Listeners {
		for _, g := range l.Groups {
			if g.ARN == c.Target && !slices.Contains(w.inService(l), reporter) {
				w.violate("I1: %s left a listener without %s in service", c, reporter)
			}
		}
	}
	if !run.wrote {
		run.wrote, run.strangers = true, w.unattributed() // a write changes none of them
		if s, _ := w.Config.Find(reporter); s.Infinispan == nil && time.Since(c.By.input.ReceivedAt) > 2*time.Minute+timeouts[UpdateAccelerator] {
			w.violate("I4: the first write of %s follows an alert of %s", c, time.Since(c.By.input.ReceivedAt))
		}
	}
	for _, l := range before.Accelerators[0].Listeners {
		for _, g := range l.Groups {
			now, _ := after.Group(g.ARN)
			want := slices.Clone(g.Endpoints)
			if g.ARN == c.Target {
				want = slices.DeleteFunc(want, func(e ga.Endpoint) bool {
					owner, _ := w.owner(e.ID)
					if owner == site {
						run.took = append(run.took, g.ARN+" "+e.ID)
					}
					return owner == site
				})
			}
			if !sameSettings(want, now.Endpoints) {
				w.violate("I5: %s made %v of %v, want %v", c, now.Endpoints, g.Endpoints, want)
			}
		}
	}
	// A minute for the check's age, and the function's own time.
	if s, _ := w.Config.Find(reporter); s.Infinispan != nil && !c.By.input.Forced && time.Since(run.view) > time.Minute+timeouts[UpdateAccelerator] {
		w.violate("I4: %s wrote without a look that misses %s", c, site)
	}
}

// sameSettings compares what a client can set. The fake may give an endpoint
// that was replaced another health, as AWS may.
func sameSettings(a, b []ga.Endpoint) bool {
	return slices.EqualFunc(a, b, func(x, y ga.Endpoint) bool {
		return x.ID == y.ID && x.Weight == y.Weight && x.PreserveClientIP == y.PreserveClientIP
	})
}

// noteView keeps when a run last looked and did not see the site.
func (w *World) noteView(c *Call) {
	if contract.Site(c.Target) != c.By.input.Reporter {
		return
	}
	c.By.Run.view = time.Time{}
	if !w.Infinispan.Sees(c.Target, string(c.By.input.Site)) {
		c.By.Run.view = time.Now()
	}
}

// judgeTakeOffline is called right before replication is taken offline.
func (w *World) judgeTakeOffline(c *Call) {
	reporter, site := c.By.input.Reporter, c.By.input.Site
	w.judgeOrders(c)
	if w.Present(site) {
		w.violate("I2: %s cuts %s, which is in the accelerator", c, site)
	}
	if !w.Serves(reporter) {
		w.violate("I2: %s cuts %s, and %s, which would go on alone, does not serve", c, site, reporter)
	}
	later := slices.DeleteFunc(w.unattributed(), func(id string) bool { return c.By.Run.took != nil && slices.Contains(c.By.Run.strangers, id) })
	if len(later) > 0 {
		w.violate("I2: %s cuts %s beside a load balancer that may be its", c, site)
	}
}

// judgeStart is called when a guard starts a fence.
func (w *World) judgeStart(name string) {
	for _, r := range w.Fences() {
		if r.Status == asl.Running && r.guarded && !r.redriven {
			w.violate("I3: %s starts beside %s", name, r.Name)
		}
	}
}

// Outcome is how a run ended: the outcome and reason of its output, or its error.
func (r *Run) Outcome() string {
	if r.Status == asl.Succeeded {
		var out struct{ Outcome, Reason string }
		data, _ := json.Marshal(r.Output)
		_ = json.Unmarshal(data, &out)
		return out.Outcome + " " + out.Reason
	}
	if r.Error != "" {
		return r.Error
	}
	return string(r.Status)
}

// judgeEnd is called when a run has ended.
func (w *World) judgeEnd(run *Run) {
	var out struct {
		Outcome string
		Record  []contract.Endpoint
	}
	data, _ := json.Marshal(run.Output)
	_ = json.Unmarshal(data, &out)
	if run.Fence && run.Status == asl.Succeeded && run.took != nil && out.Outcome != "Fenced" {
		w.violate("I6: %s removed endpoints and ended %s", run.Name, out.Outcome)
	}
	w.judgeOrdersEnd(run, out.Outcome)
	if run.Status == asl.Succeeded {
		w.judgeRejoinEnd(run, out.Outcome)
	}
	// What somebody put in between the last check and the write is not in the
	// record; the writer's own output and log have it.
	for _, took := range slices.DeleteFunc(slices.Clone(run.took), func(id string) bool { return !slices.Contains(run.seen, id) }) {
		named := slices.ContainsFunc(out.Record, func(e contract.Endpoint) bool { return e.Group+" "+e.Endpoint == took })
		if out.Outcome == "Fenced" && !named {
			w.violate("I6: the record of %s lacks %s", run.Name, took)
		}
	}
	// A task that was answered with nonsense is right to fail in place, and that of
	// a restore to be undone.
	refused := run.Restore && run.nonsense || (run.FailedInTask || run.State == "RehearsalFailed") && run.fate == Malformed
	if run.Status == asl.Failed && (run.Error == "States.QueryEvaluationError" || run.Error == "States.Runtime") && !refused {
		w.violate("%s: the machine broke in %s: %s", run.Name, run.State, run.Cause)
	}
}
