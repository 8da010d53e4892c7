package status_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/history"
	"github.com/sitefence/sitefence/internal/screen"
	"github.com/sitefence/sitefence/internal/status"
)

var update = flag.Bool("update", false, "write the golden files")

var now = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

// site is one that serves, is well, and replicates to the other, which it sees.
func site(name, other contract.Site) contract.SiteState {
	return contract.SiteState{
		Name: name, Standing: contract.SiteEvidence{Endpoints: 1, Listeners: 1, InService: 1},
		Endpoints: []contract.Endpoint{{Endpoint: string("lb-" + name), Weight: 128}}, Targets: &contract.Targets{Healthy: 2, Total: 2},
		Infinispan: &contract.ClusterState{Verified: true, Sees: []contract.Site{name, other}, Backups: map[contract.Site]string{other: "online"}},
	}
}

func pair() contract.Inspection {
	return contract.Inspection{
		Version: "1", Deployment: "main", Release: "v1", InspectedAt: now,
		Accelerator: contract.AcceleratorState{DNSNames: []string{"a1234.awsglobalaccelerator.com"}, Status: "DEPLOYED", Enabled: true, Listeners: 1},
		Sites:       []contract.SiteState{site("site-a", "site-b"), site("site-b", "site-a")},
	}
}

// world is a pair in which something has happened.
type world struct{ status.Input }

func with(happened ...func(*world)) status.Input {
	i := pair()
	w := world{status.Input{Deployment: "main", At: now, Inspection: &i}}
	for _, h := range happened {
		h(&w)
	}
	return w.Input
}

func (w *world) site(n int) *contract.SiteState { return &w.Inspection.Sites[n] }

func out(n int) func(*world) {
	return func(w *world) {
		w.site(n).Standing, w.site(n).Endpoints = contract.SiteEvidence{}, []contract.Endpoint{}
	}
}

func blind(n int) func(*world) {
	return func(w *world) { w.site(n).Infinispan.Sees = []contract.Site{w.site(n).Name} }
}

func backup(n int, state string) func(*world) {
	return func(w *world) { w.site(n).Infinispan.Backups[w.site(1-n).Name] = state }
}

func trouble(text string) *contract.Problem {
	return &contract.Problem{Type: "Transient", Reason: contract.ReporterUnreachable, Text: text}
}

func mute(n int) func(*world) {
	return func(w *world) {
		w.site(n).Infinispan = &contract.ClusterState{Problem: trouble("Infinispan of " + string(w.site(n).Name) + ": timeout."), BackupsProblem: trouble("Infinispan of " + string(w.site(n).Name) + ": timeout.")}
	}
}

func running(r history.Row) func(*world) {
	return func(w *world) { w.Running = append(w.Running, r) }
}

var (
	fencing   = history.Row{When: now, Kind: history.Running, Reporter: "site-a", Site: "site-b", State: "TakeOffline", Seconds: 3, Fence: "arn:aws:states:r:1:execution:f:fence-7"}
	lastFence = history.Row{When: now.Add(-time.Hour), Kind: history.Fenced, Reporter: "site-a", Site: "site-b", Reason: contract.Split, Seconds: 3.06,
		Fence: "arn:aws:states:r:1:execution:f:fence-7", Guard: "arn:aws:states:r:1:execution:g:g-1", Steps: []history.Total{{Machine: "fence", State: "TakeOffline", Seconds: 0.21, Visits: 1}}}
)

func lost(kind history.Kind) func(*world) {
	return func(w *world) {
		f := lastFence
		f.Kind = kind
		w.LastFence = &f
	}
}

