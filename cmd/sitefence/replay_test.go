package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/awsfake/nights"
	"github.com/sitefence/sitefence/internal/history"
)

// The replay has the very input of the execution, also a drill's.
func TestReplayStartsAnew(t *testing.T) {
	for name, runs := range map[string][]awsfake.Run{
		"a fence": nights.Fenced(night, "g-1", 7), "a drill": nights.Rehearsed(night, "g-1", 7),
		"one that ended undecided": {nights.Undecided(night, "g-1")},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t)
			a.machines.Put(runs...)
			out, notes, err := sitefence(t.Context(), "replay", "g-1")
			if err != nil || notes != "" || !arn.MatchString(strings.TrimSpace(out)) {
				t.Fatalf("%q, notes %q, %v", out, notes, err)
			}
			all := a.machines.Runs()
			last := all[len(all)-1]
			if last.ARN() != strings.TrimSpace(out) || last.Input != runs[0].Input {
				t.Errorf("started %s with %s\nwant the input %s", last.ARN(), last.Input, runs[0].Input)
			}
		})
	}
}

// What is no guard execution, or is none to be replayed, is explained, and nothing
// is started.
func TestReplayExplainsItself(t *testing.T) {
	fenced, stuck := nights.Fenced(night, "g-1", 7), nights.StuckOffline(night, "g-2", 8)
	superseded := nights.StuckOffline(night, "g-3", 9)
	superseded[1].Cause = strings.ReplaceAll(superseded[1].Cause, "bad-credentials", "superseded")
	byHand := nights.Fenced(night, "g-1", 10)[1]
	byHand.Input = strings.ReplaceAll(byHand.Input, `"guard":"arn`, `"guard":"urn`)
	broken := nights.Healed(night, "g-broken")
	broken.Input = strings.Replace(broken.Input, `"version":"1"`, `"version":"2"`, 1)
	ordered := nights.Fenced(night, "g-ordered", 11)
	for i := range ordered {
		ordered[i].Input = strings.Replace(ordered[i].Input, `"version"`, `"forced":true,"order":{"by":"ada","reason":"maintenance"},"version"`, 1)
	}
	for name, test := range map[string]struct {
		runs      []awsfake.Run
		execution string
		says, not string
	}{
		"a fence: its guard":            {fenced, "fence-7", "a fence is not replayed, for the guard gives it its turn: replay its guard execution: `sitefence replay " + fenced[0].ARN() + "`", "redrive"},
		"a stuck fence: redrive":        {stuck, "fence-8", "then redrive it (`aws stepfunctions redrive-execution --execution-arn " + stuck[1].ARN() + "`); if a newer fence exists, replay its guard execution", ""},
		"a superseded fence: its guard": {superseded, "fence-9", "replay its guard execution: `sitefence replay " + superseded[0].ARN() + "`", "redrive"},
		"a fence by hand":               {[]awsfake.Run{byHand}, "fence-10", "its input names no guard execution of this stack, so start one with `sitefence fence`", ""},
		"a rejoin's guard":              {nights.Rejoined(night, "rejoin-7-1", 8), "rejoin-7-1", "`sitefence restore --continue`", ""},
		"a rejoin's fence":              {nights.Rejoined(night, "rejoin-7-1", 8), "fence-8", "`sitefence restore --continue`", "replay its guard"},
		"a restore":                     {[]awsfake.Run{nights.Synced(night, "restore-7-1")}, "restore-7-1", "a restore is not replayed", ""},
		"one that still runs":           {[]awsfake.Run{nights.Waiting(night, "g-1")}, "g-1", "g-1 still runs: see `sitefence status --watch`", ""},
		"an order":                      {ordered, "g-ordered", "an order is not replayed: give it again with `sitefence fence`, which asks you to confirm it", ""},
		"the fence of an order":         {ordered, "fence-11", "it was ordered, so give the order again with `sitefence fence`, or take the site offline by hand if it has no endpoint left", "sitefence replay"},
		"an input that is no event":     {[]awsfake.Run{broken}, "g-broken", `version: got "2", want "1"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t)
			a.machines.Put(test.runs...)
			out, _, err := sitefence(t.Context(), "replay", test.execution)
			if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n") || out != "" {
				t.Errorf("%q, %v\nwant %q", out, err, test.says)
			}
			if err != nil && test.not != "" && strings.Contains(err.Error(), test.not) {
				t.Errorf("%q in %v", test.not, err)
			}
			if n := len(a.machines.Runs()); n != len(test.runs) {
				t.Errorf("%d executions, want %d: nothing is started", n, len(test.runs))
			}
		})
	}
}

// Without Infinispan only the alert's age speaks for a fence.
func TestReplayOfAnOldAlert(t *testing.T) {
	old := nights.Healed(night, "g-1")
	old.Output = strings.Replace(old.Output, `"backup":"online"`, `"backup":"none"`, 1)
	fresh := nights.Healed(time.Now(), "g-2")
	fresh.Output = strings.Replace(fresh.Output, `"backup":"online"`, `"backup":"none"`, 1)
	a := newAccount(t)
	a.machines.Put(old, fresh)
	if _, notes, err := sitefence(t.Context(), "replay", "g-1"); err != nil || !strings.Contains(notes, "expect alert-too-old") {
		t.Errorf("old: notes %q, %v", notes, err)
	}
	if _, notes, err := sitefence(t.Context(), "replay", "g-2"); err != nil || notes != "" {
		t.Errorf("fresh: notes %q, %v", notes, err)
	}
}

// goesOn lets the replay, once it is started, end as those executions did.
func goesOn(ctx context.Context, a *fakeAccount, as []awsfake.Run) {
	for ctx.Err() == nil {
		for _, r := range a.machines.Runs() {
			if !strings.HasPrefix(r.Name, "replay-") {
				continue
			}
			guard := as[0]
			guard.Name = r.Name
			a.machines.Put(append([]awsfake.Run{guard}, as[1:]...)...)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestReplayWaits(t *testing.T) {
	for name, test := range map[string]struct {
		ends    []awsfake.Run
		kind    history.Kind
		prints  []string
		failure string // "": it ends well
	}{
		"fenced": {nights.Fenced(night.Add(time.Hour), "x", 8), history.Fenced, []string{"  CheckHealth\n", "fence-8  UpdateAccelerator\n",
			"UpdateAccelerator: a try failed with Lambda.TooManyRequestsException\n", "It ended fenced (split).\n"}, ""},
		"ignored":   {[]awsfake.Run{nights.Healed(night.Add(time.Hour), "x")}, history.Ignored, []string{"It ended ignored (site-visible).\n"}, ""},
		"rehearsed": {nights.Rehearsed(night.Add(time.Hour), "x", 8), history.Rehearsed, []string{"It ended rehearsed (site-visible).\n"}, ""},
		"undecided": {[]awsfake.Run{nights.Undecided(night.Add(time.Hour), "x")}, history.Undecided, nil, "the replay ended undecided (Undecided): Nothing was changed"},
		"stuck":     {nights.StuckOffline(night.Add(time.Hour), "x", 8), history.KindFailed, nil, "the replay ended failed (Misconfigured): "},
	} {
		for _, output := range []string{"table", "json"} {
			t.Run(name+" "+output, func(t *testing.T) {
				a := newAccount(t)
				a.machines.Put(nights.Undecided(night, "g-1"))
				go goesOn(t.Context(), a, test.ends)
				out, _, err := sitefence(t.Context(), "replay", "g-1", "--wait", "-o", output)
				if (err == nil) != (test.failure == "") || err != nil && (!strings.Contains(err.Error(), test.failure) || strings.Contains(err.Error(), "\n")) {
					t.Errorf("%v, want %q", err, test.failure)
				}
				if output == "json" {
					got := decode[replayAnswer](t, out)
					if got.Kind != test.kind || !arn.MatchString(got.Execution) || got.Replayed != nights.Undecided(night, "g-1").ARN() || (got.Fence != "") != (len(test.ends) > 1) {
						t.Errorf("%+v", got)
					}
					return
				}
				for _, want := range append(test.prints, "replay-") {
					if !strings.Contains(out, want) {
						t.Errorf("no %q in\n%s", want, out)
					}
				}
			})
		}
	}
}

// Who stops following stops nothing, and is told so.
func TestReplayInterrupted(t *testing.T) {
	a := newAccount(t)
	a.machines.Put(nights.Undecided(night, "g-1"))
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		// It was read, it was started, and it is followed.
		for len(a.machines.Calls()) < 8 && t.Context().Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		stop()
	}()
	if _, _, err := sitefence(ctx, "replay", "g-1", "--wait"); err == nil || !strings.Contains(err.Error(), "it goes on by itself: see `sitefence report arn:") {
		t.Errorf("%v", err)
	}
}
