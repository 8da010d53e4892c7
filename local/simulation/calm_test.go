package simulation_test

import (
	"slices"

	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/simulation"
)

// calm ends the faults, lets everything end, mends what a human must mend, and
// looks for what must be true when the links stay down and alerts are repeated.
func (c *chaos) calm() {
	if len(c.w.Violations()) > 0 {
		return
	}
	c.w.Lags = nil
	for _, s := range c.sites() {
		c.w.Reach(s, true)
	}
	if !c.w.Settle(simulation.Fates{}, 20_000) {
		c.wrong("something never ends")
		return
	}
	c.note("a human mends what is odd; the links stay down")
	c.w.Resume()
	c.w.RestoreTags()
	c.w.Edit(func(g *ga.Group) {
		g.Dial = max(g.Dial, 1)
		g.Endpoints = slices.DeleteFunc(g.Endpoints, func(e ga.Endpoint) bool { return c.w.IsUnattributed(e.ID) })
		for i := range g.Endpoints {
			g.Endpoints[i].Weight, g.Endpoints[i].Health = max(g.Endpoints[i].Weight, 1), ga.Healthy
		}
	})
	c.cutAll()
	for range 4 {
		before := c.fingerprint()
		for _, reporter := range c.sites() {
			for _, site := range c.sites() {
				if reporter != site {
					c.w.Alert(reporter, site)
				}
			}
		}
		if !c.w.Settle(simulation.Fates{}, 100_000) {
			c.wrong("something never ends although nothing is wrong")
			return
		}
		if c.fingerprint() == before {
			c.converged()
			c.comeBack()
			return
		}
	}
	c.wrong("repeated alerts change something for ever")
}

// fingerprint is all that a fence can change.
func (c *chaos) fingerprint() string {
	text := describe(c.w)
	for _, a := range c.sites() {
		for _, b := range c.sites() {
			if a != b {
				text += c.d.Status(string(a), string(b)) + " "
			}
		}
	}
	return text
}

// converged: of every pair the report was right and carried out, or it could
// not be, for a reason that the world itself shows.
func (c *chaos) converged() {
	for _, reporter := range c.sites() {
		for _, site := range c.sites() {
			switch s, _ := c.w.Config.Find(reporter); {
			case reporter == site || !c.w.Present(reporter):
			case c.w.Present(site):
				if !c.w.WouldGoDark(reporter, site) {
					c.wrong("%s and %s both serve although the link is down", reporter, site)
				}
			case s.Infinispan != nil && c.w.Serves(reporter) && c.d.Status(string(reporter), string(site)) != infinispan.Offline:
				c.wrong("%s is out and %s still replicates to it: its writes fail", site, reporter)
			}
		}
	}
}
