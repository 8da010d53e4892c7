package updateaccelerator

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/leak"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/world"
)

var denied = awsfake.Fault{Status: 400, Code: "AccessDeniedException"}

// handler is the real one over the world, with a log that can be read.
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

// typed is an error as the Lambda runtime reports it.
func typed(err error) string {
	if err == nil {
		return ""
	}
	return reflect.TypeOf(err).Elem().Name() + " " + string(contract.ReasonOf(err))
}

func TestRemoves(t *testing.T) {
	w := world.New(t, world.Both(443), world.Both(80))
	w.States.Start("fence-1", "by-hand", "fence-2")
	h, log := handler(t, w)
	got, err := h.Handle(t.Context(), w.Act(2))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Removed) != 2 || got.Removed[0].Endpoint != world.LB(world.SiteB) || got.Removed[0].Weight != 128 {
		t.Errorf("removed %+v, want site-b of two groups", got.Removed)
	}
	if w.Present(world.SiteB) || !w.Present(world.SiteA) {
		t.Error("want site-a alone in the accelerator")
	}
	for _, key := range []string{`"deployment":"kc"`, `"site":"site-b"`, `"reporter":"site-a"`, `"execution":"fence-2"`, `"fingerprint":"0123456789abcdef"`} {
		if strings.Count(log.String(), key) != 1 {
			t.Errorf("the log line lacks %s: %s", key, log)
		}
	}
	// Again: nothing is left to do, and nothing is written.
	again, err := h.Handle(t.Context(), w.Act(2))
	if diff := cmp.Diff(contract.Update{Version: "1", Removed: []contract.Endpoint{}}, again); err != nil || diff != "" {
		t.Errorf("repeated: %v\n%s", err, diff)
	}
	if w.Writes() != 2 {
		t.Errorf("%d writes, want 2", w.Writes())
	}
}

// TestRefuses: every condition of a write, one at a time. Nothing is written.
func TestRefuses(t *testing.T) {
	tests := map[string]struct {
		prepare func(w *world.World)
		in      func(in *contract.ActInput)
		want    string
	}{
		"check a minute old": {nil, func(in *contract.ActInput) { in.CheckedAt = time.Now().Add(-61 * time.Second) }, "Transient stale-check"},
		"no check":           {nil, func(in *contract.ActInput) { in.CheckedAt = time.Time{} }, "Transient stale-check"},
		"superseded":         {func(w *world.World) { w.States.Start("fence-3") }, nil, "Refused superseded"},
		"would go dark":      {func(w *world.World) { w.Accelerator.SetWeight(world.LB(world.SiteA), 0) }, nil, "Refused would-go-dark"},
		"nothing decided":    {nil, func(in *contract.ActInput) { in.Decision = contract.Recheck }, "Misconfigured bad-input"},
		"named by hand":      {nil, func(in *contract.ActInput) { in.Execution = "by-hand" }, "Misconfigured bad-input"},
		"another deployment": {nil, func(in *contract.ActInput) { in.Deployment = "shop" }, "Misconfigured bad-input"},
		"unknown site":       {nil, func(in *contract.ActInput) { in.Site = "site-x" }, "Misconfigured bad-input"},
		"reporter = site":    {nil, func(in *contract.ActInput) { in.Site = in.Reporter }, "Misconfigured bad-input"},
		"executions denied":  {func(w *world.World) { w.States.Add(denied) }, nil, "Misconfigured access-denied"},
		"write denied": {func(w *world.World) {
			w.Accelerator.Inject(ga.Fault{Operation: ga.UpdateEndpointGroup, Effect: ga.Fail(ga.AccessDeniedException)})
		}, nil, "Misconfigured access-denied"},
		"write throttled": {func(w *world.World) {
			w.Accelerator.Inject(ga.Fault{Operation: ga.UpdateEndpointGroup, Effect: ga.Fail(ga.ThrottlingException)})
		}, nil, "Transient unavailable"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := world.New(t)
			w.States.Start("fence-1", "fence-2")
			if tc.prepare != nil {
				tc.prepare(w)
			}
			in := w.Act(2)
			if tc.in != nil {
				tc.in(&in)
			}
			h, log := handler(t, w)
			_, err := h.Handle(t.Context(), in)
			if typed(err) != tc.want {
				t.Errorf("got %q (%v), want %q", typed(err), err, tc.want)
			}
			if !w.Present(world.SiteB) {
				t.Error("the site was removed all the same")
			}
			if w.Writes() > 1 {
				t.Errorf("%d writes: the client sends a write again by itself", w.Writes())
			}
			if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), `"level":"ERROR"`) {
				t.Errorf("want one line that says why: %s", log)
			}
		})
	}
}

