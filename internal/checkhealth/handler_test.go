package checkhealth

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	infinispanclient "github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/internal/wiring"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

func handler(t *testing.T, w *world.World) (Handler, *bytes.Buffer) {
	t.Helper()
	h, err := New(w.Function())
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	h.Log = slog.New(slog.NewJSONHandler(&log, nil))
	t.Cleanup(func() { leak.Check(t, log.String(), world.Password) })
	return h, &log
}

func input(w *world.World) contract.CheckInput {
	return contract.CheckInput{Event: w.Event(), Execution: "fence-1"}
}

func TestCheck(t *testing.T) {
	w := world.New(t)
	h, log := handler(t, w)
	started := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	h.Now = func() time.Time { return started }
	if err := w.Infinispan.CutLink(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := h.Handle(t.Context(), input(w))
	if err != nil {
		t.Fatal(err)
	}
	group := w.Accelerator.Snapshot().Accelerators[0].Listeners[0]
	want := contract.Check{
		Version: "1", Deployment: "kc", Reporter: "site-a", Site: "site-b", Decision: contract.Fence, Reason: contract.Split,
		Present: true, CheckedAt: started,
		Record: []contract.Endpoint{{Listener: group.ARN, Group: group.Groups[0].ARN, Endpoint: world.LB(world.SiteB), Weight: 128,
			ClientIPPreservation: group.Groups[0].Endpoints[1].PreserveClientIP}},
		Evidence: contract.Evidence{Sees: []contract.Site{"site-a"}, Backup: "online", Sites: map[contract.Site]contract.SiteEvidence{
			"site-a": {Endpoints: 1, Listeners: 1, InService: 1}, "site-b": {Endpoints: 1, Listeners: 1, InService: 1}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Count(log.String(), "\n") != 1 {
		t.Errorf("want one line for one decision: %s", log)
	}
	for _, key := range []string{`"deployment":"kc"`, `"site":"site-b"`, `"reporter":"site-a"`, `"execution":"fence-1"`,
		`"fingerprint":"0123456789abcdef"`, `"decision":"fence"`, `"reason":"split"`, `"evidence":{`} {
		if strings.Count(log.String(), key) != 1 {
			t.Errorf("want %s once in the log: %s", key, log)
		}
	}
	if w.Writes() != 0 || len(w.Changes(world.SiteA)) != 0 {
		t.Error("a check changed something")
	}
}

// TestBothReadsAlways: credentials that only one of the two reads refuses are
// found before anything is written, whatever the other one says.
func TestBothReadsAlways(t *testing.T) {
	for name, tc := range map[string]struct {
		fault infinispan.Fault
		want  contract.Reason
	}{
		"view refused":     {infinispan.Fault{On: infinispan.ContainerView, Do: infinispan.Answer(403)}, contract.Forbidden},
		"backup refused":   {infinispan.Fault{On: infinispan.BackupStatus, Do: infinispan.Answer(403)}, contract.Forbidden},
		"backup unknown":   {infinispan.Fault{On: infinispan.BackupStatus, Do: infinispan.Answer(404)}, contract.BackupUnknown},
		"wrong everywhere": {infinispan.Fault{Do: infinispan.Answer(401)}, contract.BadCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.New(t)
			w.Infinispan.Inject("site-a", tc.fault)
			h, log := handler(t, w)
			_, err := h.Handle(t.Context(), input(w))
			if typeName(err) != "Misconfigured" || contract.ReasonOf(err) != tc.want {
				t.Errorf("got %v, want Misconfigured %s", err, tc.want)
			}
			kinds := map[infinispan.Kind]bool{}
			for _, c := range w.Infinispan.Calls("site-a") {
				kinds[c.Kind] = true
			}
			if !kinds[infinispan.ContainerView] || !kinds[infinispan.BackupStatus] {
				t.Errorf("only %v was read", kinds)
			}
			if !strings.Contains(log.String(), `"reason":"`+string(tc.want)) {
				t.Errorf("the log does not say why: %s", log)
			}
		})
	}
}

// TestSideBySide: the accelerator, the view and the backup's status are read at
// the same time: each waits until all three are under way.
func TestSideBySide(t *testing.T) {
	w := world.New(t)
	h, _ := handler(t, w)
	var all sync.WaitGroup
	all.Add(3)
	together := func() { all.Done(); all.Wait() }
	h.Accelerator = reader(func(ctx context.Context) (accelerator.State, error) {
		together()
		return w.Function().Reader().Read(ctx)
	})
	h.Clusters[world.SiteA] = meeting{h.Clusters[world.SiteA], together}
	done := make(chan error, 1)
	go func() {
		_, err := h.Handle(t.Context(), input(w))
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the three reads do not run side by side")
	}
}

type reader func(context.Context) (accelerator.State, error)

func (r reader) Read(ctx context.Context) (accelerator.State, error) { return r(ctx) }

type meeting struct {
	Cluster
	together func()
}

func (m meeting) Sees(ctx context.Context) ([]contract.Site, error) {
	m.together()
	return m.Cluster.Sees(ctx)
}

func (m meeting) Backup(ctx context.Context, site contract.Site) (infinispanclient.Status, error) {
	m.together()
	return m.Cluster.Backup(ctx, site)
}

// TestBadInput: every field that is wrong is named, and nothing is asked.
func TestBadInput(t *testing.T) {
	w := world.New(t)
	h, _ := handler(t, w)
	step := wiring.Step(h.Handle)
	for input, wants := range map[string][]string{
		`{}`:                                {"version", "deployment", "reporter", "site", "receivedAt"},
		`{"version":"2","deployment":"kc"}`: {`version: got "2"`, "reporter"},
		`{"version":"1","deployment":"shop","reporter":"site-a","site":"site-a","receivedAt":"2026-01-01T00:00:00Z"}`: {"deployment: got", "another site than the reporter"},
		`{"version":"1","deployment":"kc","reporter":"../../x","site":"site-x","receivedAt":"2026-01-01T00:00:00Z"}`:  {"reporter: got", `site: got "site-x", want a site of deployment kc`},
		`{"reporter":7}`:                   {"reporter: got a number"},
		`{"receivedAt":"yesterday"}`:       {"time"},
		`[]`:                               {"array"},
		`"x"`:                              {"string"},
		`null`:                             {"version"},
		`{"version":"1","begun":"perhaps"`: {"step input"},
	} {
		_, err := step(t.Context(), json.RawMessage(input))
		if typeName(err) != "Misconfigured" || contract.ReasonOf(err) != contract.BadInput {
			t.Errorf("%s: got %v, want Misconfigured bad-input", input, err)
			continue
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not name %q", input, err, want)
			}
		}
	}
	if len(w.Infinispan.Calls("site-a")) > 0 || w.Accelerator.Calls(ga.ListListeners) > 0 || len(w.Secrets.Calls()) > 0 {
		t.Error("something was asked for input that is refused")
	}
}

// TestTroubleIsEvidence: what cannot be asked is a recheck with the reason in
// the evidence, without a secret.
func TestTroubleIsEvidence(t *testing.T) {
	w := world.New(t)
	w.Infinispan.StopListening("site-a")
	h, _ := handler(t, w)
	got, err := h.Handle(t.Context(), input(w))
	if err != nil || got.Decision != contract.Recheck || got.Reason != contract.ReporterUnreachable {
		t.Fatalf("got %s %s, %v; want recheck reporter-unreachable", got.Decision, got.Reason, err)
	}
	if !strings.Contains(got.Evidence.Trouble, "dial tcp") {
		t.Errorf("the evidence does not say why: %+v", got.Evidence)
	}
	leak.Check(t, got.Evidence.Trouble, world.Password)
}

// TestSecretUnreadable: the reporter's secret is missing or not for us.
func TestSecretUnreadable(t *testing.T) {
	w := world.New(t)
	w.Secrets.Add(awsfake.Fault{Status: 400, Code: "AccessDeniedException"}, awsfake.Fault{Status: 400, Code: "AccessDeniedException"})
	h, _ := handler(t, w)
	_, err := h.Handle(t.Context(), input(w))
	if typeName(err) != "Misconfigured" || contract.ReasonOf(err) != contract.AccessDenied {
		t.Errorf("got %v, want Misconfigured access-denied", err)
	}
}
