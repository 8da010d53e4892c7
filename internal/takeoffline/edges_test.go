package takeoffline

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/internal/wiring"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

// addEndpoint is an operator's hand.
func addEndpoint(w *world.World, id string, tags map[string]string) {
	w.Balancers.Put(id, tags)
	w.Accelerator.Edit("add", func(s *ga.State) {
		g := &s.Accelerators[0].Listeners[0].Groups[0]
		g.Endpoints = append(g.Endpoints, ga.NewEndpoint(id))
	})
}

// TestEachTimeAFreshLook: I2 holds on what is there now. A site that was put
// back between two calls of the same execution keeps its replication.
func TestEachTimeAFreshLook(t *testing.T) {
	w := fencedWorld(t)
	h, _ := handler(t, w)
	if _, err := h.Handle(t.Context(), w.Act(1)); err != nil {
		t.Fatal(err)
	}
	addEndpoint(w, world.LB(world.SiteB), map[string]string{"site": "site-b"})
	w.Infinispan.ForgetCalls()
	if _, err := h.Handle(t.Context(), w.Act(1)); typed(err) != "Refused site-present" || len(w.Infinispan.Calls("site-a")) > 0 {
		t.Errorf("got %v and calls %v, want site-present and none", err, w.Infinispan.Calls("site-a"))
	}
	if w.Writes() != 0 {
		t.Error("the accelerator was written")
	}
}

// TestI2 on real reads: the site's endpoint in any shape keeps its replication,
// an endpoint of nobody is no obstacle, a record excuses the unattributed.
func TestI2(t *testing.T) {
	other := world.LB("other")
	seen := []contract.Endpoint{{Endpoint: world.LB(world.SiteB)}}
	tests := map[string]struct {
		prepare func(w *world.World)
		record  []contract.Endpoint
		want    string
	}{
		"site drained": {func(w *world.World) {
			addEndpoint(w, world.LB(world.SiteB), map[string]string{"site": "site-b"})
			w.Accelerator.SetWeight(world.LB(world.SiteB), 0)
		}, seen, "Refused site-present"},
		"site under another name":        {func(w *world.World) { addEndpoint(w, other, map[string]string{"site": "site-b"}) }, nil, "Refused site-present"},
		"site known by configuration":    {func(w *world.World) { addEndpoint(w, other, nil); w.Config.Sites[1].LoadBalancerARNs = []string{other} }, seen, "Refused site-present"},
		"untagged":                       {func(w *world.World) { addEndpoint(w, other, nil) }, nil, "Refused unattributed-endpoint"},
		"of another deployment":          {func(w *world.World) { addEndpoint(w, other, map[string]string{"site": "elsewhere"}) }, nil, "Refused unattributed-endpoint"},
		"untagged, but removed by us":    {func(w *world.World) { addEndpoint(w, other, nil) }, seen, ""},
		"its load balancer is gone":      {func(w *world.World) { addEndpoint(w, other, nil); w.Balancers.Delete(other) }, nil, ""},
		"an Elastic IP":                  {func(w *world.World) { addEndpoint(w, "eipalloc-0123456789abcdef0", nil) }, nil, ""},
		"reporter dialled off":           {func(w *world.World) { w.Accelerator.SetDial(0) }, seen, "Refused reporter-not-in-service"},
		"reporter unhealthy, in service": {func(w *world.World) { w.Accelerator.SetHealth(world.LB(world.SiteA), ga.Unhealthy) }, nil, ""},
		"reporter's tag is gone":         {func(w *world.World) { w.Balancers.Put(world.LB(world.SiteA), nil) }, seen, "Refused reporter-not-in-service"},
		"tags unreadable":                {func(w *world.World) { w.Balancers.Refuse(world.Region, "InternalFailure") }, seen, "Transient unavailable"},
		"groups unreadable": {func(w *world.World) {
			w.Accelerator.Inject(ga.Fault{Operation: ga.ListEndpointGroups, Effect: ga.Fail(ga.AccessDeniedException)})
		}, seen, "Misconfigured access-denied"},
		"executions unreadable": {func(w *world.World) { w.States.Add(awsfake.Fault{Status: 400, Code: "AccessDeniedException"}) }, seen, "Misconfigured access-denied"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := fencedWorld(t)
			tc.prepare(w)
			in := w.Act(1)
			in.Record, in.Repeated, in.Removed = tc.record, tc.record != nil, tc.record != nil
			in.Unattributed = []string{other}
			h, log := handler(t, w)
			if _, err := h.Handle(t.Context(), in); typed(err) != tc.want {
				t.Errorf("got %q (%v), want %q", typed(err), err, tc.want)
			}
			if asked := len(w.Infinispan.Calls("site-a")) > 0; asked != (tc.want == "") {
				t.Errorf("Infinispan was asked: %v", w.Infinispan.Calls("site-a"))
			}
			oneLine(t, log.String(), tc.want == "")
		})
	}
}

