package simulation_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/contract"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/simulation"
)

const siteC = contract.Site("site-c")

// scenario is one way to a fence, or to a rejoin. The end of a fence is always the
// same: site-b is out, site-a serves alone (or with site-c) and does not replicate
// to site-b. So is that of a rejoin: all is as the listeners say, and all
// replication is online. What a restore must come to, leftWell and unsynced say.
type scenario struct {
	name, about string
	sites       []string
	listeners   []ga.Listener
	prepare     func(*simulation.World)
	reason      string // of the end, if nothing goes wrong
	ends        string // if nothing goes wrong; "": as end says
	as          string // what is reported: "" an outage, "twice", by "both" sites, "healed" meanwhile, "drill", "forced" or "rejoin"; or what restore is started: "restore", "undo" or "continue"
	options     func(*simulation.Options)
	// every says which of its steps are in the matrix, each time that they occur
	// in an invocation; of the others only those that are new, once. Nil: none.
	every func(place) bool
}

func group(endpoints ...string) ga.Group {
	var all []ga.Endpoint
	for _, name := range endpoints {
		all = append(all, ga.NewEndpoint(lb(name)))
	}
	return ga.NewGroup(west, all...)
}

func scenarios() []scenario {
	two := []string{"site-a", "site-b"}
	all := func(place) bool { return true }
	return append([]scenario{
		{name: "split", about: "the link of two sites is cut; two listeners, hence two writes", sites: two, every: all, reason: "split",
			listeners: []ga.Listener{ga.NewListener(443, group("a", "b")), ga.NewListener(80, group("a", "b"))}},
		{name: "fence lost", about: "site-b is out already, but the survivor replicates to it", sites: two, reason: "fence-lost",
			every:     func(p place) bool { return p.task() || strings.Contains(p.Operation, " ") }, // Infinispan's
			listeners: []ga.Listener{ga.NewListener(443, group("a"))}},
		{name: "gone neighbour", about: "a load balancer that stays is gone, so that UpdateEndpointGroup is refused", sites: two, reason: "split",
			listeners: []ga.Listener{ga.NewListener(443, group("a", "b", "gone"))},
			prepare:   func(w *simulation.World) { w.Tag(lb("gone"), nil) },
			every: func(p place) bool {
				return p.State == "UpdateAccelerator" || p.State == "CheckHealth" && p.Machine == "guard"
			}},
		{name: "half by hand", about: "the survivor does not replicate any more when site-b is reported, so that a look after the write says that nothing is left to do",
			sites: two, reason: "split", listeners: []ga.Listener{ga.NewListener(443, group("a", "b"))},
			prepare: func(w *simulation.World) { w.Infinispan.Switch("site-a", "site-b", infinispan.Offline) },
			every:   func(p place) bool { return p.State == "UpdateAccelerator" }},
		{name: "witness", about: "a third site serves and is asked", sites: append(two, "site-c"), reason: "split",
			listeners: []ga.Listener{ga.NewListener(443, group("a", "b", "c"))},
			prepare:   func(w *simulation.World) { w.Infinispan.CutBetween("site-b", "site-c") }},
		{name: "refused name", about: "the name fence-1 is refused, though no list shows it", sites: two, reason: "split",
			listeners: []ga.Listener{ga.NewListener(443, group("a", "b"))},
			prepare:   func(w *simulation.World) { w.Taken["fence-1"] = true }},
		{name: "disobedient", about: "the survivor's Infinispan does not obey for the first minutes", sites: two, reason: "split",
			listeners: []ga.Listener{ga.NewListener(443, group("a", "b"))},
			prepare: func(w *simulation.World) {
				w.Infinispan.Inject("site-a", infinispan.Fault{On: infinispan.TakeOffline, Times: 22, Do: infinispan.AnswerEmpty()})
			}},
		{name: "drill", about: "a rehearsal in a healthy pair: nothing is changed, whatever goes wrong", sites: two, reason: "split", as: "drill",
			listeners: []ga.Listener{ga.NewListener(443, group("a", "b")), ga.NewListener(80, group("a", "b"))},
			prepare:   func(w *simulation.World) { w.Infinispan.HealBetween("site-a", "site-b") },
			every:     func(p place) bool { return strings.HasPrefix(p.State, "Rehearse") }},
		{name: "forced", about: "an operator takes site-b out of a healthy pair", sites: two, reason: "split", as: "forced",
			listeners: []ga.Listener{ga.NewListener(443, group("a", "b"))},
			prepare:   func(w *simulation.World) { w.Infinispan.HealBetween("site-a", "site-b") },
			every:     func(p place) bool { return p.task() || p.Operation == "GET container" }},
		{name: "switch", about: "the deployment can be paused, and is not; a switch that cannot be read holds back nothing", sites: two, reason: "split",
			listeners: []ga.Listener{ga.NewListener(443, group("a", "b"))},
			options:   func(opt *simulation.Options) { opt.Switch = true },
			every:     func(p place) bool { return p.Operation == "GetParameter" }},
		{name: "against the preferred", about: "site-b is preferred, so that the report against it waits, but its own report never comes", sites: two, reason: "split",
			listeners: []ga.Listener{ga.NewListener(443, group("a", "b"))},
			options:   func(opt *simulation.Options) { opt.Preferred, opt.Delay = siteB, 10*time.Second },
			every:     func(p place) bool { return p.task() && p.Machine == "guard" }},
		{name: "rejoin", about: "site-b was fenced, its data is restored, and an operator lets it rejoin; two listeners, hence two writes, and the accelerator takes its time to deploy",
			sites: two, reason: "already-serving", as: "rejoin",
			listeners: []ga.Listener{ga.NewListener(443, group("a", "b")), ga.NewListener(80, ga.NewGroup(west, ga.NewEndpoint(lb("a")), ga.NewEndpoint(lb("b")).WithWeight(7).PreservingClientIP()))},
			every: func(p place) bool {
				return p.task() || p.State == "PutBack" || p.State == "CheckHealth" && p.Machine == "fence"
			},
			prepare: func(w *simulation.World) {
				w.Infinispan.HealBetween("site-a", "site-b")
				w.Edit(func(g *ga.Group) {
					g.Endpoints = slices.DeleteFunc(g.Endpoints, func(e ga.Endpoint) bool { return e.ID == lb("b") })
				})
				w.Accelerator.Deploying(1)
			}},
	}, append(announcing(), restores()...)...)
}

