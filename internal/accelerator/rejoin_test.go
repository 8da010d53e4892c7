package accelerator_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/contract"
	fake "github.com/sitefence/sitefence/local/globalaccelerator"
)

// record is what a fence of site-b records of these listeners, in the world's
// accelerator.
func (w *world) record() []contract.Endpoint {
	w.t.Helper()
	state, err := w.look(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return state.Record(siteB)
}

// take takes endpoints out, as a fence or an operator did.
func (w *world) take(out func(g fake.Group, e fake.Endpoint) bool) {
	w.ga.Edit("taken out", func(s *fake.State) {
		for i := range s.Accelerators[0].Listeners {
			groups := s.Accelerators[0].Listeners[i].Groups
			for j := range groups {
				groups[j].Endpoints = slices.DeleteFunc(groups[j].Endpoints, func(e fake.Endpoint) bool { return out(groups[j], e) })
			}
		}
	})
}

func ofB(_ fake.Group, e fake.Endpoint) bool { return strings.Contains(e.ID, "/net/b") }

func (w *world) rejoin(record []contract.Endpoint) ([]contract.Endpoint, error) {
	return accelerator.Rejoin(w.t.Context(), w.look, w.client(), record, siteA)
}

// TestRejoin: whatever the fence recorded is back as it was, with one write a
// group, and nothing else is touched.
func TestRejoin(t *testing.T) {
	tests := map[string]struct {
		listeners []fake.Listener
		writes    int
	}{
		"one group": {[]fake.Listener{tcp(inWest(end("a1"), end("b1")))}, 1},
		"weights and client IP preservation": {[]fake.Listener{tcp(inWest(end("a1").WithWeight(7).PreservingClientIP(),
			end("b1").WithWeight(9).PreservingClientIP(), end("b2").WithWeight(0), end("b3").WithWeight(255)))}, 1},
		"two listeners, a group per Region": {[]fake.Listener{tcp(inWest(end("a1")), inNorth(endNorth("b1"))),
			tcp80(inWest(end("a1"), end("b2")), inNorth(endNorth("b1")))}, 3},
		"once with and once without preservation": {[]fake.Listener{tcp(inWest(end("a1"), end("b1"), end("b1").PreservingClientIP()))}, 1},
		"beside strangers":                        {[]fake.Listener{tcp(inWest(end("a1"), end("x1"), end("gone1"), fake.NewEndpoint("eipalloc-0123456789abcdef0"), end("b1")))}, 1},
		"a full group":                            {[]fake.Listener{tcp(inWest(end("a1"), end("b1"), end("b2"), end("b3"), end("b4"), end("b5"), end("b6"), end("b7"), end("b8"), end("b9")))}, 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.listeners...)
			before, record := w.left(), w.record()
			w.take(ofB)
			added, err := w.rejoin(record)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, w.left()); diff != "" {
				t.Errorf("the accelerator (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(record, added); diff != "" {
				t.Errorf("added (-record +got):\n%s", diff)
			}
			again, err := w.rejoin(record)
			if err != nil || len(again) != 0 || w.ga.Calls(fake.AddEndpoints) != tc.writes {
				t.Errorf("again: %v, %v; %d writes in all, want %d", again, err, w.ga.Calls(fake.AddEndpoints), tc.writes)
			}
			w.neverDark()
		})
	}
}

// TestRejoinLeavesAlone: what is there, or came meanwhile, stays as it is.
func TestRejoinLeavesAlone(t *testing.T) {
	w := newWorld(t, tcp(inWest(end("a1"), end("b1").WithWeight(9), end("b2"))), tcp80(inWest(end("a1"), end("b1"))))
	record := w.record()
	first := record[0].Group
	w.take(func(g fake.Group, e fake.Endpoint) bool {
		return ofB(g, e) && (g.ARN != first || !strings.Contains(e.ID, "/net/b1"))
	})
	w.ga.Edit("meanwhile", func(s *fake.State) {
		g := &s.Accelerators[0].Listeners[0].Groups[0]
		for i := range g.Endpoints {
			g.Endpoints[i].Weight, g.Endpoints[i].PreserveClientIP = 1, true
		}
		g.Endpoints = append(g.Endpoints, end("a9"))
	})
	added, err := w.rejoin(record)
	if want := "0 eu-west-1 a1+ip:1 a9:128 b1+ip:1 b2:128\n1 eu-west-1 a1:128 b1:128"; err != nil || w.left() != want || len(added) != 2 {
		t.Errorf("%v, added %v, the accelerator holds\n%s\nwant\n%s", err, added, w.left(), want)
	}
}

