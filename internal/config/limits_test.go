package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/config"
)

func TestLimits(t *testing.T) {
	guard := func(change func(*config.GuardLimits)) func(*config.Tuning) {
		return func(t *config.Tuning) { change(&t.Guard) }
	}
	fence := func(change func(*config.FenceLimits)) func(*config.Tuning) {
		return func(t *config.Tuning) { change(&t.Fence) }
	}
	for name, tc := range map[string]struct {
		lines string
		want  func(*config.Tuning) // of the defaults
		wrong []string
	}{
		"none":        {"guard: {}", nil, nil},
		"nothing":     {"guard:\n  fence: ~", nil, nil},
		"one of each": {"guard: {rechecks: 20}\n  fence: {updateTries: 6}", func(t *config.Tuning) { t.Guard.Rechecks, t.Fence.UpdateTries = 20, 6 }, nil},
		"all of the guard": {"guard: {rechecks: 2, recheckWait: 30s, alertAge: 24h, giveUpAfter: 90m}", guard(func(g *config.GuardLimits) {
			*g = config.GuardLimits{Rechecks: 2, RecheckWait: 30 * time.Second, AlertAge: 24 * time.Hour, GiveUpAfter: 90 * time.Minute}
		}), nil},
		"all of the fence": {"fence: {rechecks: 12, recheckWait: 5s, halfwayRechecks: 40, updateTries: 60, deployWait: 1h}", fence(func(f *config.FenceLimits) {
			*f = config.FenceLimits{Rechecks: 12, RecheckWait: 5 * time.Second, HalfwayRechecks: 40, UpdateTries: 60, DeployWait: time.Hour}
		}), nil},
		"the least": {"guard: {rechecks: 12, recheckWait: 5s, alertAge: 5m, giveUpAfter: 15m}\n  fence: {rechecks: 1, recheckWait: 1s, halfwayRechecks: 4, deployWait: 2m}", func(t *config.Tuning) {
			t.Guard = config.GuardLimits{Rechecks: 12, RecheckWait: 5 * time.Second, AlertAge: 5 * time.Minute, GiveUpAfter: 15 * time.Minute}
			t.Fence = config.FenceLimits{Rechecks: 1, RecheckWait: time.Second, HalfwayRechecks: 4, UpdateTries: 12, DeployWait: 2 * time.Minute}
		}, nil},
		"together too short": {"guard: {rechecks: 3}", nil, []string{"tuning.guard: got 3 rechecks of 15s, 45s in all, want rechecks × recheckWait from 1m to 15m"}},
		"together too long":  {"guard: {rechecks: 60, recheckWait: 60s}\n  fence: {rechecks: 12, recheckWait: 15s}", nil, []string{"tuning.guard: got 60 rechecks of 1m, 1h in all", "tuning.fence: got 12 rechecks of 15s, 3m in all, want rechecks × recheckWait from 1s to 1m"}},
		"too many": {"guard: {rechecks: 61, recheckWait: 61s, alertAge: 25h, giveUpAfter: 121m}\n  fence: {rechecks: 13, recheckWait: 16s, halfwayRechecks: 41, updateTries: 61, deployWait: 61m}", nil, []string{
			"tuning.guard.rechecks: got 61, want a whole number from 2 to 60", `tuning.guard.recheckWait: got "61s", want a time from 5s to 1m`,
			`tuning.guard.alertAge: got "25h", want a time from 5m to 24h`, `tuning.guard.giveUpAfter: got "121m", want a time from 15m to 1h30m`,
			"tuning.fence.rechecks: got 13", `tuning.fence.recheckWait: got "16s"`, "tuning.fence.halfwayRechecks: got 41", "tuning.fence.updateTries: got 61", `tuning.fence.deployWait: got "61m"`}},
		"too few": {"guard: {rechecks: 1, recheckWait: 4s, alertAge: 299s, giveUpAfter: 14m}\n  fence: {rechecks: 0, halfwayRechecks: 3, updateTries: 5, deployWait: 119s}", nil, []string{
			"tuning.guard.rechecks: got 1", `tuning.guard.recheckWait: got "4s"`, `tuning.guard.alertAge: got "299s"`, `tuning.guard.giveUpAfter: got "14m"`,
			"tuning.fence.rechecks: got 0", "tuning.fence.halfwayRechecks: got 3", "tuning.fence.updateTries: got 5", `tuning.fence.deployWait: got "119s"`}},
		"of another kind": {"guard: {rechecks: 8.5, recheckWait: 15, alertAge: 1h30m, giveUpAfter: [1h]}\n  fence: {rechecks: three}", nil, []string{
			"tuning.guard.rechecks: got a number, want a whole number", "tuning.guard.recheckWait: got a number", `tuning.guard.alertAge: got "1h30m", want a time as 15s, 10m or 1h`,
			"tuning.guard.giveUpAfter: got a list", "tuning.fence.rechecks: got text"}},
		"huge":     {"guard: {rechecks: 99999999999999999999, giveUpAfter: 99999h}", nil, []string{"tuning.guard.rechecks: got ", `tuning.guard.giveUpAfter: got "99999h"`}},
		"unknown":  {"guard: {retries: 3}", nil, []string{"tuning.guard.retries: unknown field; known here: rechecks, recheckWait"}},
		"no group": {"guard: 8", nil, []string{"tuning.guard: got a number, want a mapping"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := load(t, strings.Replace(good, "webhook:", "tuning:\n  "+tc.lines+"\nwebhook:", 1))
			if tc.wrong != nil {
				wantProblems(t, err, tc.wrong...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := config.Tuning{Guard: config.DefaultGuardLimits, Fence: config.DefaultFenceLimits}
			if tc.want != nil {
				tc.want(&want)
			}
			if diff := cmp.Diff(want, config.Tuning{Guard: got.Tuning.Guard, Fence: got.Tuning.Fence}); diff != "" {
				t.Errorf("limits (-want +got):\n%s", diff)
			}
		})
	}
}
