package simulation_test

import (
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/asl"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/simulation"
)

// rejoin is an operator who lets a site rejoin through the guard: mostly one that
// is out, mostly after its data was restored.
func (c *chaos) rejoin() {
	if c.rejoins == 3 {
		return
	}
	c.rejoins++
	reporter, site := c.two()
	for _, s := range c.sites() {
		if s != reporter && c.w.Present(reporter) && !c.w.Present(s) && often(c.rt, "absent", 80) {
			site = s
		}
	}
	if often(c.rt, "restored", 75) {
		c.restore()
	}
	c.w.Accelerator.Deploying(rapid.IntRange(0, 2).Draw(c.rt, "deploying"))
	if c.w.Rejoin(reporter, site) != nil {
		c.note("an operator lets %s rejoin beside %s", site, reporter)
	}
}

// restore makes all links well and all replication online.
func (c *chaos) restore() {
	c.note("all links are well and all replication is online")
	for _, a := range c.sites() {
		for _, b := range c.sites() {
			if a != b {
				c.d.HealBetween(string(a), string(b))
				c.d.Switch(string(a), string(b), infinispan.Online)
			}
		}
	}
}

// comeBack: when all is calm and one site after the other is restored, each that
// is out rejoins, unless the world shows why it cannot.
func (c *chaos) comeBack() {
	c.restore()
	for _, site := range c.sites() {
		serving := slices.DeleteFunc(c.sites(), func(s contract.Site) bool { return s == site || !c.w.Serves(s) })
		if c.w.Present(site) || len(serving) == 0 {
			continue
		}
		guard := c.w.Rejoin(serving[0], site)
		if guard == nil {
			continue
		}
		before := len(c.w.Fences())
		if !c.w.Settle(simulation.Fates{}, 100_000) {
			c.wrong("a rejoin never ends although nothing is wrong")
			return
		}
		last := guard
		if fences := c.w.Fences(); len(fences) > before {
			last = fences[len(fences)-1]
		}
		switch {
		case last.Outcome() == "Rejoined already-serving" && c.w.Present(site):
		case last == guard && last.Outcome() == "Ignored reporter-not-in-service" && !c.w.Present(site):
		case last == guard && last.Status == asl.Failed && strings.Contains(last.Cause, "nobody can prove") && c.mixed():
		default:
			c.wrong("%s cannot come back beside %s: %s ended %s: %s", site, serving[0], last.Name, last.Outcome(), last.Cause)
		}
	}
}

// mixed reports whether some sites have an Infinispan and some have none.
func (c *chaos) mixed() bool {
	none := 0
	for _, s := range c.w.Config.Sites {
		if s.Infinispan == nil {
			none++
		}
	}
	return none > 0 && none < len(c.w.Config.Sites)
}
