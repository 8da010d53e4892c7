package simulation_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/balancers"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/simulation"
)

var (
	siteNames = []string{"site-a", "site-b", "site-c", "site-d"}
	regions   = []string{"eu-west-1", "eu-north-1", "eu-central-1", "us-east-1"}
)

// often is true in so many of a hundred worlds.
func often(rt *rapid.T, label string, percent int) bool {
	return rapid.IntRange(0, 99).Draw(rt, label) < percent
}

// drawLayout draws an accelerator: 1 to 3 listeners with 1 to 4 groups each.
// Most worlds can be fenced; some are as odd as operators make them.
func drawLayout(rt *rapid.T, sites []string) (listeners []ga.Listener, tags map[string]map[string]string, listed map[contract.Site][]string) {
	tags, listed = map[string]map[string]string{}, map[contract.Site][]string{}
	odd := often(rt, "odd", 40)
	for port := range rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(rt, "listeners") {
		var groups []ga.Group
		for i := range rapid.SampledFrom([]int{1, 1, 1, 2, 3, 4}).Draw(rt, "groups") {
			g := ga.NewGroup(regions[i], drawEndpoints(rt, regions[i], sites, odd, tags)...)
			if odd && often(rt, "dial", 20) {
				g = g.WithDial(rapid.SampledFrom([]float32{0, 50}).Draw(rt, "percent"))
			}
			groups = append(groups, g)
		}
		listeners = append(listeners, ga.NewListener(int32(443+port), groups...)) //nolint:gosec // 0 to 2
	}
	for _, arn := range slices.Sorted(maps.Keys(tags)) {
		for _, site := range sites {
			if tags[arn]["site"] == site && strings.Contains(arn, "/"+site+"-listed/") {
				listed[contract.Site(site)] = append(listed[contract.Site(site)], arn)
				tags[arn] = map[string]string{}
			}
		}
	}
	return listeners, tags, listed
}

func drawEndpoints(rt *rapid.T, region string, sites []string, odd bool, tags map[string]map[string]string) []ga.Endpoint {
	var all []ga.Endpoint
	add := func(name string, t map[string]string) {
		arn := balancers.ARN(region, name)
		tags[arn] = t
		e := ga.NewEndpoint(arn)
		if odd && often(rt, "weight", 30) {
			e = e.WithWeight(rapid.SampledFrom([]int32{0, 0, 1, 255}).Draw(rt, "of"))
		}
		if odd && often(rt, "health", 20) {
			e = e.WithHealth(rapid.SampledFrom([]ga.Health{ga.Unhealthy, ga.Initial}).Draw(rt, "is"))
		}
		if often(rt, "preserving", 20) {
			e = e.PreservingClientIP()
		}
		all = append(all, e)
	}
	for _, site := range sites {
		if often(rt, site, 85) {
			kind := rapid.SampledFrom([]string{"", "", "", "-listed"}).Draw(rt, "kind")
			add(site+kind, map[string]string{"site": site})
		}
		if odd && often(rt, site+" twice", 20) {
			add(site+"-2", map[string]string{"site": site})
		}
	}
	if odd {
		for _, other := range []struct {
			name string
			tags map[string]string
		}{{"untagged", map[string]string{"Name": "x"}}, {"foreign", map[string]string{"site": "elsewhere"}}, {"gone", nil}} {
			if often(rt, other.name, 10) {
				add(other.name, other.tags)
			}
		}
		if often(rt, "address", 10) {
			all = append(all, ga.NewEndpoint("eipalloc-0123456789abcdef0"))
		}
	}
	return all[:min(len(all), 10)] // AWS's limit
}

// drawOptions draws a world.
func drawOptions(rt *rapid.T, m simulation.Machines, d doubles) simulation.Options {
	n := rapid.SampledFrom([]int{2, 2, 2, 2, 2, 3, 3, 4}).Draw(rt, "sites")
	opt := simulation.Options{Machines: m, Infinispan: d[n], Seed: rapid.Uint64().Draw(rt, "seed"),
		Direct: often(rt, "direct", 95)}
	opt.Switch = often(rt, "switch", 50)
	if often(rt, "preferred", 40) {
		opt.Preferred = contract.Site(rapid.SampledFrom(siteNames[:n]).Draw(rt, "site"))
		opt.Delay = rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, 5 * time.Minute}).Draw(rt, "delay")
	}
	opt.Listeners, opt.Tags, opt.Listed = drawLayout(rt, siteNames[:n])
	for _, site := range siteNames[:n] {
		if often(rt, site+" stateless", 5) {
			opt.Stateless = append(opt.Stateless, contract.Site(site))
		}
	}
	return opt
}

// describe shows a world's accelerator in short, for a failure's report.
func describe(w *simulation.World) string {
	var b strings.Builder
	for i, l := range w.Listeners() {
		for _, g := range l.Groups {
			fmt.Fprintf(&b, "listener %d, %s, dial %v:", i, g.Region, g.Dial)
			for _, e := range g.Endpoints {
				name := e.ID
				if part := strings.Split(e.ID, "/"); len(part) > 2 {
					name = part[2]
				}
				fmt.Fprintf(&b, " %s(%d %s)", name, e.Weight, e.Health)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}
