package inspect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/inspect"
	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/internal/release"
	"github.com/sitefence/sitefence/internal/wiring"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

var (
	siteA, siteB = world.SiteA, world.SiteB
	noon         = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
)

func handler(t *testing.T, w *world.World) inspect.Handler {
	t.Helper()
	h, err := inspect.New(w.Function(), "alertmanager")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	h.Log, h.Now = slog.New(slog.NewJSONHandler(&log, nil)), func() time.Time { return noon }
	t.Cleanup(func() { leak.Check(t, log.String(), world.Password) })
	return h
}

// look inspects over the real wiring; no inspection fails or shows a password.
func look(t *testing.T, h inspect.Handler) contract.Inspection {
	t.Helper()
	got, err := h.Handle(t.Context(), contract.InspectInput{Version: "1", Deployment: world.Deployment})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	leak.Check(t, string(text), world.Password)
	return got
}

func TestInspection(t *testing.T) {
	w := world.New(t)
	w.Balancers.SetTargets(world.LB(siteA), "healthy", "healthy", "unhealthy")
	w.Balancers.SetTargets(world.LB(siteB), "initial")
	if err := w.Infinispan.TakeOffline(t.Context(), "site-a", "site-b"); err != nil {
		t.Fatal(err)
	}
	acc := w.Accelerator.Snapshot().Accelerators[0]
	endpoint := func(i int) []contract.Endpoint {
		g := acc.Listeners[0].Groups[0]
		return []contract.Endpoint{{Listener: acc.Listeners[0].ARN, Group: g.ARN, Endpoint: g.Endpoints[i].ID, Weight: 128,
			ClientIPPreservation: g.Endpoints[i].PreserveClientIP}}
	}
	cluster := func(other contract.Site, status string) *contract.ClusterState {
		return &contract.ClusterState{Verified: true, Sees: []contract.Site{siteA, siteB},
			Backups: map[contract.Site]string{other: status},
			Caches:  map[string]map[contract.Site]string{"sessions": {other: status}, "actionTokens": {other: status}}}
	}
	want := contract.Inspection{
		Version: "1", Deployment: "kc", Release: release.Version, InspectedAt: noon, WebhookUser: "alertmanager",
		Accelerator: contract.AcceleratorState{ARN: acc.ARN, DNSNames: []string{acc.DNSName, acc.DualStackDNSName},
			Configured: []string{acc.DNSName}, Status: "DEPLOYED", Enabled: true, Listeners: 1},
		Sites: []contract.SiteState{
			{Name: siteA, Standing: contract.SiteEvidence{Endpoints: 1, Listeners: 1, InService: 1}, Endpoints: endpoint(0),
				Targets: &contract.Targets{Healthy: 2, Total: 3}, Infinispan: cluster(siteB, "offline")},
			{Name: siteB, Standing: contract.SiteEvidence{Endpoints: 1, Listeners: 1, InService: 1}, Endpoints: endpoint(1),
				Targets: &contract.Targets{Healthy: 0, Total: 1}, Infinispan: cluster(siteA, "online")},
		},
		Rules: []contract.RuleState{{Name: world.Rule, State: "ENABLED"}},
		Drift: []contract.DriftFinding{{Reason: contract.FencedSiteBack, Site: siteB,
			Evidence: "site-b is in the accelerator (in service in 1 of 1 listeners) while site-a's replication towards it is offline"}},
	}
	if diff := cmp.Diff(want, look(t, handler(t, w))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if w.Writes()+len(w.Changes(siteA))+len(w.Changes(siteB)) != 0 {
		t.Error("an inspection changed something")
	}
}

// problem is a Problem in short.
func problem(p *contract.Problem) string {
	if p == nil {
		return ""
	}
	return p.Type + " " + string(p.Reason)
}

// TestProblemInItsPlace: what one part of the world does not answer is a problem
// there; all the rest is read nevertheless.
func TestProblemInItsPlace(t *testing.T) {
	at := func(f infinispan.Fault) func(*world.World) {
		return func(w *world.World) { w.Infinispan.Inject("site-b", f) }
	}
	deny := func(on infinispan.Kind, status int) func(*world.World) {
		return at(infinispan.Fault{On: on, Do: infinispan.Answer(status)})
	}
	const unreachable = "Transient reporter-unreachable"
	for name, tc := range map[string]struct {
		spoil func(*world.World)
		want  map[string]string
	}{
		"nothing": {func(*world.World) {}, map[string]string{}},
		"accelerator gone": {func(w *world.World) { w.Config.Accelerator.ARN += "f" },
			map[string]string{"accelerator": "Misconfigured not-found"}},
		"only its description refused": {func(w *world.World) {
			w.Accelerator.Inject(ga.Fault{Operation: ga.DescribeAccelerator, Effect: ga.Fail(ga.AccessDeniedException)})
		}, map[string]string{"accelerator": "Misconfigured access-denied"}},
		"tags refused": {func(w *world.World) { w.Balancers.Refuse(world.Region, "AccessDenied") },
			map[string]string{"accelerator": "Misconfigured access-denied"}},
		"site down": {func(w *world.World) { w.Infinispan.StopListening("site-b") },
			map[string]string{"view": unreachable, "backups": unreachable, "caches": unreachable}},
		"not ADMIN":        {deny(infinispan.BackupStatus, 403), map[string]string{"backups": "Misconfigured forbidden"}},
		"cache not ADMIN":  {deny(infinispan.CacheXSite, 403), map[string]string{"caches": "Misconfigured forbidden"}},
		"list malformed":   {at(infinispan.Fault{On: infinispan.CacheList, Do: infinispan.AnswerMalformed()}), map[string]string{"caches": unreachable}},
		"list of no names": {at(infinispan.Fault{On: infinispan.CacheList, Do: infinispan.AnswerBody(200, `["../container"]`)}), map[string]string{"caches": "Misconfigured bad-input"}},
		"status unknown":   {at(infinispan.Fault{On: infinispan.BackupStatus, Do: infinispan.AnswerBody(200, `{"site-a":{"status":"fine"}}`)}), map[string]string{"backups": unreachable}},
		"no backups":       {at(infinispan.Fault{On: infinispan.BackupStatus, Do: infinispan.AnswerEmpty()}), map[string]string{}},
		"wrong password": {deny("", 401), map[string]string{
			"view": "Misconfigured bad-credentials", "backups": "Misconfigured bad-credentials", "caches": "Misconfigured bad-credentials"}},
		"another site's URL": {func(w *world.World) { w.Config.Sites[1].Infinispan.URL = w.Config.Sites[0].Infinispan.URL },
			map[string]string{"view": "Misconfigured wrong-site", "backups": "", "caches": ""}},
		"another CA": {func(w *world.World) { w.Config.Sites[1].Infinispan.CA = "" }, map[string]string{
			"view": "Misconfigured untrusted-certificate", "backups": "Misconfigured untrusted-certificate", "caches": "Misconfigured untrusted-certificate"}},
		"secret missing": {func(w *world.World) { w.Config.Sites[1].Infinispan.PasswordSecret = "nowhere" }, map[string]string{
			"view": "Misconfigured not-found", "backups": "Misconfigured not-found", "caches": "Misconfigured not-found"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.New(t)
			tc.spoil(w)
			got := look(t, handler(t, w))
			a, b := got.Sites[0], got.Sites[1]
			seen := map[string]string{"accelerator": problem(got.Accelerator.Problem), "targets": problem(b.TargetsProblem),
				"view": problem(b.Infinispan.Problem), "backups": problem(b.Infinispan.BackupsProblem), "caches": problem(b.Infinispan.CachesProblem)}
			for place, p := range seen {
				if p != tc.want[place] {
					t.Errorf("%s: got %q, want %q (%+v)", place, p, tc.want[place], b.TargetsProblem)
				}
			}
			if a.Infinispan.Problem != nil || len(a.Infinispan.Caches) != 2 || a.Infinispan.Backups[siteB] != "online" {
				t.Errorf("the other site suffers: %+v", a.Infinispan)
			}
			if got.Accelerator.Problem == nil && (a.Standing.InService != 1 || b.Standing.InService != 1) {
				t.Errorf("the accelerator's state suffers: %+v", got)
			}
		})
	}
}

// TestTargetsUnknown: a site whose targets cannot be counted is in service
// nevertheless.
func TestTargetsUnknown(t *testing.T) {
	w := world.New(t)
	w.Config.Sites[1].LoadBalancerARNs = []string{world.LB(siteB)} // no tag is read for it
	w.Balancers.Delete(world.LB(siteB))
	got := look(t, handler(t, w)).Sites[1]
	if got.Targets != nil || got.TargetsProblem == nil || got.Standing.InService != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestUnverified(t *testing.T) {
	w := world.New(t)
	cfg := w.Config.Sites[1].Infinispan
	cfg.CA, cfg.InsecureSkipVerify = "", true
	if got := look(t, handler(t, w)).Sites; !got[0].Infinispan.Verified || got[1].Infinispan.Verified {
		t.Error("a certificate that nobody verifies must be told")
	}
}

func TestWithoutInfinispan(t *testing.T) {
	w := world.New(t)
	w.Config.Sites[0].Infinispan, w.Config.Sites[1].Infinispan = nil, nil
	if got := look(t, handler(t, w)); got.Sites[0].Infinispan != nil || got.Sites[0].Standing.InService != 1 {
		t.Errorf("got %+v", got.Sites[0])
	}
}

type pauses func() (*contract.Pause, error)

func (p pauses) Read(context.Context, time.Time) (*contract.Pause, error) { return p() }

func TestPause(t *testing.T) {
	held := &contract.Pause{Reason: "patching", By: "ann", Since: noon, Until: noon.Add(time.Hour)}
	for name, tc := range map[string]struct {
		pause   *contract.Pause
		err     error
		problem string
	}{
		"none":   {},
		"paused": {pause: held},
		"broken": {err: contract.MisconfiguredF(contract.BadInput, "until: want its end"), problem: "until: want its end"},
		"odd":    {err: errors.New("lost"), problem: "lost"},
	} {
		t.Run(name, func(t *testing.T) {
			h := handler(t, world.New(t))
			h.Pauses = pauses(func() (*contract.Pause, error) { return tc.pause, tc.err })
			got := look(t, h)
			if got.Pause != tc.pause || got.PauseProblem != tc.problem {
				t.Errorf("got %v %q, want %v %q", got.Pause, got.PauseProblem, tc.pause, tc.problem)
			}
		})
	}
}

// TestSideBySide: the accelerator, both clusters and the pause are read at once:
// each waits until the others are under way.
func TestSideBySide(t *testing.T) {
	w := world.New(t)
	h := handler(t, w)
	var all sync.WaitGroup
	all.Add(4)
	together := func() { all.Done(); all.Wait() }
	real := h.Accelerator
	h.Accelerator = reader(func(ctx context.Context) (accelerator.State, error) { together(); return real.Read(ctx) })
	for site, cluster := range h.Clusters {
		h.Clusters[site] = meeting{cluster, together}
	}
	h.Pauses = pauses(func() (*contract.Pause, error) { together(); return nil, nil })
	done := make(chan contract.Inspection, 1)
	go func() { done <- look(t, h) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the reads do not run side by side")
	}
}

type reader func(context.Context) (accelerator.State, error)

func (r reader) Read(ctx context.Context) (accelerator.State, error) { return r(ctx) }

type meeting struct {
	inspect.Cluster
	together func()
}

func (m meeting) Sees(ctx context.Context) ([]contract.Site, error) {
	m.together()
	return m.Cluster.Sees(ctx)
}

// TestBadInput is the only error of the whole; nothing is asked then.
func TestBadInput(t *testing.T) {
	w := world.New(t)
	step := wiring.Step(handler(t, w).Handle)
	for input, want := range map[string]string{
		`{}`:                                  "version",
		`{"version":"1"}`:                     "deployment",
		`{"version":"1","deployment":"shop"}`: `deployment: got "shop", want "kc"`,
		`{"version":"2","deployment":"kc"}`:   `version: got "2"`,
		`{"deployment":7}`:                    "deployment: got a number",
	} {
		_, err := step(t.Context(), json.RawMessage(input))
		if _, ok := errors.AsType[*contract.Misconfigured](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want Misconfigured with %q", input, err, want)
		}
	}
	if len(w.Infinispan.Calls("site-a")) > 0 || w.Accelerator.Calls(ga.ListListeners) > 0 {
		t.Error("something was asked for input that is refused")
	}
}
