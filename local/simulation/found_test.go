package simulation_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sitefence/sitefence/local/asl"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/simulation"
)

// What random worlds have found, each as the story that it was.

// TestTagsLostHalfway: after the check that decided, the site's load balancer
// loses its tag. The writer sees no endpoint of the site and ends well. The site
// still serves, so its replication must stay.
func TestTagsLostHalfway(t *testing.T) {
	m, d := machines(t), double(t, "site-a", "site-b")
	synctest.Test(t, func(t *testing.T) {
		w, err := simulation.New(pair(m, d))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		d.CutBetween("site-a", "site-b")
		w.Alert(siteA, siteB)
		w.Settle(simulation.Fates{Task: func(_ *simulation.Run, call *asl.Call) simulation.Fault {
			if call.State == "UpdateAccelerator" {
				w.Untag(siteB)
			}
			return simulation.None
		}}, 10_000)
		fence := w.Fences()[0]
		if fence.Error != "Refused" || !strings.Contains(fence.Cause, "unattributed-endpoint") || !fence.FailedInTask {
			t.Errorf("the fence ended %s: %s; want Refused in a task", fence.Outcome(), fence.Cause)
		}
		if got := d.Status("site-a", "site-b"); got != infinispan.Online {
			t.Errorf("replication is %s, want online", got)
		}
		// The operator mends the tag and asks again.
		w.RestoreTags()
		w.Replay(fence)
		if !w.Settle(simulation.Fates{}, 10_000) || w.Present(siteB) || d.Status("site-a", "site-b") != infinispan.Offline {
			t.Error("the replay did not fence the site")
		}
		if v := w.Violations(); len(v) > 0 {
			t.Error(v)
		}
	})
}