// TestRejoinFails: each failure, what type it is, and what is left.
func TestRejoinFails(t *testing.T) {
	inject := func(effect fake.Effect, skip int) func(w *world, record []contract.Endpoint) []contract.Endpoint {
		return func(w *world, record []contract.Endpoint) []contract.Endpoint {
			w.ga.Inject(fake.Fault{Operation: fake.AddEndpoints, Effect: effect, Skip: skip, Times: 1})
			return record
		}
	}
	type typed = func(error) bool
	transient, refused, misconfigured := isA[*contract.Transient], isA[*contract.Refused], isA[*contract.Misconfigured]
	tests := map[string]struct {
		prepare func(w *world, record []contract.Endpoint) []contract.Endpoint
		is      typed
		want    contract.Reason
		added   int
	}{
		"throttled":                     {inject(fake.Fail(fake.ThrottlingException), 0), transient, contract.Unavailable, 0},
		"in transition":                 {inject(fake.Fail(fake.TransactionInProgressException), 1), transient, contract.Unavailable, 1},
		"failed but applied":            {inject(fake.FailApplied(fake.InternalServiceErrorException), 1), transient, contract.Unavailable, 1},
		"denied":                        {inject(fake.Fail(fake.AccessDeniedException), 0), misconfigured, contract.AccessDenied, 0},
		"no room":                       {inject(fake.Fail(fake.LimitExceededException), 1), misconfigured, contract.BadInput, 1},
		"somebody else was there first": {inject(fake.Fail(fake.EndpointAlreadyExistsException), 0), transient, contract.Unavailable, 0},
		"the reporter is drained": {func(w *world, record []contract.Endpoint) []contract.Endpoint {
			w.ga.SetWeight(lb(west, "a1"), 0, record[1].Group)
			return record
		}, refused, contract.ReporterNotInService, 0},
		"a group is gone": {func(_ *world, record []contract.Endpoint) []contract.Endpoint {
			record[1].Group += "x"
			return record
		}, misconfigured, contract.NotFound, 0},
		"a listener is gone": {func(w *world, record []contract.Endpoint) []contract.Endpoint {
			w.ga.Edit("listener removed", func(s *fake.State) { s.Accelerators[0].Listeners = s.Accelerators[0].Listeners[:1] })
			return record
		}, misconfigured, contract.NotFound, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tcp(inWest(end("a1"), end("b1"))), tcp80(inWest(end("a1"), end("b1"))))
			before, record := w.left(), w.record()
			w.take(ofB)
			added, err := w.rejoin(tc.prepare(w, slices.Clone(record)))
			if !tc.is(err) || reasonOf(err) != tc.want || len(added) != tc.added {
				t.Errorf("got %v (%T) beside %d added; want %s beside %d", err, contract.Edge(err), len(added), tc.want, tc.added)
			}
			w.neverDark()
			if !isA[*contract.Transient](err) {
				return
			}
			if _, err := w.rejoin(record); err != nil || w.left() != before {
				t.Errorf("once more: %v, and the accelerator holds\n%s\nwant\n%s", err, w.left(), before)
			}
		})
	}
}

