package restoring_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/history"
	"github.com/sitefence/sitefence/internal/restoring"
)

func input(phase contract.Phase, since string) contract.RestoreInput {
	return contract.RestoreInput{Event: rejoin(), Phase: phase, Since: since, KeycloakStopped: true}
}

func (s *scene) inSync(name, since string) {
	s.put(restore, name, input(contract.PhaseSync, since), s.outcome(map[string]any{"outcome": "InSync"}))
}

func (s *scene) rejoinStarted(name, since string) {
	s.put(restore, name, input(contract.PhaseRejoin, since), s.outcome(map[string]any{"outcome": "RejoinStarted"}))
}

func (s *scene) attempts() []restoring.Run { return restoring.Attempts(s.list(restore)) }

func TestContinue(t *testing.T) {
	dry := event("site-b")
	dry.DryRun = true
	for name, tc := range map[string]struct {
		make  func(*scene)
		after string
		since string // of the input, when it may go on
		err   string
	}{
		"after a sync": {make: func(s *scene) { s.fenced("fence-3", endpoint("1")); s.inSync("restore-3-1", "fence-3") }, since: "fence-3"},
		"by name":      {make: func(s *scene) { s.fenced("fence-3"); s.inSync("restore-3-1", "fence-3") }, after: "restore-3-1", since: "fence-3"},
		"after a rejoin that failed": {make: func(s *scene) {
			s.fenced("fence-3")
			s.inSync("restore-3-1", "fence-3")
			s.rejoinStarted("restore-3-2", "fence-3")
			s.put(fence, "fence-4", rejoin(), failed)
		}, since: "fence-4"},
		"by name, a rejoin between": {make: func(s *scene) {
			s.fenced("fence-3")
			s.inSync("restore-3-1", "fence-3")
			s.put(restore, "restore-3-2", input(contract.PhaseRejoin, "fence-3"), failed)
		}, after: "restore-3-1", since: "fence-3"},
		"a rehearsal and an alert that came to nothing": {make: func(s *scene) {
			s.fenced("fence-3")
			s.inSync("restore-3-1", "fence-3")
			s.put(fence, "fence-4", dry, s.outcome(map[string]any{"outcome": "Rehearsed"}))
			s.put(fence, "fence-5", event("site-b"), s.outcome(map[string]any{"outcome": "Ignored"}))
		}, since: "fence-5"},
		"a fence came": {make: func(s *scene) { s.inSync("restore-3-1", "fence-3"); s.fenced("fence-4") }, err: "fence-4 (fenced) came after fence-3"},
		"a fence failed": {make: func(s *scene) {
			s.inSync("restore-3-1", "fence-3")
			s.put(fence, "fence-4", event("site-b"), failed)
		}, err: "fence-4 (failed) came"},
		"a fence runs": {make: func(s *scene) {
			s.inSync("restore-3-1", "fence-3")
			s.put(fence, "fence-4", event("site-b"), running)
		}, err: "fence-4 is running"},
		"it is back": {make: func(s *scene) { s.inSync("restore-3-1", "fence-3"); s.rejoined("fence-4") }, err: "back already"},
		"undone since": {make: func(s *scene) {
			s.inSync("restore-3-1", "fence-3")
			s.put(restore, "restore-3-2", input(contract.PhaseUndo, "fence-3"), s.outcome(map[string]any{"outcome": "Undone"}))
		}, after: "restore-3-1", err: "restore-3-2 (undo) came"},
		"synchronised again since": {make: func(s *scene) { s.inSync("restore-3-1", ""); s.inSync("restore-3-2", "") }, after: "restore-3-1", err: "restore-3-2 (sync) came"},
		"the sync failed":          {make: func(s *scene) { s.put(restore, "restore-3-1", input(contract.PhaseSync, ""), failed) }, err: "did not end in sync"},
		"the newest undid it": {make: func(s *scene) {
			s.put(restore, "restore-3-1", input(contract.PhaseUndo, ""), s.outcome(map[string]any{"outcome": "Undone"}))
		}, err: "start again"},
		"it runs":      {make: func(s *scene) { s.put(restore, "restore-3-1", input(contract.PhaseSync, ""), running) }, err: "is running"},
		"no such name": {make: func(s *scene) { s.inSync("restore-3-1", "") }, after: "restore-3-7", err: "no restore"},
		"none at all":  {make: func(*scene) {}, err: "start again"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			tc.make(s)
			in, err := restoring.Continue(t.Context(), s.client, s.attempts(), s.fences(), tc.after, now)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("got %+v, %v, want an error with %q", in, err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if in.Phase != contract.PhaseRejoin || in.Since != tc.since || !in.ReceivedAt.Equal(now) || len(in.Endpoints) != 1 || !in.KeycloakStopped {
				t.Errorf("got %+v, want a rejoin since %s", in, tc.since)
			}
		})
	}
}

