package takeoffline

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/contract"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

func drill(in *contract.ActInput) { in.DryRun, in.Decision = true, contract.Rehearse }

// untag makes a load balancer of no site stand in the accelerator.
func untag(w *world.World) {
	w.Balancers.Put(world.LB("other"), map[string]string{})
	w.Accelerator.Edit("add", func(s *ga.State) {
		g := &s.Accelerators[0].Listeners[0].Groups[0]
		g.Endpoints = append(g.Endpoints, ga.NewEndpoint(world.LB("other")))
	})
}

// TestRehearse: what would be done and what would be refused is said; Infinispan
// is asked and not told.
func TestRehearse(t *testing.T) {
	whole := func(t *testing.T) *world.World { return world.New(t) }
	offline := func(w *world.World) { w.Infinispan.Switch("site-a", "site-b", infinispan.Offline) }
	for name, tc := range map[string]struct {
		world   func(t *testing.T) *world.World
		prepare func(w *world.World)
		backup  string
		notes   []string // a part of each
	}{
		"healthy pair": {whole, nil, "online", []string{"every cache of site-a", "as the world is now it would be refused: site-present"}},
		"untagged beside the site, which is removed first": {whole, untag, "online", []string{"every cache", "site-present"}},
		"reporter drained": {whole, func(w *world.World) { w.Accelerator.SetWeight(world.LB(world.SiteA), 0) }, "online",
			[]string{"every cache", "site-present", "with site-b removed it would be refused still: reporter-not-in-service"}},
		"fence lost":                  {fencedWorld, nil, "online", []string{"every cache"}},
		"fence lost, untagged beside": {fencedWorld, untag, "online", []string{"every cache", "as the world is now it would be refused: unattributed-endpoint"}},
		"offline already":             {fencedWorld, offline, "offline", []string{"no cache of site-a replicates to site-b now"}},
		"stateless":                   {fencedWorld, func(w *world.World) { w.Config.Sites[0].Infinispan = nil }, "none", []string{"site-a has no Infinispan"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := tc.world(t)
			w.States.Start("fence-1")
			if tc.prepare != nil {
				tc.prepare(w)
			}
			in := w.Act(1)
			drill(&in)
			h, log := handler(t, w)
			got, err := h.Handle(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if !got.DryRun || got.Backup != tc.backup || got.Caches == nil || len(got.Notes) != len(tc.notes) {
				t.Fatalf("got %+v, want %s and %d notes", got, tc.backup, len(tc.notes))
			}
			for i, want := range tc.notes {
				if !strings.Contains(got.Notes[i], want) {
					t.Errorf("note %d is %q, want %q in it", i, got.Notes[i], want)
				}
			}
			if strings.Contains(log.String(), "replication is offline") {
				t.Errorf("the log says that it was done: %s", log)
			}
			untouched(t, w)
		})
	}
}

func untouched(t *testing.T, w *world.World) {
	t.Helper()
	for _, site := range []contract.Site{world.SiteA, world.SiteB} {
		if changes := w.Changes(site); len(changes) > 0 {
			t.Errorf("%s was told %v", site, changes)
		}
	}
	if w.Writes() != 0 {
		t.Errorf("the accelerator was written %d times", w.Writes())
	}
}

// TestRehearseRefuses: what is no world to act in fails the rehearsal, and what
// is not wholly a rehearsal, or wholly none, is not done at all.
func TestRehearseRefuses(t *testing.T) {
	answers := func(status int) func(*world.World) {
		return func(w *world.World) {
			w.Infinispan.Inject("site-a", infinispan.Fault{On: infinispan.BackupStatus, Do: infinispan.Answer(status)})
		}
	}
	for name, tc := range map[string]struct {
		prepare func(w *world.World)
		in      func(in *contract.ActInput)
		want    string
	}{
		"superseded":         {func(w *world.World) { w.States.Start("fence-2") }, drill, "Refused superseded"},
		"no permission":      {answers(http.StatusForbidden), drill, "Misconfigured forbidden"},
		"wrong password":     {answers(http.StatusUnauthorized), drill, "Misconfigured bad-credentials"},
		"unknown backup":     {answers(http.StatusNotFound), drill, "Misconfigured backup-unknown"},
		"silent":             {func(w *world.World) { w.Infinispan.StopListening("site-a") }, drill, "Transient reporter-unreachable"},
		"dry, but a fence":   {nil, func(in *contract.ActInput) { in.DryRun = true }, "Misconfigured bad-input"},
		"dry, but an ensure": {nil, func(in *contract.ActInput) { in.DryRun, in.Decision = true, contract.Ensure }, "Misconfigured bad-input"},
		"dry, and undecided": {nil, func(in *contract.ActInput) { in.DryRun, in.Decision = true, "" }, "Misconfigured bad-input"},
		"a rehearsal, wet":   {nil, func(in *contract.ActInput) { in.Decision = contract.Rehearse }, "Misconfigured bad-input"},
		"another deployment": {nil, func(in *contract.ActInput) { drill(in); in.Deployment = "x" }, "Misconfigured bad-input"},
	} {
		t.Run(name, func(t *testing.T) {
			w := fencedWorld(t)
			w.States.Start("fence-1")
			if tc.prepare != nil {
				tc.prepare(w)
			}
			in := w.Act(1)
			tc.in(&in)
			h, _ := handler(t, w)
			if got, err := h.Handle(t.Context(), in); typed(err) != tc.want {
				t.Errorf("got %+v, %v; want %s", got, err, tc.want)
			}
			untouched(t, w)
		})
	}
}
