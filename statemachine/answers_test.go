package statemachine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/asl"
	"github.com/sitefence/sitefence/statemachine"
)

// TestRestoreBelievesNoOtherAnswer: whatever step of a restore is answered with
// something else than its own answer, the restore does not end as if it were done.
func TestRestoreBelievesNoOtherAnswer(t *testing.T) {
	phases := map[contract.Phase][]string{
		contract.PhaseSync:   {"Check", "Clear", "Push", "Progress", "Finish"},
		contract.PhaseRejoin: {"AwaitKeycloak"},
		contract.PhaseUndo:   {"Undo"},
	}
	ends := map[contract.Phase]string{contract.PhaseSync: "InSync", contract.PhaseRejoin: "RejoinStarted", contract.PhaseUndo: "Undone"}
	for phase, states := range phases {
		if e := restore(t, phase, "", nil); e.State != ends[phase] {
			t.Fatalf("%s with good answers ends at %s: %s %s", phase, e.State, e.Error, e.Cause)
		}
		for _, state := range states {
			for name, answer := range map[string]any{"nothing": map[string]any{}, "another step's": map[string]any{"action": "look", "push": map[string]any{}}, "a text": "ok"} {
				e := restore(t, phase, state, answer)
				if e.Status == asl.Succeeded || e.Status == asl.Running {
					t.Errorf("%s: %s is answered %s, and it is %s at %s", phase, state, name, e.Status, e.State)
				}
			}
		}
	}
}

// restore runs the machine to its end; one state gets another answer.
func restore(t *testing.T, phase contract.Phase, odd string, answer any) *asl.Execution {
	t.Helper()
	d, err := asl.Parse(statemachine.Restore, map[string]string{"ResyncFunctionArn": "resync", "GuardMachineArn": "arn:aws:states:r:1:stateMachine:guard"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(0, 0)
	e := d.Start("restore-1-1", "arn:x", map[string]any{"phase": string(phase), "reporter": "site-a", "site": "site-b"},
		asl.Options{Now: func() time.Time { return now }, Random: func() float64 { return 0 }})
	for n := 0; e.Status == asl.Running && n < 3000; n++ {
		if e.Call() == nil {
			now = now.Add(e.Pause())
			e.Resume()
			continue
		}
		switch state := e.Call().State; state {
		case odd:
			e.Succeed(map[string]any{"Payload": answer})
		case "AskForTheTurn":
			e.Succeed(map[string]any{"ExecutionArn": "arn:aws:states:r:1:execution:guard:rejoin-1-1"})
		default:
			e.Succeed(map[string]any{"Payload": good(strings.ToLower(state))})
		}
	}
	if slices.Contains(e.Trace, "Stopped") && !slices.Contains(e.Trace, "Undo") {
		t.Errorf("%s, %s: stopped without undoing", phase, odd)
	}
	return e
}

// good is what the function answers.
func good(action string) map[string]any {
	if action == "awaitkeycloak" {
		action = "ready"
	}
	link := []any{map[string]any{"from": "site-a", "to": "site-b"}}
	return map[string]any{"version": "1", "action": action, "checks": []any{map[string]any{"what": "x", "ok": true}},
		"caches": []any{"sessions"}, "push": map[string]any{"done": true, "total": 1, "ok": 1}, "links": link}
}
