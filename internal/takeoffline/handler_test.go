package takeoffline

import (
	"bytes"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/leak"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

// fencedWorld is a world whose site-b is out of the accelerator already.
func fencedWorld(t *testing.T) *world.World {
	t.Helper()
	return world.New(t, ga.NewListener(443, ga.NewGroup(world.Region, ga.NewEndpoint(world.LB(world.SiteA)))))
}

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

func typed(err error) string {
	if err == nil {
		return ""
	}
	return reflect.TypeOf(err).Elem().Name() + " " + string(contract.ReasonOf(err))
}

func TestTakesOffline(t *testing.T) {
	w := fencedWorld(t)
	h, log := handler(t, w)
	for range 2 { // repeated: the same
		got, err := h.Handle(t.Context(), w.Act(1))
		want := contract.Offline{Version: "1", Backup: "offline", Caches: []string{"actionTokens", "sessions"}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	}
	if status, err := w.Infinispan.BackupStatus(t.Context(), "site-a", "site-b"); status != infinispan.Offline {
		t.Errorf("replication is %s, %v; want offline", status, err)
	}
	if changes := w.Changes(world.SiteB); len(changes) > 0 {
		t.Errorf("the fenced site was told %v", changes)
	}
	if !strings.Contains(log.String(), `"execution":"fence-1"`) {
		t.Errorf("the log does not name the execution: %s", log)
	}
}

// TestRefusesToCut: I2 and newest only, on a fresh read. Infinispan is not told.
func TestRefusesToCut(t *testing.T) {
	tests := map[string]struct {
		world   func(t *testing.T) *world.World
		prepare func(w *world.World)
		in      func(in *contract.ActInput)
		want    string
	}{
		"site present":       {func(t *testing.T) *world.World { return world.New(t) }, nil, nil, "Refused site-present"},
		"reporter drained":   {fencedWorld, func(w *world.World) { w.Accelerator.SetWeight(world.LB(world.SiteA), 0) }, nil, "Refused reporter-not-in-service"},
		"superseded":         {fencedWorld, func(w *world.World) { w.States.Start("fence-2") }, nil, "Refused superseded"},
		"another deployment": {fencedWorld, nil, func(in *contract.ActInput) { in.Deployment = "x" }, "Misconfigured bad-input"},
		"named by hand":      {fencedWorld, nil, func(in *contract.ActInput) { in.Execution = "x" }, "Misconfigured bad-input"},
		"unattributed": {fencedWorld, func(w *world.World) {
			w.Balancers.Put(world.LB(world.SiteA), nil)
			w.Accelerator.Edit("add", func(s *ga.State) {
				g := &s.Accelerators[0].Listeners[0].Groups[0]
				g.Endpoints = append(g.Endpoints, ga.NewEndpoint(world.LB("other")))
			})
			w.Balancers.Put(world.LB("other"), map[string]string{"site": "site-a"})
		}, nil, "Refused unattributed-endpoint"},
		"accelerator unreadable": {fencedWorld, func(w *world.World) {
			w.Accelerator.Inject(ga.Fault{Operation: ga.ListListeners, Effect: ga.Fail(ga.InternalServiceErrorException)})
		}, nil, "Transient unavailable"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := tc.world(t)
			w.States.Start("fence-1")
			if tc.prepare != nil {
				tc.prepare(w)
			}
			in := w.Act(1)
			if tc.in != nil {
				tc.in(&in)
			}
			h, _ := handler(t, w)
			if _, err := h.Handle(t.Context(), in); typed(err) != tc.want {
				t.Errorf("got %q (%v), want %q", typed(err), err, tc.want)
			}
			if changes := slices.Concat(w.Changes(world.SiteA), w.Changes(world.SiteB)); len(changes) > 0 {
				t.Errorf("Infinispan was told %v all the same", changes)
			}
		})
	}
}

// TestNotProven: an answer that is no proof is Transient, and what a human must
// mend is Misconfigured.
func TestNotProven(t *testing.T) {
	tests := map[string]struct {
		fault infinispan.Fault
		want  string
	}{
		"500":              {infinispan.Fault{On: infinispan.TakeOffline, Do: infinispan.Answer(500)}, "Transient reporter-unreachable"},
		"404":              {infinispan.Fault{On: infinispan.TakeOffline, Do: infinispan.Answer(404)}, "Transient reporter-unreachable"},
		"no cache":         {infinispan.Fault{On: infinispan.TakeOffline, Do: infinispan.AnswerEmpty()}, "Transient not-proven"},
		"one cache fails":  {infinispan.Fault{On: infinispan.TakeOffline, Do: infinispan.OneCacheFails()}, "Transient not-proven"},
		"error text":       {infinispan.Fault{On: infinispan.TakeOffline, Do: infinispan.AnswerBody(200, `{"sessions":"Incorrect site name: x"}`)}, "Transient not-proven"},
		"mixed afterwards": {infinispan.Fault{On: infinispan.BackupStatus, Do: infinispan.AnswerMixed()}, "Transient not-proven"},
		"404 afterwards":   {infinispan.Fault{On: infinispan.BackupStatus, Do: infinispan.Answer(404)}, "Transient not-proven"},
		"nonsense":         {infinispan.Fault{On: infinispan.TakeOffline, Do: infinispan.AnswerBody(200, `<html>`)}, "Transient reporter-unreachable"},
		"answer lost":      {infinispan.Fault{On: infinispan.TakeOffline, Do: infinispan.FailedButApplied()}, "Transient reporter-unreachable"},
		"401":              {infinispan.Fault{On: infinispan.TakeOffline, Do: infinispan.Answer(401)}, "Misconfigured bad-credentials"},
		"403":              {infinispan.Fault{On: infinispan.TakeOffline, Do: infinispan.Answer(403)}, "Misconfigured forbidden"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := fencedWorld(t)
			w.Infinispan.Inject("site-a", tc.fault)
			h, _ := handler(t, w)
			_, err := h.Handle(t.Context(), w.Act(1))
			if typed(err) != tc.want {
				t.Errorf("got %q (%v), want %q", typed(err), err, tc.want)
			}
			leak.Check(t, err.Error(), world.Password)
			w.Infinispan.ClearFaults("site-a")
			if _, err := h.Handle(t.Context(), w.Act(1)); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		})
	}
}

