package statemachine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/statemachine"
)

// TestWaysBack: after every wait the world is looked at again, or the fence that is
// waited for, from which there is no way but back to that look; the guard's id
// keeps two inputs from being equal; news can never stop a fence.
func TestWaysBack(t *testing.T) {
	all := machines(t)
	looks := map[string][]string{"guard": {"CheckHealth"}, "fence": {"CheckHealth"}, "restore": {"Check", "Progress"}}
	for name, m := range all {
		for id, s := range m.States {
			if s.Type == "Wait" && !slices.Contains(looks[name], s.Next) && (name != "guard" || s.Next != "FenceToWaitFor?") {
				t.Errorf("%s: %s goes to %s, want a look: one of %v", name, id, s.Next, looks[name])
			}
		}
	}
	guard := all["guard"].States
	for id, ways := range map[string][]string{"FenceToWaitFor?": {"LookAtOpenFence", "CheckHealth"}, "FenceStillOpen?": {"PlanTheWait", "CheckHealth"}} {
		if s := guard[id]; len(s.Choices) != 1 || !slices.Equal([]string{s.Choices[0].Next, s.Default}, ways) {
			t.Errorf("guard: %s goes to %v, else %s, want %v", id, s.Choices, s.Default, ways)
		}
	}
	// Not on at a page of a list that is minutes old.
	for id, s := range guard {
		if id != "OurTurn?" && (s.Next == "FindNewestFence" || s.Default == "FindNewestFence") {
			t.Errorf("guard: %s goes to FindNewestFence without beginning at its first page", id)
		}
		for _, c := range s.Choices {
			if id != "OurTurn?" && c.Next == "FindNewestFence" && !strings.Contains(string(c.Assign), `"turn": {}`) {
				t.Errorf("guard: %s goes to FindNewestFence with %s, want its first page", id, c.Assign)
			}
		}
	}
	if s := guard["LookAtOpenFence"]; s.Next != "FenceStillOpen?" || len(s.Catch) != 1 || s.Catch[0].Next != "CheckHealth" || !slices.Equal(s.Catch[0].ErrorEquals, []string{"States.ALL"}) {
		t.Errorf("guard: LookAtOpenFence goes to %s, on an error %+v", s.Next, s.Catch)
	}
	if !strings.Contains(string(guard["StartFence"].Arguments), "'guard': $states.context.Execution.Id") {
		t.Error("StartFence's input does not hold the guard execution's id")
	}
	for id, next := range map[string]string{"Announce": "Fenced", "AnnounceRejoin": "Rejoined", "StillTrying": "KeepTakingOffline",
		"AnnounceIgnored": "Paused?", "AnnounceFailure": "WhichFailure?"} {
		for _, name := range []string{"guard", "fence"} {
			s, ok := all[name].States[id]
			if !ok && name == "guard" && !strings.HasSuffix(next, "?") {
				continue
			}
			if c := s.Catch; len(c) != 1 || !slices.Equal(c[0].ErrorEquals, []string{"States.ALL"}) || c[0].Next != next || s.Next != next {
				t.Errorf("%s: %s can change how it ends: %+v, else %s", name, id, c, s.Next)
			}
		}
	}
	for text, limits := range map[string][]string{
		statemachine.Guard:   {"$rechecks < $limits.rechecks %", "$waited >= $limits.turnSeconds %", "$waited - $refusedAt >= 60 ?", "<= 1000 * $limits.alertAgeSeconds %", "$not($yielded) %", "$looks % 4 != 0 %"},
		statemachine.Fence:   {"$rechecks < $limits.halfwayRechecks %", "$glances < $limits.rechecks %", "$again < $limits.updateTries %", "$rechecks < $limits.deployRechecks %", "$puts < 20 %"},
		statemachine.Restore: {"$looks < 4 %", "$polls < 720 %"},
	} {
		for _, limit := range limits {
			if !strings.Contains(text, limit) {
				t.Errorf("a bound has changed: %q is gone", limit)
			}
		}
	}
}
