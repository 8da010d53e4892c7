package checkhealth

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/internal/wiring"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

// outcome is a decision with its reason, or an error as the runtime reports it.
func outcome(c contract.Check, err error) string {
	if err != nil {
		return reflect.TypeOf(err).Elem().Name() + " " + string(contract.ReasonOf(err))
	}
	return string(c.Decision) + " " + string(c.Reason)
}

// reads are the kinds of calls that a site's Infinispan got.
func reads(calls []infinispan.Call) map[infinispan.Kind]int {
	got := map[infinispan.Kind]int{}
	for _, c := range calls {
		got[c.Kind]++
	}
	return got
}

// TestOutcomes: one thing of the world changed at a time, through the real
// clients. Nothing is ever written, and one line says what came of it.
func TestOutcomes(t *testing.T) {
	cut := func(w *world.World) { _ = w.Infinispan.CutLink(context.Background()) }
	onlyA := []ga.Listener{ga.NewListener(443, ga.NewGroup(world.Region, ga.NewEndpoint(world.LB(world.SiteA))))}
	onlyB := []ga.Listener{ga.NewListener(443, ga.NewGroup(world.Region, ga.NewEndpoint(world.LB(world.SiteB))))}
	accelerator := func(op ga.Operation, e ga.Effect) func(*world.World) {
		return func(w *world.World) { w.Accelerator.Inject(ga.Fault{Operation: op, Effect: e}) }
	}
	tests := map[string]struct {
		listeners []ga.Listener
		prepare   []func(w *world.World)
		want      string
	}{
		"link up":              {nil, nil, "recheck site-visible"},
		"link cut":             {nil, []func(*world.World){cut}, "fence split"},
		"reporter unhealthy":   {nil, []func(*world.World){cut, func(w *world.World) { w.Accelerator.SetHealth(world.LB(world.SiteA), ga.Unhealthy) }}, "recheck reporter-unhealthy"},
		"reporter drained":     {nil, []func(*world.World){cut, func(w *world.World) { w.Accelerator.SetWeight(world.LB(world.SiteA), 0) }}, "Refused would-go-dark"},
		"site fenced, offline": {onlyA, []func(*world.World){cut, func(w *world.World) { _ = w.Infinispan.TakeOffline(context.Background(), "site-a", "site-b") }}, "ignore already-fenced"},
		"site fenced, online":  {onlyA, []func(*world.World){cut}, "ensure fence-lost"},
		"reporter fenced":      {onlyB, []func(*world.World){cut}, "ignore reporter-absent"},
		"reporter hangs":       {nil, []func(*world.World){func(w *world.World) { w.Infinispan.Inject("site-a", infinispan.Fault{Do: infinispan.Hang()}) }}, "recheck reporter-unreachable"},
		"only the status fails": {nil, []func(*world.World){func(w *world.World) {
			w.Infinispan.Inject("site-a", infinispan.Fault{On: infinispan.BackupStatus, Do: infinispan.Answer(500)})
		}}, "recheck reporter-unreachable"},
		"reporter says it is another site": {nil, []func(*world.World){func(w *world.World) { w.Config.Sites[0].Infinispan.URL = w.Config.Sites[1].Infinispan.URL }}, "Misconfigured wrong-site"},
		"another CA":                       {nil, []func(*world.World){func(w *world.World) { w.Config.Sites[0].Infinispan.CA = anotherCA() }}, "Misconfigured untrusted-certificate"},
		"wrong password":                   {nil, []func(*world.World){func(w *world.World) { w.Secrets.Set("secret-of-site-a", "another "+world.Password) }}, "Misconfigured bad-credentials"},
		"binary secret":                    {nil, []func(*world.World){func(w *world.World) { w.Secrets.Set("secret-of-site-a", []byte(world.Password)) }}, "Misconfigured secret-unusable"},
		"accelerator denied":               {nil, []func(*world.World){accelerator(ga.ListListeners, ga.Fail(ga.AccessDeniedException))}, "Misconfigured access-denied"},
		"groups denied":                    {nil, []func(*world.World){accelerator(ga.ListEndpointGroups, ga.Fail(ga.AccessDeniedException))}, "Misconfigured access-denied"},
		"no such accelerator":              {nil, []func(*world.World){func(w *world.World) { w.Config.Accelerator.ARN += "0" }}, "Misconfigured not-found"},
		"accelerator answers nonsense":     {nil, []func(*world.World){accelerator(ga.ListListeners, ga.Answer("<html>"))}, "Transient unavailable"},
		"tags unreadable":                  {nil, []func(*world.World){func(w *world.World) { w.Balancers.Refuse(world.Region, "AccessDenied") }}, "Misconfigured access-denied"},
		"no tags":                          {nil, []func(*world.World){untag}, "Misconfigured no-site-attributable"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := world.New(t, tc.listeners...)
			for _, prepare := range tc.prepare {
				prepare(w)
			}
			h, log := handler(t, w)
			limit := time.Minute
			if name == "reporter hangs" {
				limit = 2 * time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			got, err := h.Handle(ctx, input(w))
			if outcome(got, err) != tc.want {
				t.Errorf("got %s (%v), want %s", outcome(got, err), err, tc.want)
			}
			if w.Writes() != 0 || len(w.Changes(world.SiteA)) != 0 || len(w.Infinispan.Calls("site-b")) != 0 && name != "reporter says it is another site" {
				t.Error("a check changed something, or asked the site that is reported offline")
			}
			oneLine(t, log.String(), err)
			leak.Check(t, fmt.Sprint(err), world.Password)
		})
	}
}

