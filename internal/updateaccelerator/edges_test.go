package updateaccelerator

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/wiring"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/world"
)

// TestWritesOnce: whatever comes of the one write, it is sent once. The next
// call finishes, and says what it removed itself.
func TestWritesOnce(t *testing.T) {
	const transient, denied = "Transient unavailable", "Misconfigured access-denied"
	tests := map[string]struct {
		effect  ga.Effect
		want    string
		applied bool
	}{
		"throttled":              {ga.Fail(ga.ThrottlingException), transient, false},
		"in transition":          {ga.Fail(ga.TransactionInProgressException), transient, false},
		"internal error":         {ga.Fail(ga.InternalServiceErrorException), transient, false},
		"denied":                 {ga.Fail(ga.AccessDeniedException), denied, false},
		"connection cut":         {ga.Drop(), transient, false},
		"answer lost":            {ga.DropApplied(), transient, true},
		"throttled, yet applied": {ga.FailApplied(ga.ThrottlingException), transient, true},
		"nonsense as answer":     {ga.Answer("<html>"), transient, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := world.New(t)
			w.Accelerator.Inject(ga.Fault{Operation: ga.UpdateEndpointGroup, Times: 1, Effect: tc.effect})
			h, log := handler(t, w)
			in := w.Act(1)
			if _, err := h.Handle(t.Context(), in); typed(err) != tc.want {
				t.Errorf("got %q (%v), want %q", typed(err), err, tc.want)
			}
			if n := w.Accelerator.Calls(ga.UpdateEndpointGroup); n != 1 || w.Writes() != 1 {
				t.Errorf("%d updates and %d writes, want one", n, w.Writes())
			}
			if w.Present(world.SiteB) == tc.applied {
				t.Errorf("present: %v, applied: %v", w.Present(world.SiteB), tc.applied)
			}
			// A write without an answer is not known to have removed anything.
			if !strings.Contains(log.String(), `"removed":[]`) {
				t.Errorf("the log claims a removal: %s", log)
			}
			in.Repeated = true
			got, err := h.Handle(t.Context(), in)
			want := 1
			if tc.applied {
				want = 0
			}
			if err != nil || len(got.Removed) != want || w.Present(world.SiteB) || !w.Present(world.SiteA) {
				t.Errorf("the second call: %+v, %v; want %d removed and site-a alone", got, err, want)
			}
			if w.Writes() != 1+want {
				t.Errorf("%d writes in all, want %d", w.Writes(), 1+want)
			}
		})
	}
}

// TestRemovedIsTheRecord: what is reported as removed is what stood there.
func TestRemovedIsTheRecord(t *testing.T) {
	w := world.New(t, ga.NewListener(443, ga.NewGroup(world.Region, ga.NewEndpoint(world.LB(world.SiteA)).WithWeight(7),
		ga.NewEndpoint(world.LB(world.SiteB)).WithWeight(99).PreservingClientIP())), world.Both(80))
	var want []contract.Endpoint
	for _, l := range w.Accelerator.Snapshot().Accelerators[0].Listeners {
		e := l.Groups[0].Endpoints[1]
		want = append(want, contract.Endpoint{Listener: l.ARN, Group: l.Groups[0].ARN, Endpoint: e.ID, Weight: e.Weight, ClientIPPreservation: e.PreserveClientIP})
	}
	h, log := handler(t, w)
	got, err := h.Handle(t.Context(), w.Act(1))
	if diff := cmp.Diff(contract.Update{Version: "1", Removed: want}, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if left := w.Accelerator.Snapshot().Accelerators[0].Listeners[0].Groups[0].Endpoints; len(left) != 1 || left[0].Weight != 7 {
		t.Errorf("left: %+v, want site-a with its weight", left)
	}
	data, _ := json.Marshal(want)
	if !strings.Contains(log.String(), `"removed":`+string(data)) {
		t.Errorf("the log lacks what was removed: %s", log)
	}
}

// TestAges: the limits themselves still count, and not a nanosecond more.
func TestAges(t *testing.T) {
	const minute, alert = time.Minute, 2 * time.Minute
	tests := map[string]struct {
		check, received time.Duration // ago
		stateless       bool
		removed         bool
		want            string
	}{
		"a minute":                          {minute, time.Hour, false, false, ""},
		"more":                              {minute + 1, time.Hour, false, false, "Transient stale-check"},
		"more, has removed":                 {minute + 1, 0, false, true, "Transient stale-check"},
		"stateless, two minutes":            {minute, alert, true, false, ""},
		"stateless, more":                   {0, alert + 1, true, false, "Refused alert-too-old"},
		"stateless, more, has removed":      {minute, alert + 1, true, true, ""},
		"stateless, old check, has removed": {minute + 1, 0, true, true, "Transient stale-check"},
		"stateless, from the future":        {0, -alert - 1, true, false, "Refused alert-too-old"},
		"a minute ahead":                    {-minute, 0, false, false, ""},
		"from the future":                   {-minute - 1, 0, false, false, "Transient stale-check"},
		"an old alert, confirmed":           {0, 24 * time.Hour, false, false, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := world.New(t)
			if tc.stateless {
				w.Config.Sites[0].Infinispan = nil
			}
			h, _ := handler(t, w)
			now := time.Now()
			h.Now = func() time.Time { return now }
			in := w.Act(1)
			in.CheckedAt, in.ReceivedAt, in.Removed = now.Add(-tc.check), now.Add(-tc.received), tc.removed
			_, err := h.Handle(t.Context(), in)
			if typed(err) != tc.want || (w.Writes() > 0) != (tc.want == "") {
				t.Errorf("got %q (%v) after %d writes, want %q", typed(err), err, w.Writes(), tc.want)
			}
		})
	}
}