// TestStateless: without an Infinispan to ask, the first write comes within two
// minutes of the alert; a later call of the same execution may finish.
func TestStateless(t *testing.T) {
	w := world.New(t)
	w.Config.Sites[0].Infinispan = nil
	h, _ := handler(t, w)
	in := w.Act(1)
	in.ReceivedAt = time.Now().Add(-121 * time.Second)
	if _, err := h.Handle(t.Context(), in); typed(err) != "Refused alert-too-old" || w.Writes() != 0 {
		t.Errorf("got %v after %d writes, want alert-too-old and none", err, w.Writes())
	}
	// Called before, but nothing is gone: it would be the first write.
	in.Repeated, in.Record = true, []contract.Endpoint{}
	state, err := h.Accelerator.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in.Record = state.Record(world.SiteB)
	if _, err := h.Handle(t.Context(), in); typed(err) != "Refused alert-too-old" || w.Writes() != 0 {
		t.Errorf("got %v after %d writes, want alert-too-old and none", err, w.Writes())
	}
	// Somebody else removed one of its endpoints: that is no write of ours.
	in.Record = append(in.Record, contract.Endpoint{Group: "removed-before", Endpoint: world.LB(world.SiteB)})
	if _, err := h.Handle(t.Context(), in); typed(err) != "Refused alert-too-old" || w.Writes() != 0 {
		t.Errorf("got %v after %d writes, want alert-too-old and none", err, w.Writes())
	}
	// It has said that it removed something: it may finish.
	in.Removed = true
	if _, err := h.Handle(t.Context(), in); err != nil {
		t.Errorf("finishing what was begun: %v", err)
	}
}

// TestGrowsStale: the check becomes too old, or a newer fence appears, between
// the writes of two groups.
func TestGrowsStale(t *testing.T) {
	for name, tc := range map[string]struct {
		happens func(w *world.World, now *time.Time)
		want    string
	}{
		"old":        {func(_ *world.World, now *time.Time) { *now = now.Add(time.Hour) }, "Transient stale-check"},
		"superseded": {func(w *world.World, _ *time.Time) { w.States.Start("fence-2") }, "Refused superseded"},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.New(t, world.Both(443), world.Both(80))
			w.States.Start("fence-1")
			h, log := handler(t, w)
			now := time.Now()
			h.Now = func() time.Time { return now }
			w.Accelerator.SetHook(func(op ga.Operation, when ga.Moment, _ string) {
				if op == ga.UpdateEndpointGroup && when == ga.After {
					tc.happens(w, &now)
				}
			})
			_, err := h.Handle(t.Context(), w.Act(1))
			if typed(err) != tc.want || w.Writes() != 1 {
				t.Errorf("got %v after %d writes, want %s after 1", err, w.Writes(), tc.want)
			}
			if !strings.Contains(log.String(), world.LB(world.SiteB)) || !strings.Contains(err.Error(), contract.RemovedSome) {
				t.Errorf("neither may be lost, what was removed before and that it was: %v, %s", err, log)
			}
		})
	}
}

// TestDeadline: a read that hangs ends as Transient when the time is over.
func TestDeadline(t *testing.T) {
	w := world.New(t)
	w.Accelerator.Inject(ga.Fault{Operation: ga.ListListeners, Effect: ga.Hang()})
	h, _ := handler(t, w)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, errors.New("the function's time is over"))
	defer cancel()
	if _, err := h.Handle(ctx, w.Act(1)); typed(err) != "Transient unavailable" {
		t.Errorf("got %v, want Transient", err)
	}
}