// TestRejoinLooksBeforeEachWrite: a look that forbids ends it there, and the last
// look is the proof.
func TestRejoinLooksBeforeEachWrite(t *testing.T) {
	for forbidden, want := range map[int]int{1: 0, 2: 1, 3: 2} {
		w := newWorld(t, tcp(inWest(end("a1"), end("b1"))), tcp80(inWest(end("a1"), end("b1"))))
		record, looks := w.record(), 0
		w.take(ofB)
		look := func(ctx context.Context) (accelerator.State, error) {
			if looks++; looks == forbidden {
				return accelerator.State{}, contract.RefusedF(contract.NotSeen, "no")
			}
			return w.look(ctx)
		}
		added, err := accelerator.Rejoin(t.Context(), look, w.client(), record, siteA)
		if reasonOf(err) != contract.NotSeen || len(added) != want || w.ga.Calls(fake.AddEndpoints) != want {
			t.Errorf("look %d forbids: %v, %d added, %d writes; want not-seen after %d", forbidden, err, len(added), w.ga.Calls(fake.AddEndpoints), want)
		}
	}
}

// TestRejoinProves: a write that no read shows is not taken on trust, and not
// sent again; a reporter that went out of service at that moment is told.
func TestRejoinProves(t *testing.T) {
	w := newWorld(t, tcp(inWest(end("a1"), end("b1"))))
	record := w.record()
	w.take(ofB)
	w.ga.SetHook(func(op fake.Operation, when fake.Moment, _ string) {
		if op == fake.AddEndpoints && when == fake.After {
			w.take(ofB)
		}
	})
	if _, err := w.rejoin(record); reasonOf(err) != contract.NotProven || w.ga.Calls(fake.AddEndpoints) != 1 {
		t.Errorf("undone: got %v after %d writes, want not-proven after 1", err, w.ga.Calls(fake.AddEndpoints))
	}
	w.ga.SetHook(func(op fake.Operation, when fake.Moment, _ string) {
		if op == fake.AddEndpoints && when == fake.After {
			w.ga.SetWeight(lb(west, "a1"), 0)
		}
	})
	if added, err := w.rejoin(record); reasonOf(err) != contract.WentDark || len(added) != 1 {
		t.Errorf("the reporter is drained meanwhile: got %v beside %v, want went-dark", err, added)
	}
}

func TestCheckEndpoints(t *testing.T) {
	const acc = "arn:aws:globalaccelerator::123456789012:accelerator/1234"
	good := contract.Endpoint{Listener: acc + "/listener/1", Group: acc + "/listener/1/endpoint-group/2", Endpoint: lb(west, "b1"), Weight: 255}
	tests := map[string]struct {
		change func(e *contract.Endpoint)
		want   string // the field
	}{
		"as recorded":                     {func(*contract.Endpoint) {}, ""},
		"weight 0":                        {func(e *contract.Endpoint) { e.Weight = 0 }, ""},
		"weight below 0":                  {func(e *contract.Endpoint) { e.Weight = -1 }, "endpoints[1].weight"},
		"weight above 255":                {func(e *contract.Endpoint) { e.Weight = 256 }, "endpoints[1].weight"},
		"a listener of another":           {func(e *contract.Endpoint) { e.Listener = strings.Replace(e.Listener, "1234", "12345", 1) }, "endpoints[1].listener"},
		"the accelerator as the listener": {func(e *contract.Endpoint) { e.Listener = acc }, "endpoints[1].listener"},
		"a listener without a name":       {func(e *contract.Endpoint) { e.Listener, e.Group = acc+"/listener/", acc+"/listener//endpoint-group/2" }, "endpoints[1].listener"},
		"a group as the listener":         {func(e *contract.Endpoint) { e.Listener = e.Group }, "endpoints[1].listener"},
		"a group of another listener":     {func(e *contract.Endpoint) { e.Group = acc + "/listener/2/endpoint-group/2" }, "endpoints[1].group"},
		"a group with more behind it":     {func(e *contract.Endpoint) { e.Group += "/endpoint-group/3" }, "endpoints[1].group"},
		"no group":                        {func(e *contract.Endpoint) { e.Group = "" }, "endpoints[1].group"},
		"an Elastic IP":                   {func(e *contract.Endpoint) { e.Endpoint = "eipalloc-0123456789abcdef0" }, "endpoints[1].endpoint"},
		"a Region that is none": {func(e *contract.Endpoint) { e.Endpoint = strings.Replace(e.Endpoint, west, "evil.example.com/", 1) },
			"endpoints[1].endpoint"},
		"twice": {func(e *contract.Endpoint) { e.Endpoint, e.Weight = lb(west, "b1"), 1; e.ClientIPPreservation = false }, "endpoints[1].endpoint"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			e := good
			e.Endpoint = lb(west, "b2")
			tc.change(&e)
			err := accelerator.CheckEndpoints(acc, []contract.Endpoint{good, e})
			switch {
			case tc.want == "" && err != nil:
				t.Error(err)
			case tc.want != "" && (!isA[*contract.Misconfigured](err) || reasonOf(err) != contract.BadInput || strings.Count(err.Error(), tc.want) != 1):
				t.Errorf("got %v, want bad-input that names %s", err, tc.want)
			}
		})
	}
	both := good
	both.ClientIPPreservation = true
	if err := accelerator.CheckEndpoints(acc, []contract.Endpoint{good, both}); err != nil {
		t.Errorf("once with and once without preservation: %v", err)
	}
}

