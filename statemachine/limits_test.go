package statemachine_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/statemachine"
)

// TestDefaultLimits: without configuration the machines have the design's numbers.
func TestDefaultLimits(t *testing.T) {
	guard := map[string]string{"Deployment": "kc", "Rechecks": "8", "RecheckSeconds": "15", "AlertAgeSeconds": "600", "TurnSeconds": "3600"}
	fence := map[string]string{"Deployment": "kc", "Rechecks": "3", "RecheckSeconds": "5", "HalfwayRechecks": "8", "UpdateTries": "12", "DeployRechecks": "40"}
	for _, l := range []config.GuardLimits{{}, config.DefaultGuardLimits} {
		if diff := cmp.Diff(guard, statemachine.GuardNames("kc", l)); diff != "" {
			t.Errorf("guard (-want +got):\n%s", diff)
		}
	}
	for _, l := range []config.FenceLimits{{}, config.DefaultFenceLimits} {
		if diff := cmp.Diff(fence, statemachine.FenceNames("kc", l)); diff != "" {
			t.Errorf("fence (-want +got):\n%s", diff)
		}
	}
	if got := statemachine.FenceNames("kc", config.FenceLimits{DeployWait: 121 * time.Second})["DeployRechecks"]; got != "9" {
		t.Errorf("two minutes and a second are %s looks, want 9: not less than was asked for", got)
	}
}

// again is what the fence waits in all before the n-th further try of a write.
func again(tries int) float64 {
	total := 0.0
	for n := range tries {
		total += min(30, 5*math.Pow(2, float64(min(n, 3))))
	}
	return total
}

// TestLongestLimits: with the largest numbers that the configuration takes (its own
// tests say which) every way through a machine ends before the machine's timeout
// does it, and with the smallest ones a writer that hangs is outlasted.
func TestLongestLimits(t *testing.T) {
	all := machines(t)
	const timeout = 10800
	for _, name := range []string{"guard", "fence"} {
		if all[name].TimeoutSeconds != timeout {
			t.Fatalf("%s: timeout %d", name, all[name].TimeoutSeconds)
		}
	}
	if !strings.Contains(statemachine.Fence, "$min([30, 5 * $power(2, $min([$again, 3]))])") {
		t.Fatal("the fence's waits have changed: so must this test")
	}
	// Half an hour for the tasks themselves.
	const most = timeout - 1800
	check := budget(all["fence"].States["CheckHealth"].Retry[1])
	// Rechecks, a preferred site's delay, the turn and its last wait, a list.
	find := all["guard"].States["FindNewestFence"].Retry
	list := budget(find[0]) + budget(find[1])
	if got := 15*60 + 300 + 90*60 + 30 + check + list; got > most {
		t.Errorf("a guard may wait for %.0f s", got)
	}
	takeOffline := budget(all["fence"].States["TakeOffline"].Retry[1]) + budget(all["fence"].States["KeepTakingOffline"].Retry[1])
	if got := 60 + 40*15 + again(60) + takeOffline + check; got > most {
		t.Errorf("a fence may wait for %.0f s", got)
	}
	if got := 90 + 3600 + again(60) + check; got > most {
		t.Errorf("a rejoin may wait for %.0f s", got)
	}
	if got := again(6); got < 2*contract.UpdateAcceleratorTimeout {
		t.Errorf("six tries are over after %.0f s", got)
	}
}

// TestPatience holds what README and architecture.md promise of a guard that AWS
// refuses: how long it tries a check, and for longer a list that is throttled, at
// last once a minute. Whatever else a list ends with is tried as a check is.
func TestPatience(t *testing.T) {
	guard := machines(t)["guard"].States
	check, list := guard["CheckHealth"].Retry[1], guard["FindNewestFence"].Retry
	for name, tt := range map[string]struct {
		got          retrier
		errors       []string
		average, gap float64 // seconds
	}{
		"a check":         {check, []string{"States.ALL"}, 165, 30},
		"a list refused":  {list[0], []string{"Sfn.ThrottlingException", "Sfn.SfnException"}, 361, 60},
		"any other error": {list[1], []string{"States.ALL"}, 165, 30},
	} {
		if diff := cmp.Diff(tt.errors, tt.got.ErrorEquals); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got := budget(tt.got) / 2; got != tt.average || tt.got.MaxDelaySeconds != tt.gap {
			t.Errorf("%s is tried for %.0f s on average, at last every %.0f s; want %.0f and %.0f", name, got, tt.got.MaxDelaySeconds, tt.average, tt.gap)
		}
	}
}