func oneLine(t *testing.T, log string, good bool) {
	t.Helper()
	keys := []string{`"deployment":"kc"`, `"site":"site-b"`, `"reporter":"site-a"`, `"execution":"fence-1"`, `"fingerprint":"0123456789abcdef"`}
	if good {
		keys = append(keys, `"level":"INFO"`, `"backup":"`, `"caches":[`, `"record":`)
	} else {
		keys = append(keys, `"level":"ERROR"`, `"reason":"`, `"error":"`)
	}
	for _, key := range keys {
		if strings.Count(log, key) != 1 {
			t.Errorf("want %s once in the log: %s", key, log)
		}
	}
	if strings.Count(log, "\n") != 1 {
		t.Errorf("want one line: %s", log)
	}
}

// TestTimeIsOver: no answer in time is no success, whatever was done; the next
// call proves it.
func TestTimeIsOver(t *testing.T) {
	hang := infinispan.Hang()
	for name, prepare := range map[string]func(w *world.World){
		"take-offline": func(w *world.World) {
			w.Infinispan.Inject("site-a", infinispan.Fault{On: infinispan.TakeOffline, Do: hang})
		},
		"the proof": func(w *world.World) {
			w.Infinispan.Inject("site-a", infinispan.Fault{On: infinispan.BackupStatus, Do: hang})
		},
		"the accelerator": func(w *world.World) {
			w.Accelerator.Inject(ga.Fault{Operation: ga.ListListeners, Effect: ga.Hang()})
		},
		"the executions": func(w *world.World) { w.States.Add(awsfake.Fault{Delay: time.Hour}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := fencedWorld(t)
			prepare(w)
			h, log := handler(t, w)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := h.Handle(ctx, w.Act(1))
			if !strings.HasPrefix(typed(err), "Transient ") {
				t.Errorf("got %q (%v), want Transient", typed(err), err)
			}
			oneLine(t, log.String(), false)
			w.Infinispan.ClearFaults("site-a")
			w.Accelerator.ClearFaults()
			if _, err := h.Handle(t.Context(), w.Act(1)); err != nil {
				t.Errorf("after it passed: %v", err)
			}
		})
	}
}

// TestUnreachable: nobody listens at the reporter.
func TestUnreachable(t *testing.T) {
	w := fencedWorld(t)
	w.Infinispan.StopListening("site-a")
	h, _ := handler(t, w)
	_, err := h.Handle(t.Context(), w.Act(1))
	if typed(err) != "Transient reporter-unreachable" {
		t.Errorf("got %q (%v), want Transient reporter-unreachable", typed(err), err)
	}
	leak.Check(t, fmt.Sprint(err), world.Password)
}

// TestRestartForgets: a restarted Infinispan is online again; the same step
// makes it offline again, which is what fence-lost leads to.
func TestRestartForgets(t *testing.T) {
	w := fencedWorld(t)
	h, _ := handler(t, w)
	for range 2 {
		in := w.Act(1)
		in.Decision = contract.Ensure
		if _, err := h.Handle(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if status, err := w.Infinispan.BackupStatus(t.Context(), "site-a", "site-b"); status != infinispan.Offline {
			t.Errorf("the backup is %s, %v; want offline", status, err)
		}
		if err := w.Infinispan.RestartSite(t.Context(), "site-a"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStatelessStillChecks: where there is nothing to take offline, I2 and
// newest only hold all the same: success would say that the fence is done.
func TestStatelessStillChecks(t *testing.T) {
	w := world.New(t)
	w.Config.Sites[0].Infinispan = nil
	w.States.Start("fence-1")
	h, _ := handler(t, w)
	if _, err := h.Handle(t.Context(), w.Act(1)); typed(err) != "Refused site-present" {
		t.Errorf("got %v, want site-present", err)
	}
	w.States.Start("fence-2")
	if _, err := h.Handle(t.Context(), w.Act(1)); !strings.HasPrefix(typed(err), "Refused ") {
		t.Errorf("got %v, want Refused", err)
	}
}

// TestStep: bad input is refused by field, before anything is asked.
func TestStep(t *testing.T) {
	w := fencedWorld(t)
	h, _ := handler(t, w)
	step := wiring.Step(h.Handle)
	good, err := json.Marshal(w.Act(1))
	if err != nil {
		t.Fatal(err)
	}
	for change, want := range map[string]string{
		`"site":"site-x"`:           `site: got "site-x", want a site of deployment kc`,
		`"site":"b/../x"`:           `site: got "b/../x"`,
		`"reporter":"site-b"`:       "another site than the reporter",
		`"record":[{"weight":1.5}]`: "record.weight: got a number 1.5",
		`"receivedAt":true`:         "receivedAt: got true",
		`"execution":"fence-1x"`:    `execution: got "fence-1x"`,
	} {
		raw := strings.TrimSuffix(string(good), "}") + "," + change + "}"
		_, err := step(t.Context(), json.RawMessage(raw))
		if typed(err) != "Misconfigured bad-input" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want bad-input: %s", change, err, want)
		}
	}
	if w.Accelerator.Calls(ga.ListListeners) > 0 || len(w.Infinispan.Calls("site-a")) > 0 || len(w.Secrets.Calls()) > 0 {
		t.Error("something was asked for input that is refused")
	}
}