// TestOwners: load balancers that the accelerator does not hold are told as well.
func TestOwners(t *testing.T) {
	w := newWorld(t, tcp(inWest(end("a1"))))
	for _, name := range []string{"b1", "x1", "gone1"} {
		w.exist(lb(west, name))
	}
	w.exist(lb(north, "b2"))
	w.read.Deployment.Sites[1].LoadBalancerARNs = []string{lb(west, "listed")}
	for name, want := range map[string]string{
		lb(west, "b1"): "", lb(north, "b2"): "", lb(west, "listed"): "",
		lb(west, "a1"): "belongs to site-a, not to site-b", lb(west, "x1"): "tag it with site=site-b", lb(west, "gone1"): "does not exist any more",
	} {
		list := []contract.Endpoint{{Endpoint: lb(west, "b1")}, {Endpoint: name}, {Endpoint: name}}
		owners, err := w.read.Owners(t.Context(), list)
		if err != nil {
			t.Fatal(err)
		}
		err = accelerator.CheckOwners(owners, list, siteB)
		if (err == nil) != (want == "") || err != nil && (!isA[*contract.Misconfigured](err) || strings.Count(err.Error(), want) != 1) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

func TestDeployed(t *testing.T) {
	w := newWorld(t, tcp(inWest(end("a1"))))
	for _, tc := range []struct {
		status   string
		want, ok bool
	}{{"DEPLOYED", true, true}, {"IN_PROGRESS", false, true}, {"", false, false}, {"LOST", false, false}} {
		w.ga.SetStatus(w.acc.ARN, tc.status)
		got, err := w.read.Deployed(t.Context())
		if got != tc.want || (err == nil) != tc.ok || err != nil && !isA[*contract.Transient](err) {
			t.Errorf("%s: got %v, %v", tc.status, got, err)
		}
	}
	w.ga.Inject(fake.Fault{Operation: fake.DescribeAccelerator, Effect: fake.Answer(`{}`)})
	if got, err := w.read.Deployed(t.Context()); got || !isA[*contract.Transient](err) {
		t.Errorf("an empty answer: got %v, %v", got, err)
	}
}

// TestUnready: only what takes traffic is waited for, and INITIAL is not healthy.
func TestUnready(t *testing.T) {
	for name, tc := range map[string]struct {
		e    fake.Endpoint
		dial float32
		want bool
	}{
		"healthy":   {end("b1"), 100, false},
		"unhealthy": {end("b1").WithHealth(fake.Unhealthy), 100, true},
		"initial":   {end("b1").WithHealth(fake.Initial), 100, true},
		"no weight": {end("b1").WithHealth(fake.Initial).WithWeight(0), 100, false},
		"no dial":   {end("b1").WithHealth(fake.Initial), 0, false},
	} {
		w := newWorld(t, tcp(inWest(end("a1").WithHealth(fake.Unhealthy), tc.e).WithDial(tc.dial)))
		state, err := w.look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := accelerator.Unready(state, state.Record(siteB)); got != tc.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