// begin makes the scenario's world, in which nothing has been reported yet.
func (s scenario) begin(opt simulation.Options) (*simulation.World, error) {
	opt.Listeners, opt.Retries, opt.Tags = s.listeners, true, map[string]map[string]string{}
	for _, name := range []string{"a", "b", "c"} {
		opt.Tags[lb(name)] = map[string]string{"site": "site-" + name}
	}
	if s.options != nil {
		s.options(&opt)
	}
	w, err := simulation.New(opt)
	if err != nil {
		return nil, err
	}
	w.Infinispan.CutBetween("site-a", "site-b")
	if s.prepare != nil {
		s.prepare(w)
	}
	return w, nil
}

// end is how the last execution ends, if nothing goes wrong; idle, how the guard
// does if there is nothing left to do.
func (s scenario) end() string {
	if s.ends != "" {
		return s.ends
	}
	switch s.as {
	case "drill":
		return "Rehearsed"
	case "rejoin":
		return "Rejoined"
	case "restore":
		return "InSync"
	case "undo":
		return "Undone"
	case "continue":
		return "RejoinStarted, Rejoined"
	}
	return "Fenced"
}

func (s scenario) idle() string {
	switch s.as {
	case "drill":
		return "FenceStarted " + s.reason
	case "rejoin":
		return "Ignored already-serving"
	case "continue":
		return "RejoinStarted "
	case "healed":
		return "Ignored site-visible"
	}
	return "Ignored already-fenced"
}

// report is what sets it off, and what repeats it.
func (s scenario) report(w *simulation.World) {
	switch s.as {
	case "twice":
		w.Alert(siteA, siteB)
		w.Alert(siteA, siteB)
	case "both":
		w.Alert(siteA, siteB)
		w.Alert(siteB, siteA)
	case "drill":
		w.Drill(siteA, siteB)
	case "forced":
		w.Force(siteA, siteB)
	case "rejoin":
		w.Rejoin(siteA, siteB)
	case "restore":
		w.Restore(siteA, siteB, contract.PhaseSync)
	case "undo":
		w.Restore(siteA, siteB, contract.PhaseUndo)
	case "continue":
		w.Restore(siteA, siteB, contract.PhaseRejoin)
	default:
		w.Alert(siteA, siteB)
	}
}

// wrong says what keeps a world from being as every fence, or rejoin, must leave it. It is
// told from the world alone.
func (s scenario) wrong(w *simulation.World) []string {
	if s.syncs() {
		return s.unsynced(w)
	}
	var wrong []string
	out := siteB
	back := s.as == "drill" || s.as == "rejoin" || s.as == "continue" || s.as == "healed"
	if back {
		out = ""
	}
	want := simulationListeners(s.listeners, out)
	if diff := cmp.Diff(want, simulationListeners(w.Listeners(), "")); diff != "" {
		wrong = append(wrong, "the accelerator (-want +got):\n"+diff)
	}
	for _, from := range s.sites {
		for _, to := range s.sites {
			status := infinispan.Online
			if from == "site-a" && to == "site-b" && !back {
				status = infinispan.Offline
			}
			if got := w.Infinispan.Status(from, to); from != to && got != status {
				wrong = append(wrong, fmt.Sprintf("replication from %s to %s is %s, want %s", from, to, got, status))
			}
		}
	}
	return wrong
}

// simulationListeners is what counts of listeners, without a site's endpoints.
func simulationListeners(listeners []ga.Listener, without contract.Site) map[int32][]string {
	out := map[int32][]string{}
	for _, l := range listeners {
		for _, e := range l.InService() {
			if without == "" || e.ID != lb(string(without[len("site-"):])) {
				out[l.Ports[0].From] = append(out[l.Ports[0].From], fmt.Sprintf("%s weight %d, preserves %t", e.ID, e.Weight, e.PreserveClientIP))
			}
		}
		slices.Sort(out[l.Ports[0].From])
	}
	return out
}
