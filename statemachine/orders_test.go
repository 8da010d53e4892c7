package statemachine_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/statemachine"
)

// TestPhases holds what the restore machine asks for, and of whom, against Go's
// constants: each phase has its Choice, each action its task.
func TestPhases(t *testing.T) {
	known := constants(t)
	for what, pattern := range map[string]string{"Phase": `\$restore\.phase = '([^']*)'`, "Action": `'action': '([^']*)'`} {
		var got []string
		for _, hit := range regexp.MustCompile(pattern).FindAllStringSubmatch(statemachine.Restore, -1) {
			got = append(got, hit[1])
		}
		slices.Sort(got)
		want := slices.Sorted(slices.Values(known[what]))
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			t.Errorf("%s (-Go +machine):\n%s", what, diff)
		}
	}
	for name, text := range map[string]string{"guard": statemachine.Guard, "fence": statemachine.Fence} {
		for _, hit := range regexp.MustCompile(`\.operation = '([^']*)'`).FindAllStringSubmatch(text, -1) {
			if !slices.Contains(known["Operation"], hit[1]) {
				t.Errorf("%s: there is no operation %q", name, hit[1])
			}
		}
	}
	m := machines(t)["restore"]
	if c := m.States["Undo"].Catch; len(c) != 0 {
		t.Errorf("Undo has a Catch: it could not be redriven: %+v", c)
	}
}

// TestOnlyTheGuardYields: the turn of a fence is taken; and no rehearsal reaches a
// task that changes something.
func TestOnlyTheGuardYields(t *testing.T) {
	if strings.Contains(statemachine.Fence, "yield") {
		t.Error("the fence machine knows of yielding")
	}
	guard := machines(t)["guard"]
	if c := guard.States["Decide"].Choices[0]; c.Next != "YieldToPreferred" || guard.States["YieldToPreferred"].Next != "CheckHealth" {
		t.Errorf("the guard does not look again after it has yielded: %+v", c)
	}
	fence := machines(t)["fence"]
	reached := map[string]bool{}
	var walk func(id string)
	walk = func(id string) {
		s, ok := fence.States[id]
		if !ok || reached[id] {
			return
		}
		reached[id] = true
		walk(s.Next)
		walk(s.Default)
		for _, c := range s.Catch {
			walk(c.Next)
		}
		for _, c := range s.Choices {
			walk(c.Next)
		}
	}
	walk("RehearseUpdate")
	// What ends badly goes over the event of it to the end that it explained itself.
	for id, s := range fence.States {
		if s.Type == "Fail" && id != "RehearsalFailed" {
			delete(reached, id)
		}
	}
	want := []string{"AnnounceFailure", "ExplainRehearsalFailed", "RehearsalFailed", "RehearseOffline", "RehearseUpdate", "Rehearsed", "WhichFailure?"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(reached))); diff != "" {
		t.Errorf("what follows a rehearsal (-want +got):\n%s", diff)
	}
}

// TestRehearsalsGiveWay: a rehearsal holds the turn, and a report that comes
// meanwhile waits for it. What the functions say is not pursued as in a fence.
func TestRehearsalsGiveWay(t *testing.T) {
	states := machines(t)["fence"].States
	for _, id := range []string{"RehearseUpdate", "RehearseOffline"} {
		r := states[id].Retry[1]
		if !slices.Equal(r.ErrorEquals, []string{"Transient"}) || r.MaxAttempts == 0 || budget(r) > 30 {
			t.Errorf("%s: a report may wait for %.0f s and every call between: %+v", id, budget(r), r)
		}
	}
}

// TestNoEventSaysBegun: what has begun a machine says itself. In an event it would
// go over a pause, and past the preferred site.
func TestNoEventSaysBegun(t *testing.T) {
	for name, want := range map[string]string{"guard": "'begun': false}", "fence": "'begun': $begun}"} {
		if got := string(machines(t)[name].States["CheckHealth"].Arguments); !strings.Contains(got, want) {
			t.Errorf("%s: CheckHealth's payload is %s, want %s last", name, got, want)
		}
	}
}
