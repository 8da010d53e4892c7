package checkhealth

import (
	"slices"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

// three is a world of three sites with the link of site-a and site-b cut; the
// witness is a site of another double, since the world has two sites only.
func three(t *testing.T, listeners ...ga.Listener) (*world.World, *infinispan.Double) {
	t.Helper()
	lb := world.LB("site-c")
	if listeners == nil {
		listeners = []ga.Listener{ga.NewListener(443, ga.NewGroup(world.Region,
			ga.NewEndpoint(world.LB(world.SiteA)), ga.NewEndpoint(world.LB(world.SiteB)), ga.NewEndpoint(lb)))}
	}
	w := world.New(t, listeners...)
	w.Balancers.Put(lb, map[string]string{"site": "site-c"})
	d, err := infinispan.NewDouble(infinispan.Options{Sites: []string{"site-a", "site-b", "site-c"}, Password: world.Password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	w.Config.Sites = nil
	for _, s := range d.Sites() {
		w.Config.Sites = append(w.Config.Sites, config.Site{Name: contract.Site(s.Name), Infinispan: &config.Infinispan{
			URL: s.URL, User: s.User, PasswordSecret: "secret-of-" + s.Name, CA: string(s.CA)}})
		w.Secrets.Set("secret-of-"+s.Name, s.Password)
	}
	d.CutBetween("site-a", "site-b")
	return w, d
}

// TestWitness: with three sites, a third one that serves has a say. Where nobody listens
// (any more) the kernel refuses a connection, or another process that has the port ends it.
func TestWitness(t *testing.T) {
	bothIn := []ga.Listener{world.Both(443)}
	tests := map[string]struct {
		listeners []ga.Listener
		prepare   func(w *world.World, d *infinispan.Double)
		want      string
		trouble   string
	}{
		"sees the site":            {nil, nil, "recheck site-visible", ""},
		"does not see it either":   {nil, func(_ *world.World, d *infinispan.Double) { d.CutBetween("site-b", "site-c") }, "fence split", ""},
		"cannot be asked":          {nil, func(_ *world.World, d *infinispan.Double) { d.StopListening("site-c") }, "recheck witness-unreachable", "tcp 127.0.0.1:"},
		"locks us out":             {nil, func(w *world.World, _ *infinispan.Double) { w.Secrets.Set("secret-of-site-c", "wrong") }, "recheck witness-unreachable", "bad-credentials"},
		"out itself":               {bothIn, func(_ *world.World, d *infinispan.Double) { d.StopListening("site-c") }, "fence split", "tcp 127.0.0.1:"},
		"has no Infinispan":        {nil, func(w *world.World, _ *infinispan.Double) { w.Config.Sites[2].Infinispan = nil }, "fence split", ""},
		"sees it, reporter's none": {nil, func(w *world.World, _ *infinispan.Double) { w.Config.Sites[0].Infinispan = nil }, "recheck site-visible", ""},
		"silent, reporter's none": {nil, func(w *world.World, d *infinispan.Double) {
			w.Config.Sites[0].Infinispan = nil
			d.StopListening("site-c")
		}, "recheck witness-unreachable", "tcp 127.0.0.1:"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w, d := three(t, tc.listeners...)
			if tc.prepare != nil {
				tc.prepare(w, d)
			}
			h, log := handler(t, w)
			got, err := h.Handle(t.Context(), input(w))
			if outcome(got, err) != tc.want {
				t.Errorf("got %s (%v), want %s; evidence %+v", outcome(got, err), err, tc.want, got.Evidence)
			}
			if !strings.Contains(got.Evidence.Trouble, tc.trouble) || (tc.trouble == "") != (got.Evidence.Trouble == "") {
				t.Errorf("trouble %q in the evidence, want %q", got.Evidence.Trouble, tc.trouble)
			}
			if len(got.Evidence.Sites) != 3 {
				t.Errorf("evidence of %d sites, want 3", len(got.Evidence.Sites))
			}
			// The reported site is not asked, and the witness not about backups.
			if len(d.Calls("site-b")) > 0 || slices.Contains(slices.Collect(kinds(d.Calls("site-c"))), infinispan.BackupStatus) {
				t.Errorf("asked site-b %v, site-c %v", d.Calls("site-b"), d.Calls("site-c"))
			}
			oneLine(t, log.String(), err)
		})
	}
}