// TestAgeIsMeasuredAfterTheReads: reads that take long make the check stale.
func TestAgeIsMeasuredAfterTheReads(t *testing.T) {
	w := world.New(t)
	h, _ := handler(t, w)
	now := time.Now()
	h.Now = func() time.Time { return now }
	w.Accelerator.SetHook(func(op ga.Operation, when ga.Moment, _ string) {
		if op == ga.ListEndpointGroups && when == ga.After {
			now = now.Add(2 * time.Minute)
		}
	})
	if _, err := h.Handle(t.Context(), w.Act(1)); typed(err) != "Transient stale-check" || w.Writes() != 0 {
		t.Errorf("got %v after %d writes, want stale-check after none", err, w.Writes())
	}
}

// TestNothingWithoutAWholeLook: any read that fails is no write.
func TestNothingWithoutAWholeLook(t *testing.T) {
	fault := func(op ga.Operation, e ga.Effect) func(*world.World) {
		return func(w *world.World) { w.Accelerator.Inject(ga.Fault{Operation: op, Effect: e}) }
	}
	tests := map[string]struct {
		prepare func(w *world.World)
		want    string
	}{
		"listeners hang":       {fault(ga.ListListeners, ga.Hang()), "Transient unavailable"},
		"groups hang":          {fault(ga.ListEndpointGroups, ga.Hang()), "Transient unavailable"},
		"groups denied":        {fault(ga.ListEndpointGroups, ga.Fail(ga.AccessDeniedException)), "Misconfigured access-denied"},
		"wrong types":          {fault(ga.ListEndpointGroups, ga.Mistype()), "Transient unavailable"},
		"tags denied":          {func(w *world.World) { w.Balancers.Refuse(world.Region, "AccessDenied") }, "Misconfigured access-denied"},
		"executions hang":      {func(w *world.World) { w.States.Add(awsfake.Fault{Delay: time.Hour}) }, "Transient unavailable"},
		"machine is gone":      {func(w *world.World) { w.States.Add(awsfake.Fault{Status: 400, Code: "StateMachineDoesNotExist"}) }, "Misconfigured not-found"},
		"newest are by hand":   {func(w *world.World) { w.States.SetPage(1); w.States.Start(byHand(11)...) }, "Transient not-proven"},
		"accelerator not ours": {func(w *world.World) { w.Config.Accelerator.ARN += "0" }, "Misconfigured not-found"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := world.New(t)
			tc.prepare(w)
			h, log := handler(t, w)
			limit := time.Minute
			if strings.HasSuffix(name, "hang") {
				limit = 300 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			if _, err := h.Handle(ctx, w.Act(1)); typed(err) != tc.want {
				t.Errorf("got %q (%v), want %q", typed(err), err, tc.want)
			}
			if w.Writes() != 0 {
				t.Errorf("%d writes after a look that failed", w.Writes())
			}
			if strings.Count(log.String(), "\n") != 1 {
				t.Errorf("want one line: %s", log)
			}
		})
	}
}

func byHand(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("by-hand-%d", i))
	}
	return names
}