func TestUndo(t *testing.T) {
	entered := func(states ...string) func(*awsfake.Run) {
		return func(r *awsfake.Run) {
			failed(r)
			for _, state := range states {
				r.Events = append(r.Events, awsfake.RunEvent{Type: "PassStateEntered", State: state, At: now})
			}
		}
	}
	sync, undo, back := input(contract.PhaseSync, "fence-3"), input(contract.PhaseUndo, "fence-3"), input(contract.PhaseRejoin, "fence-3")
	for name, tc := range map[string]struct {
		make    func(*scene)
		needed  bool
		running bool
		err     string
	}{
		"none":                        {make: func(*scene) {}},
		"a sync runs":                 {make: func(s *scene) { s.put(restore, "restore-3-1", sync, running) }, needed: true, running: true},
		"it waits for Keycloak":       {make: func(s *scene) { s.inSync("restore-3-1", "fence-3") }, needed: true},
		"a sync that never began":     {make: func(s *scene) { s.put(restore, "restore-3-1", sync, entered("Check", "NotBegun")) }},
		"a sync that undid itself":    {make: func(s *scene) { s.put(restore, "restore-3-1", sync, entered("BeginSync", "Undo", "Stopped")) }},
		"a sync that failed in that":  {make: func(s *scene) { s.put(restore, "restore-3-1", sync, entered("BeginSync", "Undo")) }, needed: true},
		"stopped in the console":      {make: func(s *scene) { s.put(restore, "restore-3-1", sync, entered("BeginSync", "Push")) }, needed: true},
		"undone":                      {make: func(s *scene) { s.put(restore, "restore-3-1", undo, s.outcome(map[string]any{"outcome": "Undone"})) }},
		"an undo that failed":         {make: func(s *scene) { s.put(restore, "restore-3-1", undo, entered("Undo")) }, needed: true},
		"an undo runs":                {make: func(s *scene) { s.put(restore, "restore-3-1", undo, running) }, err: "undoes it already"},
		"it waits for a healthy site": {make: func(s *scene) { s.put(restore, "restore-3-2", back, running) }, needed: true, running: true},
		"the site never got healthy":  {make: func(s *scene) { s.put(restore, "restore-3-2", back, failed) }, needed: true},
		"the rejoin has its turn": {make: func(s *scene) {
			s.rejoinStarted("restore-3-2", "fence-3")
			s.put(guard, "rejoin-3-2", rejoin(), running)
		}, err: "cannot be taken back"},
		"in its last moment": {make: func(s *scene) {
			s.put(restore, "restore-3-2", back, running)
			s.put(guard, "rejoin-3-2", rejoin(), running)
		}, err: "cannot be taken back"},
		"its fence runs": {make: func(s *scene) {
			s.rejoinStarted("restore-3-2", "fence-3")
			s.put(guard, "rejoin-3-2", rejoin(), s.outcome(map[string]any{"outcome": "FenceStarted", "fence": history.ARN(fence, "fence-5")}))
			s.put(fence, "fence-5", rejoin(), running)
		}, err: "cannot be taken back"},
		"it is back": {make: func(s *scene) {
			s.rejoinStarted("restore-3-2", "fence-3")
			s.put(guard, "rejoin-3-2", rejoin(), s.outcome(map[string]any{"outcome": "FenceStarted", "fence": history.ARN(fence, "fence-5")}))
			s.rejoined("fence-5")
		}, err: "fence-5 put site-b back"},
		"its fence failed": {make: func(s *scene) {
			s.rejoinStarted("restore-3-2", "fence-3")
			s.put(guard, "rejoin-3-2", rejoin(), s.outcome(map[string]any{"outcome": "FenceStarted", "fence": history.ARN(fence, "fence-4")}))
		}, needed: true},
		"the rejoin came to nothing": {make: func(s *scene) {
			s.rejoinStarted("restore-3-2", "fence-3")
			s.put(guard, "rejoin-3-2", rejoin(), s.outcome(map[string]any{"outcome": "Ignored", "reason": "not-seen"}))
		}, needed: true},
		"it did not hear of its turn": {make: func(s *scene) {
			s.rejoinStarted("restore-3-2", "fence-3")
			s.put(guard, "rejoin-3-2", rejoin(), failed)
			s.put(fence, "fence-5", rejoin(), running)
		}, err: "fence-5 is running"},
		// What never began says nothing of what was begun before it.
		"one that never began, after one in sync": {make: func(s *scene) {
			s.inSync("restore-3-1", "fence-3")
			s.put(restore, "restore-4-1", sync, entered("Check", "NotBegun"))
		}, needed: true},
		"two that never began, after one that failed in its undo": {make: func(s *scene) {
			s.put(restore, "restore-3-1", sync, entered("BeginSync", "Undo"))
			s.put(restore, "restore-4-1", sync, entered("Check", "NotBegun"))
			s.put(restore, "restore-4-2", sync, entered("Check", "NotBegun"))
		}, needed: true},
		"one that never began, after one that put it back": {make: func(s *scene) {
			s.rejoinStarted("restore-3-2", "fence-3")
			s.put(guard, "rejoin-3-2", rejoin(), s.outcome(map[string]any{"outcome": "FenceStarted", "fence": history.ARN(fence, "fence-5")}))
			s.rejoined("fence-5")
			s.fenced("fence-6", endpoint("1"))
			s.put(restore, "restore-6-1", sync, entered("Check", "NotBegun"))
		}},
		"one that never began, after one undone": {make: func(s *scene) {
			s.inSync("restore-3-1", "fence-3")
			s.put(restore, "restore-3-2", undo, s.outcome(map[string]any{"outcome": "Undone"}))
			s.put(restore, "restore-4-1", sync, entered("Check", "NotBegun"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.fenced("fence-3", endpoint("1"))
			s.put(fence, "fence-4", rejoin(), failed)
			tc.make(s)
			in, run, err := restoring.Undo(t.Context(), s.client, guard, s.attempts(), s.fences(), now)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("got %+v, %v, want an error with %q", in, err, tc.err)
				}
				return
			}
			if err != nil || (in != nil) != tc.needed || (run != "") != tc.running {
				t.Fatalf("got %+v, running %q, %v", in, run, err)
			}
			if in != nil && (in.Phase != contract.PhaseUndo || in.Since != "fence-4") {
				t.Errorf("got %+v, want an undo since fence-4", in)
			}
		})
	}
}

