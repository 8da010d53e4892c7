package simulation_test

import (
	"net/http"

	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/simulation"
)

// announcing are the scenarios in which guard and fence put the events of an idle
// end, and of a bad one, though nothing goes wrong that the matrix lets go wrong:
// whatever becomes of the event, the end is the same.
func announcing() []scenario {
	two := []string{"site-a", "site-b"}
	listeners := []ga.Listener{ga.NewListener(443, group("a", "b"))}
	only := func(state string) func(place) bool { return func(p place) bool { return p.State == state } }
	return []scenario{
		{name: "both report", about: "each site reports the other; the guard of the second report finds its reporter out", sites: two, as: "both",
			reason: "split", ends: "guard: Ignored (reporter-absent), Fenced", listeners: listeners, every: only("AnnounceIgnored")},
		{name: "healed before the turn", about: "the link heals when the fence begins, which then leaves everything as it is", sites: two, as: "healed",
			reason: "site-visible", ends: "Ignored", listeners: listeners, every: only("AnnounceIgnored"),
			prepare: func(w *simulation.World) {
				w.Started = func(run *simulation.Run) {
					if run.Fence {
						w.Infinispan.HealBetween("site-a", "site-b")
					}
				}
			}},
		{name: "nobody decides", about: "the survivor's Infinispan fails until the first of two guards has given up", sites: two, as: "twice",
			reason: "split", ends: "guard: Undecided (reporter-unreachable), Fenced", listeners: listeners, every: only("AnnounceFailure"),
			prepare: func(w *simulation.World) {
				// Two guards look nine times each; the very last look is answered.
				w.Infinispan.Inject("site-a", infinispan.Fault{On: infinispan.ContainerView, Times: 17, Do: infinispan.Answer(http.StatusInternalServerError)})
			}},
		{name: "write forbidden", about: "the first fence may not write the accelerator, and the next one may", sites: two, as: "twice",
			reason: "split", ends: "UpdateFailed (Misconfigured), Fenced", listeners: listeners, every: only("AnnounceFailure"),
			prepare: func(w *simulation.World) {
				w.Accelerator.Inject(ga.Fault{Operation: ga.UpdateEndpointGroup, Times: 1, Effect: ga.Fail(ga.AccessDeniedException)})
			}},
	}
}
