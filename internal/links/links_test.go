package links_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/links"
)

const a, b, c = contract.Site("site-a"), contract.Site("site-b"), contract.Site("site-c")

// site is one site's Infinispan as it answers.
type site struct {
	sees                   []contract.Site
	backups                map[contract.Site]infinispan.Status
	seesTrouble, backupErr error
}

func (s *site) Sees(context.Context) ([]contract.Site, error) { return s.sees, s.seesTrouble }
func (s *site) Backup(_ context.Context, to contract.Site) (infinispan.Status, error) {
	return s.backups[to], s.backupErr
}

// trio is a world of three sites, all well; site-b returns and site-a reports.
type trio struct {
	sites  map[contract.Site]*site
	config config.Deployment
	in     []contract.Site // the accelerator
}

func newTrio() *trio {
	w := &trio{sites: map[contract.Site]*site{}, in: []contract.Site{a, c}}
	for _, name := range []contract.Site{a, b, c} {
		w.sites[name] = &site{sees: []contract.Site{a, b, c}, backups: map[contract.Site]infinispan.Status{a: "online", b: "online", c: "online"}}
		w.config.Sites = append(w.config.Sites, config.Site{Name: name, Infinispan: &config.Infinispan{}})
	}
	return w
}

func (w *trio) stateless(names ...contract.Site) {
	for i := range w.config.Sites {
		for _, name := range names {
			if w.config.Sites[i].Name == name {
				w.config.Sites[i].Infinispan = nil
				delete(w.sites, name)
			}
		}
	}
}

func (w *trio) judge(ctx context.Context) (contract.Reason, error) {
	clusters := map[contract.Site]links.Cluster{}
	for name, s := range w.sites {
		clusters[name] = s
	}
	g := accelerator.Group{ARN: "g", Dial: 100}
	for _, name := range w.in {
		g.Endpoints = append(g.Endpoints, accelerator.Endpoint{ID: string(name), Weight: 1, Owner: accelerator.Owner{Site: name}})
	}
	state := accelerator.State{Listeners: []accelerator.Listener{{ARN: "l", Groups: []accelerator.Group{g}}}}
	return links.Judge(links.Read(ctx, clusters, w.config, b), w.config, state, a, b)
}

func TestJudge(t *testing.T) {
	unavailable := contract.TransientF(contract.ReporterUnreachable, "timeout")
	forbidden := contract.MisconfiguredF(contract.Forbidden, "403")
	tests := map[string]struct {
		change func(w *trio)
		want   contract.Reason
		err    contract.Reason
	}{
		"all is well":                               {func(*trio) {}, contract.InSync, ""},
		"the survivor does not see it":              {func(w *trio) { w.sites[a].sees = []contract.Site{a, c} }, contract.NotSeen, ""},
		"it does not see the survivor":              {func(w *trio) { w.sites[b].sees = []contract.Site{b, c} }, contract.NotSeen, ""},
		"the survivor does not replicate to it":     {func(w *trio) { w.sites[a].backups[b] = "offline" }, contract.NotReplicating, ""},
		"it does not replicate to the survivor":     {func(w *trio) { w.sites[b].backups[a] = "offline" }, contract.NotReplicating, ""},
		"a cache of the survivor does not":          {func(w *trio) { w.sites[a].backups[b] = "mixed" }, contract.NotReplicating, ""},
		"a cache of it does not":                    {func(w *trio) { w.sites[b].backups[a] = "mixed" }, contract.NotReplicating, ""},
		"a third site that serves does not see it":  {func(w *trio) { w.sites[c].sees = []contract.Site{a, c} }, contract.NotSeen, ""},
		"a third site that serves is not backed up": {func(w *trio) { w.sites[b].backups[c] = "offline" }, contract.NotReplicating, ""},
		"a third site that is out does not count": {func(w *trio) {
			w.in, w.sites[c].sees, w.sites[b].backups[c], w.sites[c].seesTrouble = []contract.Site{a}, nil, "offline", unavailable
		}, contract.InSync, ""},
		"the survivor counts though it is out":   {func(w *trio) { w.in, w.sites[a].backups[b] = nil, "offline" }, contract.NotReplicating, ""},
		"the sites among the rest do not matter": {func(w *trio) { w.sites[a].backups[c], w.sites[c].backups[a] = "offline", "offline" }, contract.InSync, ""},
		"the survivor cannot be read":            {func(w *trio) { w.sites[a].seesTrouble = unavailable }, "", contract.ReporterUnreachable},
		"its backups cannot be read":             {func(w *trio) { w.sites[b].backupErr = unavailable }, "", contract.ReporterUnreachable},
		"unseen, and the far site answers nobody": {func(w *trio) {
			w.sites[a].sees, w.sites[b] = []contract.Site{a}, &site{seesTrouble: unavailable, backupErr: unavailable}
		}, contract.NotSeen, ""},
		"a 403 is told before all else":                   {func(w *trio) { w.sites[a].sees, w.sites[b].backupErr = []contract.Site{a}, forbidden }, "", contract.Forbidden},
		"an unreadable backup is not online":              {func(w *trio) { w.sites[a].backups[b], w.sites[a].backupErr = "online", unavailable }, "", contract.ReporterUnreachable},
		"none has an Infinispan":                          {func(w *trio) { w.stateless(a, b, c) }, contract.InSync, ""},
		"a third site without one does not count":         {func(w *trio) { w.stateless(c) }, contract.InSync, ""},
		"only the survivor has one":                       {func(w *trio) { w.stateless(b); w.in = []contract.Site{a} }, "", contract.NotReplicating},
		"only the returning site has one":                 {func(w *trio) { w.stateless(a) }, "", contract.NotReplicating},
		"a third site that serves has one, it has none":   {func(w *trio) { w.stateless(a, b) }, "", contract.NotReplicating},
		"a third site that is out has one, it has none":   {func(w *trio) { w.stateless(a, b); w.in = []contract.Site{a} }, contract.InSync, ""},
		"a site that is seen, but whose answer is broken": {func(w *trio) { w.sites[b].seesTrouble = unavailable }, "", contract.ReporterUnreachable},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newTrio()
			tc.change(w)
			got, err := w.judge(t.Context())
			if got != tc.want || (err == nil) != (tc.err == "") || err != nil && contract.ReasonOf(err) != tc.err {
				t.Errorf("got %q, %v; want %q, %q", got, err, tc.want, tc.err)
			}
		})
	}
}

// TestEvidence: each direction of each pair with the returning site, and why
// something could not be read.
func TestEvidence(t *testing.T) {
	w := newTrio()
	w.stateless(c)
	w.sites[a].backupErr = contract.TransientF(contract.ReporterUnreachable, "timeout")
	w.sites[a].backups[b] = ""
	all := links.Read(t.Context(), map[contract.Site]links.Cluster{a: w.sites[a], b: w.sites[b]}, w.config, b)
	got, trouble := links.Evidence(all)
	want := []contract.Link{{From: a, To: b, Sees: true}, {From: b, To: a, Sees: true, Backup: "online"}}
	if diff := cmp.Diff(want, got); diff != "" || trouble != "reporter-unreachable: timeout" {
		t.Errorf("trouble %q, links (-want +got):\n%s", trouble, diff)
	}
}