func untag(w *world.World) {
	w.Balancers.Put(world.LB(world.SiteA), nil)
	w.Balancers.Put(world.LB(world.SiteB), map[string]string{"site": "of-another-deployment"})
}

// anotherCA is the CA of another world.
func anotherCA() string {
	other, err := infinispan.NewDouble(infinispan.Options{})
	if err != nil {
		panic(err)
	}
	defer other.Close()
	return string(other.Site("site-a").CA)
}

// oneLine holds the log of one call to its fixed keys.
func oneLine(t *testing.T, log string, err error) {
	t.Helper()
	keys := []string{`"deployment":"kc"`, `"site":"site-b"`, `"reporter":"site-a"`, `"execution":"fence-1"`, `"fingerprint":"0123456789abcdef"`, `"reason":"`}
	if err == nil {
		keys = append(keys, `"level":"INFO"`, `"decision":"`, `"evidence":{`, `"record":[`)
	} else {
		keys = append(keys, `"level":"ERROR"`, `"error":"`)
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

// TestCheckedAt is when the look began, before anything was read: what is read
// later may be newer than it, never older.
func TestCheckedAt(t *testing.T) {
	w := world.New(t)
	h, _ := handler(t, w)
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	now := began
	h.Now = func() time.Time {
		if w.Accelerator.Calls(ga.ListListeners) > 0 || len(w.Infinispan.Calls("site-a")) > 0 {
			t.Error("the clock was read after the look began")
		}
		defer func() { now = now.Add(time.Hour) }()
		return now
	}
	got, err := h.Handle(t.Context(), input(w))
	if err != nil || !got.CheckedAt.Equal(began) {
		t.Errorf("checked at %v, %v; want %v", got.CheckedAt, err, began)
	}
}

// TestBothReadsBesideAFailure: also when the accelerator cannot be read, and
// also when the one of the two fails, the other is made.
func TestBothReadsBesideAFailure(t *testing.T) {
	for name, prepare := range map[string]func(w *world.World){
		"accelerator": func(w *world.World) {
			w.Accelerator.Inject(ga.Fault{Effect: ga.Fail(ga.AccessDeniedException)})
		},
		"view": func(w *world.World) {
			w.Infinispan.Inject("site-a", infinispan.Fault{On: infinispan.ContainerView, Do: infinispan.Answer(500)})
		},
		"status": func(w *world.World) {
			w.Infinispan.Inject("site-a", infinispan.Fault{On: infinispan.BackupStatus, Do: infinispan.Answer(500)})
		},
	} {
		w := world.New(t)
		prepare(w)
		h, _ := handler(t, w)
		_, _ = h.Handle(t.Context(), input(w))
		want := map[infinispan.Kind]int{infinispan.ContainerView: 1, infinispan.BackupStatus: 1}
		if diff := cmp.Diff(want, reads(w.Infinispan.Calls("site-a"))); diff != "" {
			t.Errorf("%s fails: calls (-want +got):\n%s", name, diff)
		}
	}
}

// TestAbsentRecord: an absent site has an empty record, not null, which would
// trip the machine's expressions.
func TestAbsentRecord(t *testing.T) {
	w := world.New(t, ga.NewListener(443, ga.NewGroup(world.Region, ga.NewEndpoint(world.LB(world.SiteA)))))
	h, _ := handler(t, w)
	got, err := h.Handle(t.Context(), input(w))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(got)
	if err != nil || !strings.Contains(string(data), `"present":false,"record":[]`) {
		t.Errorf("got %s, %v", data, err)
	}
}

// TestRecordOfAll: the record holds every endpoint of the site in every
// listener and group, with what is needed to put it back.
func TestRecordOfAll(t *testing.T) {
	second := world.LB(world.SiteB) + "2"
	w := world.New(t, ga.NewListener(443, ga.NewGroup(world.Region, ga.NewEndpoint(world.LB(world.SiteA)),
		ga.NewEndpoint(world.LB(world.SiteB)).WithWeight(0), ga.NewEndpoint(second).WithWeight(255).PreservingClientIP())), world.Both(80))
	w.Balancers.Put(second, map[string]string{"site": "site-b"})
	h, _ := handler(t, w)
	got, err := h.Handle(t.Context(), input(w))
	if err != nil {
		t.Fatal(err)
	}
	ls := w.Accelerator.Snapshot().Accelerators[0].Listeners
	var want []contract.Endpoint
	for _, l := range ls {
		for _, e := range l.Groups[0].Endpoints {
			if e.ID != world.LB(world.SiteA) {
				want = append(want, contract.Endpoint{Listener: l.ARN, Group: l.Groups[0].ARN, Endpoint: e.ID, Weight: e.Weight, ClientIPPreservation: e.PreserveClientIP})
			}
		}
	}
	if diff := cmp.Diff(want, got.Record); diff != "" || len(want) != 3 || !want[1].ClientIPPreservation {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

// TestStatelessReporter: without Infinispan the age of the alert decides.
func TestStatelessReporter(t *testing.T) {
	w := world.New(t)
	w.Config.Sites[0].Infinispan = nil
	h, _ := handler(t, w)
	now := time.Now()
	h.Now = func() time.Time { return now }
	for name, tc := range map[string]struct {
		age   time.Duration
		begun bool
		want  string
	}{
		"fresh":          {0, false, "fence split"},
		"two minutes":    {2 * time.Minute, false, "fence split"},
		"too old":        {2*time.Minute + time.Nanosecond, false, "Refused alert-too-old"},
		"old, but begun": {time.Hour, true, "fence split"},
	} {
		in := input(w)
		in.ReceivedAt, in.Begun = now.Add(-tc.age), tc.begun
		got, err := h.Handle(t.Context(), in)
		if outcome(got, err) != tc.want || err == nil && (got.Evidence.Backup != "none" || got.Evidence.Sees != nil) {
			t.Errorf("%s: got %s (%v) on %+v, want %s", name, outcome(got, err), err, got.Evidence, tc.want)
		}
	}
	if len(w.Infinispan.Calls("site-a")) > 0 || len(w.Secrets.Calls()) > 0 {
		t.Error("an Infinispan was asked that is not configured")
	}
}

func kinds(calls []infinispan.Call) func(func(infinispan.Kind) bool) {
	return func(yield func(infinispan.Kind) bool) {
		for _, c := range calls {
			if !yield(c.Kind) {
				return
			}
		}
	}
}

// TestRotated: a rotated password is read again, once for both reads or for
// each, and the check goes on.
func TestRotated(t *testing.T) {
	w := world.New(t)
	h, _ := handler(t, w)
	if _, err := h.Handle(t.Context(), input(w)); err != nil {
		t.Fatal(err)
	}
	w.Infinispan.SetCredentials("site-a", "the-rotated-password")
	w.Secrets.Set("secret-of-site-a", "the-rotated-password")
	if got, err := h.Handle(t.Context(), input(w)); outcome(got, err) != "recheck site-visible" {
		t.Errorf("after the rotation: %s (%v)", outcome(got, err), err)
	}
	// Asked once more by each of the two at most: a wrong password does not
	// hammer Secrets Manager.
	if n := len(w.Secrets.Calls()); n < 2 || n > 3 {
		t.Errorf("the secret was read %d times, want 2 or 3", n)
	}
}

// TestThrottledSecret: Secrets Manager does not answer: a recheck that says so.
func TestThrottledSecret(t *testing.T) {
	w := world.New(t)
	for range 6 {
		w.Secrets.Add(awsfake.Fault{Status: 400, Code: "ThrottlingException"})
	}
	h, _ := handler(t, w)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	got, err := h.Handle(ctx, input(w))
	// The accelerator is read within the time; the secret is not.
	if outcome(got, err) != "recheck reporter-unreachable" || !strings.Contains(got.Evidence.Trouble, "secret-of-site-a") {
		t.Errorf("got %s (%v), want a recheck that names the secret: %+v", outcome(got, err), err, got.Evidence)
	}
}

// TestGoldenInputs: what earlier releases sent is understood, up to the names
// of a deployment that this world does not have.
func TestGoldenInputs(t *testing.T) {
	w := world.New(t)
	h, _ := handler(t, w)
	step := wiring.Step(h.Handle)
	for _, extra := range []string{``, `,"begun":true`, `,"execution":"fence-1","guard":"arn:x:execution:y","of-tomorrow":[1]`} {
		raw := `{"version":"1","deployment":"kc","reporter":"site-a","site":"site-b","receivedAt":"2026-01-01T00:00:00Z"` + extra + `}`
		if got, err := step(t.Context(), json.RawMessage(raw)); outcome(got, err) != "recheck site-visible" {
			t.Errorf("%s: got %s (%v)", raw, outcome(got, err), err)
		}
	}
}