func TestStart(t *testing.T) {
	s := newScene(t)
	w := restoring.Wish{Deployment: "kc", Survivor: "site-a", Site: "site-b", Order: contract.Order{By: "x"}, Endpoints: []contract.Endpoint{endpoint("1")}}
	in, err := w.Input(contract.PhaseSync, "fence-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := (contract.ResyncInput{RestoreInput: in, Execution: "restore-1-1", Action: contract.ActionCheck}).Validate(); err != nil {
		t.Errorf("the Resync function would refuse it: %v", err)
	}
	arn, err := restoring.Start(t.Context(), s.client, restore, "restore-1-1", in)
	if err != nil || !strings.HasSuffix(arn, ":restore-1-1") {
		t.Fatalf("%s, %v", arn, err)
	}
	if _, err := restoring.Start(t.Context(), s.client, restore, "restore-1-1", in); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("a taken name: %v", err)
	}
	for name, change := range map[string]func(*restoring.Wish){
		"nobody asks": func(w *restoring.Wish) { w.Order.By = "" }, "nothing goes back": func(w *restoring.Wish) { w.Endpoints = nil },
		"the survivor itself": func(w *restoring.Wish) { w.Site = "site-a" },
	} {
		bad := w
		change(&bad)
		if _, err := bad.Input(contract.PhaseSync, "", now); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
