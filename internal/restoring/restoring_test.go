package restoring_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/restoring"
)

const (
	machines = "arn:aws:states:eu-west-1:111122223333:stateMachine:sitefence-kc-"
	guard    = machines + "guard-0a"
	fence    = machines + "fence-0a"
	restore  = machines + "restore-0a"
)

var now = time.Date(2026, 11, 24, 22, 0, 0, 0, time.UTC)

// scene is a Step Functions with executions, put in the order in which they began.
type scene struct {
	t      *testing.T
	states awsfake.Machines
	client *sfn.Client
	began  time.Time
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t, began: now.Add(-24 * time.Hour)}
	s.client = sfn.NewFromConfig(awsfake.Serve(t, &s.states))
	return s
}

func text(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// put adds an execution a minute after the one before it.
func (s *scene) put(machine, name string, input any, change func(*awsfake.Run)) {
	s.began = s.began.Add(time.Minute)
	r := awsfake.Run{Machine: machine, Name: name, Status: "SUCCEEDED", Started: s.began, Ended: s.began.Add(time.Second), Input: text(s.t, input)}
	change(&r)
	s.states.Put(r)
}

func failed(r *awsfake.Run) {
	r.Status, r.Error, r.Cause = "FAILED", "Refused", "would-go-dark: no"
}

func running(r *awsfake.Run) { r.Status, r.Ended = "RUNNING", time.Time{} }

func (s *scene) outcome(out map[string]any) func(*awsfake.Run) {
	return func(r *awsfake.Run) { r.Output = text(s.t, out) }
}

func event(site contract.Site) contract.Event {
	return contract.Event{Version: "1", Deployment: "kc", Accelerator: "x.awsglobalaccelerator.com", Reporter: "site-a", Site: site, ReceivedAt: now}
}

func endpoint(n string) contract.Endpoint {
	return contract.Endpoint{Listener: "l", Group: "g" + n, Endpoint: "lb" + n, Weight: 128}
}

func (s *scene) fenced(name string, record ...contract.Endpoint) {
	s.put(fence, name, event("site-b"), s.outcome(map[string]any{"outcome": "Fenced", "site": "site-b", "record": append([]contract.Endpoint{}, record...),
		"replication": contract.Offline{Version: "1", Backup: "offline"}}))
}

func rejoin() contract.Event {
	e := event("site-b")
	e.Operation, e.Order, e.Endpoints = contract.OperationRejoin, &contract.Order{By: "x"}, []contract.Endpoint{endpoint("1")}
	return e
}

func (s *scene) rejoined(name string) {
	s.put(fence, name, rejoin(), s.outcome(map[string]any{"outcome": "Rejoined"}))
}

// half is a fence that failed after its first write, with what its check had seen.
func (s *scene) half(name string, record ...contract.Endpoint) {
	s.put(fence, name, event("site-b"), func(r *awsfake.Run) {
		failed(r)
		check := text(s.t, map[string]any{"decision": "fence", "record": record})
		r.Events = []awsfake.RunEvent{
			{Type: "TaskStateEntered", State: "CheckHealth", At: s.began}, {Type: "TaskStateExited", State: "CheckHealth", Output: check, At: s.began},
			{Type: "TaskStateEntered", State: "UpdateAccelerator", At: s.began},
		}
	})
}

func (s *scene) list(machine string) []restoring.Run {
	s.t.Helper()
	all, err := restoring.List(s.t.Context(), s.client, machine)
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

func (s *scene) fences() []restoring.Run { return restoring.Fences(s.list(fence)) }

func TestFindRecord(t *testing.T) {
	one, two := endpoint("1"), endpoint("2")
	heavier := endpoint("1")
	heavier.Weight = 200
	for name, tc := range map[string]struct {
		make func(*scene)
		want []contract.Endpoint
		from []string
		err  string
	}{
		"one fence":                      {make: func(s *scene) { s.fenced("fence-1", one, two) }, want: []contract.Endpoint{one, two}, from: []string{"fence-1"}},
		"the newer says of the same":     {make: func(s *scene) { s.fenced("fence-1", one); s.fenced("fence-2", heavier) }, want: []contract.Endpoint{heavier}, from: []string{"fence-2"}},
		"ten is newer than nine":         {make: func(s *scene) { s.fenced("fence-10", heavier); s.fenced("fence-9", one) }, want: []contract.Endpoint{heavier}, from: []string{"fence-10"}},
		"an ensured fence has no record": {make: func(s *scene) { s.fenced("fence-1", one); s.fenced("fence-2") }, want: []contract.Endpoint{one}, from: []string{"fence-2", "fence-1"}},
		"one that stopped halfway":       {make: func(s *scene) { s.half("fence-1", one, two); s.fenced("fence-2", two) }, want: []contract.Endpoint{two, one}, from: []string{"fence-2", "fence-1"}},
		"only halfway":                   {make: func(s *scene) { s.half("fence-1", one) }, want: []contract.Endpoint{one}, from: []string{"fence-1"}},
		"failed before it began": {make: func(s *scene) {
			s.fenced("fence-1", one)
			s.put(fence, "fence-2", event("site-b"), func(r *awsfake.Run) {
				failed(r)
				r.Events = []awsfake.RunEvent{{Type: "TaskStateEntered", State: "CheckHealth", At: s.began},
					{Type: "TaskStateExited", State: "CheckHealth", Output: text(t, map[string]any{"record": []contract.Endpoint{two}}), At: s.began}}
			})
		}, want: []contract.Endpoint{one}, from: []string{"fence-1"}},
		"not what was put back":             {make: func(s *scene) { s.fenced("fence-1", one); s.rejoined("fence-2"); s.fenced("fence-3", two) }, want: []contract.Endpoint{two}, from: []string{"fence-3"}},
		"a rejoin that failed ends nothing": {make: func(s *scene) { s.fenced("fence-1", one); s.put(fence, "fence-2", rejoin(), failed) }, want: []contract.Endpoint{one}, from: []string{"fence-1"}},
		"another site's, and a rehearsal": {make: func(s *scene) {
			s.fenced("fence-1", one)
			s.put(fence, "fence-2", event("site-c"), s.outcome(map[string]any{"outcome": "Fenced", "record": []contract.Endpoint{two}}))
			dry := event("site-b")
			dry.DryRun = true
			s.put(fence, "fence-3", dry, s.outcome(map[string]any{"outcome": "Rehearsed", "record": []contract.Endpoint{two}}))
			s.put(fence, "by-hand", event("site-b"), s.outcome(map[string]any{"outcome": "Fenced", "record": []contract.Endpoint{two}}))
		}, want: []contract.Endpoint{one}, from: []string{"fence-1"}},
		// Fenced says that the site was out: what a later fence removed somebody had put
		// back by hand meanwhile, and the older record is of another time.
		"put back by hand meanwhile": {make: func(s *scene) { s.fenced("fence-1", one); s.fenced("fence-2", two); s.fenced("fence-3") },
			want: []contract.Endpoint{two}, from: []string{"fence-3", "fence-2"}},
		"put back by hand meanwhile, then halfway": {make: func(s *scene) { s.fenced("fence-1", one); s.half("fence-2", two); s.fenced("fence-3", heavier) },
			want: []contract.Endpoint{heavier, two}, from: []string{"fence-3", "fence-2"}},
		"put back halfway by a rejoin": {make: func(s *scene) {
			s.fenced("fence-1", one, two)
			s.put(fence, "fence-2", rejoin(), failed)
			s.fenced("fence-3", heavier)
		}, want: []contract.Endpoint{heavier, two}, from: []string{"fence-3", "fence-1"}},
		"put back halfway after a fence was ensured": {make: func(s *scene) {
			s.fenced("fence-1", one, two)
			s.fenced("fence-2")
			s.put(fence, "fence-3", rejoin(), failed)
			s.fenced("fence-4", heavier)
		}, want: []contract.Endpoint{heavier, two}, from: []string{"fence-4", "fence-2", "fence-1"}},
		"it is back":   {make: func(s *scene) { s.fenced("fence-1", one); s.rejoined("fence-2") }, err: "not fenced: fence-2 put it back"},
		"never fenced": {make: func(*scene) {}, err: "--endpoint"},
		"a fence runs": {make: func(s *scene) { s.fenced("fence-1", one); s.put(fence, "fence-2", event("site-b"), running) }, err: "fence-2 is running"},
		"hostile output": {make: func(s *scene) {
			s.put(fence, "fence-1", "nonsense", func(r *awsfake.Run) { r.Output = `{"outcome":"Fenced","record":7}` })
			s.fenced("fence-2", one)
		}, want: []contract.Endpoint{one}, from: []string{"fence-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			tc.make(s)
			s.states.SetPage(1)
			got, err := restoring.FindRecord(t.Context(), s.client, s.fences(), "site-b")
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("got %+v, %v, want an error with %q", got, err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got.Endpoints); diff != "" {
				t.Errorf("endpoints (-want +got):\n%s", diff)
			}
			if !slices.Equal(got.Fences, tc.from) || got.Survivor != "site-a" {
				t.Errorf("from %v by %s, want %v by site-a", got.Fences, got.Survivor, tc.from)
			}
		})
	}
}

func TestRecordOf(t *testing.T) {
	s := newScene(t)
	s.fenced("fence-1", endpoint("1"))
	s.fenced("fence-2", endpoint("2"))
	s.fenced("fence-3")
	for name, want := range map[string]string{"fence-1": "g1", "fence-2": "g2", "fence-3": "removed nothing", "fence-4": "no execution"} {
		got, err := restoring.RecordOf(t.Context(), s.client, s.fences(), name, "site-b")
		if err != nil && !strings.Contains(err.Error(), want) || err == nil && (len(got.Endpoints) != 1 || got.Endpoints[0].Group != want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := restoring.RecordOf(t.Context(), s.client, s.fences(), "fence-1", "site-c"); err == nil {
		t.Error("another site's record was taken")
	}
}

func TestName(t *testing.T) {
	done := func(names ...string) (all []restoring.Run) {
		for _, n := range names {
			all = append(all, restoring.Run{Name: n, Status: types.ExecutionStatusFailed})
		}
		return all
	}
	for name, tc := range map[string]struct {
		since    string
		restores []restoring.Run
		want     string
	}{
		"the first":             {"fence-12", nil, "restore-12-1"},
		"the next":              {"fence-12", done("restore-12-2", "restore-12-1"), "restore-12-3"},
		"ten is more than nine": {"fence-12", done("restore-12-9", "restore-12-10"), "restore-12-11"},
		"of another generation": {"fence-12", done("restore-11-7", "restore-1-2"), "restore-12-1"},
		"never a fence":         {"", nil, "restore-0-1"},
		"names of others":       {"fence-3", done("by-hand", "restore-3-x"), "restore-3-1"},
		"one runs":              {"fence-12", []restoring.Run{{Name: "restore-11-7", Status: types.ExecutionStatusRunning}}, ""},
		"one waits to go on":    {"fence-12", []restoring.Run{{Name: "restore-11-7", Status: types.ExecutionStatusPendingRedrive}}, ""},
		"used up":               {"fence-1", done("restore-1-9999"), ""},
	} {
		got, err := restoring.Name(tc.since, tc.restores)
		if got != tc.want || (err == nil) != (tc.want != "") || err == nil && !contract.ValidRestoreName(got) {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, tc.want)
		}
	}
}

func TestParseEndpoint(t *testing.T) {
	const group = "arn:aws:globalaccelerator::111122223333:accelerator/1234-abcd/listener/0123abcd/endpoint-group/ab12"
	const balancer = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/kc-site-b/0123456789abcdef"
	got, err := restoring.ParseEndpoint(group + "," + balancer + ",0,true")
	want := contract.Endpoint{Listener: strings.TrimSuffix(group, "/endpoint-group/ab12"), Group: group, Endpoint: balancer, ClientIPPreservation: true}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for text, field := range map[string]string{
		group + "," + balancer + ",1": "parts", balancer + "," + group + ",1,true": "group", group + "," + group + ",1,true": "balancer",
		group + "," + balancer + ",256,true": "weight", group + "," + balancer + ",-1,true": "weight", group + "," + balancer + ",1,maybe": "preservation",
		group + "/x," + balancer + ",1,true": "group", "": "parts",
	} {
		if _, err := restoring.ParseEndpoint(text); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v, want an error about the %s", text, err, field)
		}
	}
}