// TestTimeIsOverInAWrite: the write that was on its way when the time was over
// may have come through; the next call looks and finishes.
func TestTimeIsOverInAWrite(t *testing.T) {
	w := world.New(t, world.Both(443), world.Both(80))
	injected := w.Accelerator.Inject(ga.Fault{Operation: ga.UpdateEndpointGroup, Skip: 1, Effect: ga.HangApplied()})
	h, log := handler(t, w)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.Accelerator.SetHook(func(op ga.Operation, when ga.Moment, _ string) {
		if op == ga.UpdateEndpointGroup && when == ga.After && w.Accelerator.Calls(op) == 2 {
			cancel()
		}
	})
	if _, err := h.Handle(ctx, w.Act(1)); typed(err) != "Transient unavailable" {
		t.Errorf("got %v, want Transient", err)
	}
	first := w.Accelerator.Snapshot().Accelerators[0].Listeners[0].Groups[0].ARN
	if !strings.Contains(log.String(), first) || w.Writes() != 2 {
		t.Errorf("%d writes; the log does not name what was removed: %s", w.Writes(), log)
	}
	injected.Clear()
	got, err := h.Handle(t.Context(), w.Act(1))
	if diff := cmp.Diff(contract.Update{Version: "1", Removed: []contract.Endpoint{}}, got); err != nil || diff != "" {
		t.Errorf("the second call: %v\n%s", err, diff)
	}
}

// TestWentDark: the read after the write shows nobody in service. That pages.
func TestWentDark(t *testing.T) {
	w := world.New(t)
	w.Accelerator.SetHook(func(op ga.Operation, when ga.Moment, _ string) {
		if op == ga.UpdateEndpointGroup && when == ga.After {
			w.Accelerator.SetWeight(world.LB(world.SiteA), 0)
		}
	})
	h, log := handler(t, w)
	if _, err := h.Handle(t.Context(), w.Act(1)); typed(err) != "Refused went-dark" || !strings.Contains(log.String(), world.LB(world.SiteB)) {
		t.Errorf("got %v, want went-dark, and what was removed in the log: %s", err, log)
	}
}

// TestGoneSurvivor: AWS refuses an update that keeps an endpoint whose load
// balancer is gone; the site is removed all the same.
func TestGoneSurvivor(t *testing.T) {
	gone := world.LB("gone")
	w := world.New(t, ga.NewListener(443, ga.NewGroup(world.Region,
		ga.NewEndpoint(world.LB(world.SiteA)), ga.NewEndpoint(gone), ga.NewEndpoint(world.LB(world.SiteB)))))
	w.Accelerator.MarkGone(gone)
	h, _ := handler(t, w)
	got, err := h.Handle(t.Context(), w.Act(1))
	if err != nil || len(got.Removed) != 1 || w.Present(world.SiteB) || !w.Present(world.SiteA) || w.Accelerator.Calls(ga.RemoveEndpoints) != 1 {
		t.Errorf("got %+v, %v; want site-b removed by RemoveEndpoints", got, err)
	}
}

// TestStep: bad input is refused by field, before anything is asked.
func TestStep(t *testing.T) {
	w := world.New(t)
	h, _ := handler(t, w)
	step := wiring.Step(h.Handle)
	good, err := json.Marshal(w.Act(1))
	if err != nil {
		t.Fatal(err)
	}
	for change, want := range map[string]string{
		`"checkedAt":7`:             "checkedAt: got 7",
		`"checkedAt":"yesterday"`:   `checkedAt: got "yesterday"`,
		`"repeated":"perhaps"`:      "repeated: got a string, want bool",
		`"record":{}`:               "record: got a object",
		`"execution":"fence-0"`:     `execution: got "fence-0"`,
		`"decision":"ensure"`:       `decision: got "ensure"`,
		`"reporter":"../x"`:         `reporter: got "../x"`,
		`"receivedAt":"0001-01-01"`: "receivedAt: got",
	} {
		// Of a field that is there twice the last one counts.
		raw := strings.TrimSuffix(string(good), "}") + "," + change + "}"
		_, err := step(t.Context(), json.RawMessage(raw))
		if typed(err) != "Misconfigured bad-input" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want bad-input: %s", change, err, want)
		}
	}
	if w.Writes() > 0 || w.Accelerator.Calls(ga.ListListeners) > 0 {
		t.Error("something was asked for input that is refused")
	}
}