func TestHeadline(t *testing.T) {
	for name, test := range map[string]struct {
		in    status.Input
		level status.Level
		says  string
	}{
		"all is well":                    {with(), status.OK, "Both sites serve."},
		"fenced":                         {with(out(1), blind(0), backup(0, "offline")), status.Warning, "site-b is fenced: site-a serves alone. Bring it back with `sitefence restore --site site-b`."},
		"fenced, its Infinispan is gone": {with(out(1), blind(0), backup(0, "offline"), mute(1)), status.Warning, "site-b is fenced: site-a serves alone."},
		"fenced, the link is back":       {with(out(1), backup(0, "offline")), status.Warning, "site-b is fenced: site-a serves alone."},
		"fenced without Infinispan": {with(out(1), func(w *world) { w.site(0).Infinispan, w.site(1).Infinispan = nil, nil }),
			status.Warning, "site-b is fenced: site-a serves alone."},
		"half fenced: still replicates": {with(out(1), blind(0)), status.Bad,
			"HALF FENCED: site-b is out of the accelerator, but site-a still replicates to it (online) and does not see it, so writes fail. The next alert ends it; or see `sitefence history` and replay."},
		"half fenced: some caches":              {with(out(1), blind(0), backup(0, "mixed")), status.Bad, "HALF FENCED: site-b is out of the accelerator, but site-a still replicates to it (mixed)"},
		"half fenced, and the fence failed":     {with(out(1), blind(0), lost(history.KindFailed)), status.Bad, "See what to do with `sitefence report fence-7`."},
		"half fenced: cut off but serving":      {with(backup(0, "offline")), status.Bad, "HALF FENCED: site-b serves, but replication from site-a to it is offline"},
		"half fenced: in some listeners":        {with(func(w *world) { w.Inspection.Accelerator.Listeners = 2; w.site(0).Standing.InService = 2 }), status.Bad, "HALF FENCED: site-b serves in some of the 2 listeners only."},
		"out, and the survivor cannot be asked": {with(out(1), mute(0)), status.Bad, "site-b is out of the accelerator, and whether site-a still replicates to it cannot be read."},
		"in sync, not yet back":                 {with(out(1)), status.Warning, "site-b is in sync but out of the accelerator: start Keycloak there, then `sitefence restore --continue`."},
		"split":                                 {with(blind(0), blind(1)), status.Bad, "SPLIT: site-a does not see site-b, and both serve"},
		"split, as one side says":               {with(blind(1)), status.Bad, "SPLIT: site-b does not see site-a, and both serve"},
		"being fenced":                          {with(blind(0), running(fencing)), status.Bad, "site-b is being fenced (TakeOffline, for 3 s)."},
		"a guard waits":                         {with(running(history.Row{Kind: history.Waiting, Guard: "arn:g", Site: "site-b"})), status.OK, "Both sites serve."},
		"a rehearsal runs":                      {with(running(history.Row{Kind: history.Running, DryRun: true, Fence: "arn:f", Site: "site-b"})), status.OK, "Both sites serve."},
		"being put back": {with(out(1), running(history.Row{Kind: history.Running, Operation: contract.OperationRejoin, Fence: "arn:f", Site: "site-b", State: "PutBack"})),
			status.Warning, "site-b is being put back into the accelerator (PutBack, for 0 s)."},
		"being restored":        {with(out(1), running(history.Row{Kind: history.Running, Restore: "arn:r", Site: "site-b"})), status.Warning, "site-b is being brought back."},
		"nobody serves":         {with(out(0), out(1), running(fencing)), status.Bad, "DARK: no site is in service in the accelerator."},
		"disabled":              {with(func(w *world) { w.Inspection.Accelerator.Enabled = false }), status.Bad, "DARK: the accelerator is disabled."},
		"no traffic":            {with(func(w *world) { w.site(1).Standing.InService = 0 }), status.Warning, "site-b is in the accelerator, but gets no traffic"},
		"unhealthy":             {with(func(w *world) { w.site(1).Standing.Unhealthy = true }), status.Bad, "site-b is in the accelerator, but unhealthy"},
		"a stranger":            {with(func(w *world) { w.Inspection.Accelerator.Unattributed = []string{"lb-x"} }), status.Warning, "Both sites serve, but a load balancer is of no configured site"},
		"an Infinispan is mute": {with(mute(1)), status.Warning, "Both sites serve, but not all of site-b can be read: Infinispan of site-b: timeout. Find out why with `sitefence doctor`."},
		"the accelerator cannot be read": {with(func(w *world) {
			w.Inspection.Accelerator = contract.AcceleratorState{Problem: &contract.Problem{Type: "Misconfigured", Text: "listing listeners: denied"}}
			w.site(0).Standing, w.site(1).Standing = contract.SiteEvidence{}, contract.SiteEvidence{}
		}), status.Bad, "Who serves cannot be read: listing listeners: denied. Find out why with `sitefence doctor`."},
		"the view alone cannot be read": {with(func(w *world) { w.site(0).Infinispan.Sees, w.site(0).Infinispan.Problem = nil, trouble("no view") }),
			status.Warning, "Both sites serve, but not all of site-a can be read: no view."},
		"the backups alone cannot be read": {with(func(w *world) {
			w.site(0).Infinispan.Backups, w.site(0).Infinispan.BackupsProblem = nil, trouble("no ADMIN")
		}), status.Warning, "Both sites serve, but not all of site-a can be read: no ADMIN."},
		"half fenced, the view cannot be read": {with(out(1), func(w *world) { w.site(0).Infinispan.Sees, w.site(0).Infinispan.Problem = nil, trouble("no view") }),
			status.Bad, "HALF FENCED: site-b is out of the accelerator, but site-a still replicates to it (online). "},
		"no replication at all": {with(func(w *world) { w.site(0).Infinispan.Backups = map[contract.Site]string{} }), status.Bad, "HALF FENCED: site-b serves, but replication from site-a to it is none"},
		"the accelerator's own word cannot be read": {with(func(w *world) {
			w.Inspection.Accelerator.Problem, w.Inspection.Accelerator.Enabled = trouble("throttled"), false
		}),
			status.Warning, "Both sites serve, but not all of the accelerator can be read: throttled."},
		"nothing can be read": {with(func(w *world) { w.Inspection, w.Problems = nil, []string{"invoking inspect: denied."} }), status.Bad, "Who serves cannot be read: invoking inspect: denied."},
		"paused": {with(func(w *world) {
			w.Inspection.Pause = &contract.Pause{Reason: "x", By: "ada", Until: now.Add(time.Hour)}
		}), status.Warning, "Both sites serve. PAUSED until 2026-11-24 04:00:00Z: no alert fences; end it with `sitefence resume`."},
		"the switch is broken":      {with(func(w *world) { w.Inspection.PauseProblem = "no JSON" }), status.Warning, "the pause switch is broken"},
		"executions cannot be read": {with(func(w *world) { w.Problems = []string{"listing executions: denied"} }), status.Warning, "Both sites serve, but not everything can be read: listing executions: denied."},
		"several deployments":       {with(out(1), backup(0, "offline"), func(w *world) { w.Flags = " --deployment main" }), status.Warning, "`sitefence restore --site site-b --deployment main`"},
	} {
		t.Run(name, func(t *testing.T) {
			got := status.Make(test.in)
			if got.Level != test.level || !strings.Contains(got.Headline, test.says) {
				t.Errorf("%s %q\nwant %s %q", got.Level, got.Headline, test.level, test.says)
			}
		})
	}
}

