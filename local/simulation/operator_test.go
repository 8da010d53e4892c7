package simulation_test

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/sitefence/sitefence/local/asl"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
)

// infinispan changes something at the sites.
func (c *chaos) infinispan() {
	a, b := c.two()
	switch rapid.IntRange(0, 5).Draw(c.rt, "infinispan") {
	case 0:
		c.d.CutBetween(string(a), string(b))
		c.note("the link of %s and %s breaks", a, b)
	case 1:
		c.d.HealBetween(string(a), string(b))
		c.note("the link of %s and %s heals", a, b)
	case 2:
		c.d.Forget(string(a))
		c.note("%s restarts and forgets", a)
	case 3:
		reachable := rapid.Bool().Draw(c.rt, "reachable")
		c.w.Reach(a, reachable)
		c.note("%s's Infinispan reachable: %v", a, reachable)
	case 4:
		status := rapid.SampledFrom([]string{infinispan.Online, infinispan.Offline, infinispan.Mixed}).Draw(c.rt, "status")
		c.d.Switch(string(a), string(b), status)
		c.note("an operator makes the backup %s at %s %s", b, a, status)
	case 5:
		c.note("%s's endpoints change their health", a)
		health := rapid.SampledFrom([]ga.Health{ga.Healthy, ga.Healthy, ga.Unhealthy}).Draw(c.rt, "health")
		c.w.Edit(func(g *ga.Group) {
			for i := range g.Endpoints {
				if c.w.Owner(g.Endpoints[i].ID) == a {
					g.Endpoints[i].Health = health
				}
			}
		})
	}
}

// operate is an operator's hand at the accelerator. It never comes between the
// look of a function that acts and what it does after it: see TestWindow.
func (c *chaos) operate() {
	if c.w.Acting() {
		return
	}
	site := c.site("edited")
	switch rapid.IntRange(0, 7).Draw(c.rt, "edit") {
	case 6:
		c.note("an operator adds a load balancer without tags")
		c.w.Smuggle("new")
	case 7:
		group := rapid.SampledFrom(c.groups()).Draw(c.rt, "group")
		c.note("an operator takes %s out of one group", site)
		c.w.Edit(func(g *ga.Group) {
			g.Endpoints = slices.DeleteFunc(g.Endpoints, func(e ga.Endpoint) bool { return g.ARN == group && c.w.Owner(e.ID) == site })
		})
	case 0:
		c.note("an operator puts %s back", site)
		c.w.PutBack(site)
	case 1:
		c.note("an operator takes %s out", site)
		c.w.Edit(func(g *ga.Group) {
			g.Endpoints = slices.DeleteFunc(g.Endpoints, func(e ga.Endpoint) bool { return c.w.Owner(e.ID) == site })
		})
	case 2:
		weight := rapid.SampledFrom([]int32{0, 1, 128}).Draw(c.rt, "weight")
		c.note("an operator gives %s weight %d", site, weight)
		c.w.Edit(func(g *ga.Group) {
			for i := range g.Endpoints {
				if c.w.Owner(g.Endpoints[i].ID) == site {
					g.Endpoints[i].Weight = weight
				}
			}
		})
	case 3:
		dial := rapid.SampledFrom([]float32{0, 100}).Draw(c.rt, "dial")
		c.note("an operator sets every dial to %v", dial)
		c.w.Edit(func(g *ga.Group) { g.Dial = dial })
	case 4:
		c.note("an operator loses the tags of %s", site)
		c.w.Untag(site)
	case 5:
		c.note("an operator restores all tags")
		c.w.RestoreTags()
	}
}

func (c *chaos) groups() []string {
	var arns []string
	for _, l := range c.w.Listeners() {
		for _, g := range l.Groups {
			arns = append(arns, g.ARN)
		}
	}
	return arns
}

// meddle is an operator's hand at the console.
func (c *chaos) meddle() {
	run := rapid.SampledFrom(c.w.Runs).Draw(c.rt, "run")
	switch rapid.IntRange(0, 2).Draw(c.rt, "console") {
	case 0:
		if run.Status == asl.Running {
			c.note("somebody stops %s", run.Name)
			c.w.Abort(run)
		}
	case 1:
		if run.Status != asl.Running && run.Status != asl.Succeeded {
			c.note("somebody redrives %s", run.Name)
			c.w.Redrive(run)
		}
	case 2:
		if c.alerts < 4 && run.Status != asl.Running {
			c.alerts++
			c.note("somebody replays %s", run.Name)
			c.w.Replay(run)
		}
	}
}