// TestErrorTextBesideOffline: the status says offline, but one cache answered
// something else than ok: both are needed.
func TestErrorTextBesideOffline(t *testing.T) {
	w := fencedWorld(t)
	if err := w.Infinispan.TakeOffline(t.Context(), "site-a", "site-b"); err != nil {
		t.Fatal(err)
	}
	w.Infinispan.Inject("site-a", infinispan.Fault{On: infinispan.TakeOffline, Do: infinispan.AnswerBody(200, `{"sessions":"ok","actionTokens":"Cache is stopping"}`)})
	h, _ := handler(t, w)
	if _, err := h.Handle(t.Context(), w.Act(1)); typed(err) != "Transient not-proven" || !strings.Contains(err.Error(), "actionTokens: Cache is stopping") {
		t.Errorf("got %v, want not-proven for the cache", err)
	}
}

// TestWentDark: the answer to the writer's second write was lost, and meanwhile
// the reporter went out of service there. Replication is taken offline all the
// same, for the listener that is well, and the step fails until a human has
// put the reporter back.
func TestWentDark(t *testing.T) {
	onlyA := func(port int32) ga.Listener {
		return ga.NewListener(port, ga.NewGroup(world.Region, ga.NewEndpoint(world.LB(world.SiteA))))
	}
	w := world.New(t, onlyA(443), onlyA(80), onlyA(8080))
	listeners := w.Accelerator.Snapshot().Accelerators[0].Listeners
	in := w.Act(1)
	in.Repeated, in.Record = true, []contract.Endpoint{{Listener: listeners[0].ARN}, {Listener: listeners[1].ARN}}
	h, _ := handler(t, w)
	dark := listeners[1].Groups[0].ARN
	w.Accelerator.SetWeight(world.LB(world.SiteA), 0, dark, listeners[2].Groups[0].ARN)
	_, err := h.Handle(t.Context(), in)
	if typed(err) != "Refused went-dark" || !strings.Contains(err.Error(), listeners[1].ARN) {
		t.Errorf("got %v, want went-dark that names the listener", err)
	}
	if status, err := w.Infinispan.BackupStatus(t.Context(), "site-a", "site-b"); status != infinispan.Offline {
		t.Errorf("replication is %s, %v; want offline", status, err)
	}
	// The third listener never held the site: it is none of our business.
	w.Accelerator.SetWeight(world.LB(world.SiteA), 128, dark)
	if _, err := h.Handle(t.Context(), in); err != nil {
		t.Errorf("redriven after a human put the reporter back: %v", err)
	}
}

// TestStatelessWentDark: the last proof of I1 counts without an Infinispan too.
func TestStatelessWentDark(t *testing.T) {
	onlyA := func(port int32) ga.Listener {
		return ga.NewListener(port, ga.NewGroup(world.Region, ga.NewEndpoint(world.LB(world.SiteA))))
	}
	w := world.New(t, onlyA(443), onlyA(80))
	w.Config.Sites[0].Infinispan = nil
	dark := w.Accelerator.Snapshot().Accelerators[0].Listeners[1]
	w.Accelerator.SetWeight(world.LB(world.SiteA), 0, dark.Groups[0].ARN)
	h, _ := handler(t, w)
	in := w.Act(1)
	in.Record = []contract.Endpoint{{Listener: dark.ARN}}
	if _, err := h.Handle(t.Context(), in); typed(err) != "Refused went-dark" {
		t.Errorf("got %v, want went-dark", err)
	}
}

// TestStateless: a fence at a site without Infinispan ends with the accelerator.
func TestStateless(t *testing.T) {
	w := fencedWorld(t)
	w.Config.Sites[0].Infinispan = nil
	h, _ := handler(t, w)
	got, err := h.Handle(t.Context(), w.Act(1))
	if diff := cmp.Diff(contract.Offline{Version: "1", Backup: "none", Caches: []string{}}, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// TestRotated: a 401 makes the password be read again, once. It is sent after
// another look only: the world may have changed while the secret was read.
func TestRotated(t *testing.T) {
	w := fencedWorld(t)
	h, _ := handler(t, w)
	if _, err := h.Handle(t.Context(), w.Act(1)); err != nil {
		t.Fatal(err)
	}
	w.Infinispan.SetCredentials("site-a", "a-rotated-password")
	w.Secrets.Set("secret-of-site-a", "a-rotated-password")
	if _, err := h.Handle(t.Context(), w.Act(1)); typed(err) != "Transient unavailable" || !strings.Contains(err.Error(), "rotated") {
		t.Errorf("got %v, want Transient: look again", err)
	}
	if _, err := h.Handle(t.Context(), w.Act(1)); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
	w.Infinispan.SetCredentials("site-a", "another-password") // the secret does not follow
	before := len(w.Secrets.Calls())
	if _, err := h.Handle(t.Context(), w.Act(1)); typed(err) != "Misconfigured bad-credentials" {
		t.Errorf("got %v, want bad-credentials", err)
	}
	if got := len(w.Secrets.Calls()) - before; got != 1 {
		t.Errorf("the secret was read %d times, want once", got)
	}
}