// Three sites: the one that is out is fenced when both others have stopped.
func TestHeadlineOfThreeSites(t *testing.T) {
	three := func(backupAtC string) status.Input {
		in := with(out(1), backup(0, "offline"))
		in.Inspection.Sites[0].Infinispan.Sees = []contract.Site{"site-a", "site-c"}
		in.Inspection.Sites[0].Infinispan.Backups["site-c"] = "online"
		c := site("site-c", "site-a")
		c.Infinispan.Backups["site-b"] = backupAtC
		in.Inspection.Sites = append(in.Inspection.Sites, c)
		return in
	}
	for backupAtC, want := range map[string]string{
		"offline": "site-b is fenced: site-a and site-c serve on.",
		"online":  "HALF FENCED: site-b is out of the accelerator, but site-c still replicates to it (online) and does not see it",
	} {
		if got := status.Make(three(backupAtC)); !strings.HasPrefix(got.Headline, want) {
			t.Errorf("%s at site-c: %q, want %q", backupAtC, got.Headline, want)
		}
	}
}

func TestShow(t *testing.T) {
	for name, in := range map[string]status.Input{
		"well":   with(),
		"fenced": with(out(1), blind(0), backup(0, "offline"), mute(1), lost(history.Fenced)),
		"busy": with(running(fencing), running(history.Row{When: now, Kind: history.Waiting, Reporter: "site-b", Site: "site-a", State: "WaitForTheTurn", Guard: "arn:aws:states:r:1:execution:g:g-2"}),
			func(w *world) {
				w.Inspection.Pause = &contract.Pause{Reason: "switch\x1b[31m replacement", By: "ada", Until: now.Add(time.Hour)}
				w.Problems = []string{"listing the executions: denied"}
			}),
		"blind": {Deployment: "main", At: now, Problems: []string{"invoking inspect: denied"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := status.Make(in)
			var table bytes.Buffer
			if err := s.Show(screen.New(&table, false)); err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/"+name+".txt", table.Bytes())
			data, err := json.MarshalIndent(s, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/"+name+".json", append(data, '\n'))
		})
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
