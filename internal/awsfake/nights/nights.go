// Package nights has the executions of a few nights, for tests: as the machines
// leave them in Step Functions, with their inputs, outputs and histories.
package nights

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
)

// The machines of the deployment `main` of a stack.
const (
	account  = "arn:aws:states:eu-west-1:000000000000:stateMachine:sitefence-main-"
	Guards   = account + "guard-0a1b2c3d"
	Fences   = account + "fence-0a1b2c3d"
	Restores = account + "restore-0a1b2c3d"
)

// Record is what a fence of site-b removes: one listener, one endpoint.
var Record = []contract.Endpoint{{
	Listener:             "arn:aws:globalaccelerator::000000000000:accelerator/1234/listener/5678",
	Group:                "arn:aws:globalaccelerator::000000000000:accelerator/1234/listener/5678/endpoint-group/9abc",
	Endpoint:             "arn:aws:elasticloadbalancing:eu-west-1:000000000000:loadbalancer/net/site-b/0123456789abcdef",
	Weight:               128,
	ClientIPPreservation: true,
}}

// Evidence is of a split: both serve, site-a does not see site-b.
var Evidence = contract.Evidence{
	Sites: map[contract.Site]contract.SiteEvidence{
		"site-a": {Endpoints: 1, Listeners: 1, InService: 1}, "site-b": {Endpoints: 1, Listeners: 1, InService: 1}},
	Sees: []contract.Site{"site-a"}, Backup: "online",
}

// Event is site-a's report of site-b, received at that time.
func Event(at time.Time) contract.Event {
	return contract.Event{
		Version: contract.Version, Deployment: "main", Accelerator: "a1234.awsglobalaccelerator.com", Reporter: "site-a", Site: "site-b",
		Alert:      contract.Alert{Fingerprint: "0123456789abcdef", StartsAt: at.Add(-20 * time.Second).UTC(), GroupKey: `{}:{alertname="SiteOffline"}`},
		ReceivedAt: at.UTC(),
	}
}

// tape writes an execution's history while time passes.
type tape struct {
	run awsfake.Run
	now time.Time
}

func begin(machine, name string, at time.Time, input any) *tape {
	return &tape{run: awsfake.Run{Machine: machine, Name: name, Status: "RUNNING", Started: at.UTC(), Input: text(input)}, now: at.UTC()}
}

// state passes one: what kind of state it is, how long it took, what came out.
func (t *tape) state(kind, name string, took time.Duration, output any) *tape {
	t.enter(kind, name)
	t.now = t.now.Add(took)
	t.run.Events = append(t.run.Events, awsfake.RunEvent{Type: kind + "StateExited", State: name, At: t.now, Output: text(output)})
	return t
}

func (t *tape) enter(kind, name string) *tape {
	t.run.Events = append(t.run.Events, awsfake.RunEvent{Type: kind + "StateEntered", State: name, At: t.now})
	return t
}

// try is a task's try that failed, within the state that was entered last.
func (t *tape) try(took time.Duration, err, cause string) *tape {
	t.now = t.now.Add(took)
	t.run.Events = append(t.run.Events, awsfake.RunEvent{Type: "TaskFailed", At: t.now, Error: err, Cause: cause})
	return t
}

func (t *tape) succeed(name string, output any) awsfake.Run {
	t.state("Succeed", name, 0, output)
	t.run.Status, t.run.Ended, t.run.Output = "SUCCEEDED", t.now, text(output)
	return t.run
}

func (t *tape) fail(name, err, cause string) awsfake.Run {
	t.enter("Fail", name)
	t.run.Status, t.run.Ended, t.run.Error, t.run.Cause = "FAILED", t.now, err, cause
	return t.run
}

func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// object is v as JSON with further fields.
func object(v any, further map[string]any) map[string]any {
	all := map[string]any{}
	if err := json.Unmarshal([]byte(text(v)), &all); err != nil {
		panic(err)
	}
	maps.Copy(all, further)
	return all
}

func check(e contract.Event, d contract.Decision, r contract.Reason, at time.Time) contract.Check {
	c := contract.Check{Version: contract.Version, Deployment: e.Deployment, Reporter: e.Reporter, Site: e.Site, Decision: d, Reason: r,
		Present: true, Record: Record, Evidence: Evidence, CheckedAt: at.UTC()}
	if r == contract.SiteVisible {
		c.Evidence.Sees = []contract.Site{"site-a", "site-b"}
	}
	return c
}

// guarded is a guard execution that starts a fence of that generation.
func guarded(at time.Time, name string, e contract.Event, n int, c contract.Check) (awsfake.Run, string) {
	fence := awsfake.Run{Machine: Fences, Name: fmt.Sprintf("fence-%d", n)}.ARN()
	guard := begin(Guards, name, at, e).
		state("Pass", "Remember", 0, e).
		state("Task", "CheckHealth", 320*time.Millisecond, c).
		state("Choice", "Decide", 0, c).
		state("Task", "FindNewestFence", 115*time.Millisecond, c).
		state("Task", "StartFence", 70*time.Millisecond, "{}").
		succeed("FenceStarted", map[string]any{"outcome": "FenceStarted", "fence": fence, "reason": c.Reason, "evidence": c.Evidence})
	return guard, guard.ARN()
}

// Fenced is a night: site-b was fenced, with one try of UpdateAccelerator that
// failed on the way. The guard execution has the given name, the fence the number.
func Fenced(at time.Time, name string, n int) []awsfake.Run {
	e := Event(at)
	c := check(e, contract.Fence, contract.Split, at)
	guard, arn := guarded(at, name, e, n, c)
	offline := contract.Offline{Version: contract.Version, Backup: "offline", Caches: []string{"authenticationSessions", "sessions"}}
	fence := begin(Fences, fmt.Sprintf("fence-%d", n), guard.Ended, object(e, map[string]any{"guard": arn})).
		state("Pass", "Remember", 0, "{}").
		state("Task", "CheckHealth", 300*time.Millisecond, c).
		state("Choice", "Decide", 0, c).
		enter("Task", "UpdateAccelerator").try(900*time.Millisecond, "Lambda.TooManyRequestsException", "Rate Exceeded.")
	fence.now = fence.now.Add(1100 * time.Millisecond)
	fence.run.Events = append(fence.run.Events, awsfake.RunEvent{Type: "TaskStateExited", State: "UpdateAccelerator", At: fence.now,
		Output: text(contract.Update{Version: contract.Version, Removed: Record})})
	return []awsfake.Run{guard, fence.
		state("Task", "TakeOffline", 210*time.Millisecond, offline).
		state("Task", "Announce", 40*time.Millisecond, "{}").
		succeed("Fenced", map[string]any{"outcome": "Fenced", "deployment": "main", "survivor": "site-a", "site": "site-b",
			"reason": contract.Split, "replication": offline, "record": Record})}
}

// Rehearsed is a drill.
func Rehearsed(at time.Time, name string, n int) []awsfake.Run {
	e := Event(at)
	e.DryRun, e.Order = true, &contract.Order{By: "ada", Reason: "monthly drill"}
	c := check(e, contract.Rehearse, contract.SiteVisible, at)
	c.PassedOver = []contract.Reason{contract.SiteVisible}
	guard, arn := guarded(at, name, e, n, c)
	update := contract.Update{Version: contract.Version, Removed: []contract.Endpoint{}, DryRun: true, Planned: Record}
	offline := contract.Offline{Version: contract.Version, Backup: "online", Caches: []string{"authenticationSessions", "sessions"}, DryRun: true,
		Notes: []string{"site-present: site-b is in the accelerator; a real fence would have removed it before"}}
	return []awsfake.Run{guard, begin(Fences, fmt.Sprintf("fence-%d", n), guard.Ended, object(e, map[string]any{"guard": arn})).
		state("Task", "CheckHealth", 300*time.Millisecond, c).
		state("Task", "RehearseUpdate", 400*time.Millisecond, update).
		state("Task", "RehearseOffline", 120*time.Millisecond, offline).
		succeed("Rehearsed", map[string]any{"outcome": "Rehearsed", "deployment": "main", "survivor": "site-a", "site": "site-b", "reason": c.Reason,
			"passedOver": c.PassedOver, "evidence": c.Evidence, "update": update, "replication": offline, "record": Record})}
}

// Rejoined is the end of a restore: site-b's endpoints went back.
func Rejoined(at time.Time, name string, n int) []awsfake.Run {
	e := Event(at)
	e.Operation, e.Order, e.Endpoints = contract.OperationRejoin, &contract.Order{By: "ada", Reason: "the link is mended"}, Record
	c := check(e, contract.Rejoin, contract.InSync, at)
	c.Evidence.Links = []contract.Link{{From: "site-a", To: "site-b", Sees: true, Backup: "online"}, {From: "site-b", To: "site-a", Sees: true, Backup: "online"}}
	guard, arn := guarded(at, name, e, n, c)
	done := c
	done.Decision, done.Reason = contract.Ignore, contract.AlreadyServing
	return []awsfake.Run{guard, begin(Fences, fmt.Sprintf("fence-%d", n), guard.Ended, object(e, map[string]any{"guard": arn})).
		state("Wait", "WaitOutOlderSteps", 90*time.Second, "{}").
		state("Task", "CheckHealth", 300*time.Millisecond, c).
		state("Task", "PutBack", 700*time.Millisecond, contract.Update{Version: contract.Version, Removed: []contract.Endpoint{}, Added: Record}).
		state("Wait", "WaitToDeploy", 15*time.Second, "{}").
		state("Task", "CheckHealth", 300*time.Millisecond, done).
		state("Task", "AnnounceRejoin", 40*time.Millisecond, "{}").
		succeed("Rejoined", map[string]any{"outcome": "Rejoined", "deployment": "main", "survivor": "site-a", "site": "site-b", "reason": done.Reason,
			"evidence": done.Evidence, "endpoints": Record})}
}

// Healed is a guard that found the site visible, looked again and let it be.
func Healed(at time.Time, name string) awsfake.Run {
	e := Event(at)
	c := check(e, contract.Recheck, contract.SiteVisible, at)
	return begin(Guards, name, at, e).
		state("Task", "CheckHealth", 300*time.Millisecond, c).
		state("Wait", "WaitToRecheck", 15*time.Second, "{}").
		state("Task", "CheckHealth", 280*time.Millisecond, c).
		succeed("Ignored", map[string]any{"outcome": "Ignored", "reason": c.Reason, "evidence": c.Evidence})
}

// Paused is a guard that met a pause.
func Paused(at time.Time, name string) awsfake.Run {
	e := Event(at)
	c := check(e, contract.Ignore, contract.Paused, at)
	c.Evidence.Pause = &contract.Pause{Reason: "switch replacement", By: "ada", Since: at.Add(-time.Hour).UTC(), Until: at.Add(time.Hour).UTC()}
	return begin(Guards, name, at, e).
		state("Task", "CheckHealth", 300*time.Millisecond, c).
		succeed("Paused", map[string]any{"outcome": "Paused", "reason": c.Reason, "evidence": c.Evidence})
}

// Undecided is a guard that nobody's decision ended.
func Undecided(at time.Time, name string) awsfake.Run {
	e := Event(at)
	c := check(e, contract.Recheck, contract.ReporterUnreachable, at)
	c.Evidence.Trouble = "GET https://infinispan.site-a/rest/v2/container: timeout"
	return begin(Guards, name, at, e).
		state("Task", "CheckHealth", 2*time.Second, c).
		state("Wait", "WaitToRecheck", 15*time.Second, "{}").
		state("Task", "CheckHealth", 2*time.Second, c).
		fail("Undecided", "Undecided", "Nothing was changed, and nobody else will decide: reporter-unreachable. Look at the evidence in the last CheckHealth output, "+
			"mend what it names (or choose the site that goes on and fence the other by hand), then replay this guard execution: New execution, same input. Evidence: "+text(c.Evidence))
}

// StuckOffline is a fence that failed in place, in KeepTakingOffline.
func StuckOffline(at time.Time, name string, n int) []awsfake.Run {
	e := Event(at)
	c := check(e, contract.Fence, contract.Split, at)
	guard, arn := guarded(at, name, e, n, c)
	cause := `{"errorMessage":"bad-credentials: Infinispan of site-a answers 401, also after the secret was read again","errorType":"Misconfigured"}`
	fence := begin(Fences, fmt.Sprintf("fence-%d", n), guard.Ended, object(e, map[string]any{"guard": arn})).
		state("Task", "CheckHealth", 300*time.Millisecond, c).
		state("Task", "UpdateAccelerator", 1100*time.Millisecond, contract.Update{Version: contract.Version, Removed: Record}).
		enter("Task", "TakeOffline").try(200*time.Millisecond, "Misconfigured", cause).
		enter("Task", "KeepTakingOffline").try(200*time.Millisecond, "Misconfigured", cause)
	fence.run.Status, fence.run.Ended, fence.run.Error, fence.run.Cause = "FAILED", fence.now, "Misconfigured", cause
	return []awsfake.Run{guard, fence.run}
}

// Waiting is a guard that waits for its turn.
func Waiting(at time.Time, name string) awsfake.Run {
	e := Event(at)
	c := check(e, contract.Fence, contract.Split, at)
	return begin(Guards, name, at, e).
		state("Task", "CheckHealth", 300*time.Millisecond, c).
		state("Task", "FindNewestFence", 60*time.Millisecond, c).
		enter("Wait", "WaitForTheTurn").run
}

// Synced is the first phase of a restore.
func Synced(at time.Time, name string) awsfake.Run {
	e := Event(at)
	e.Operation, e.Order, e.Endpoints = contract.OperationRejoin, &contract.Order{By: "ada", Reason: "the link is mended"}, Record
	return begin(Restores, name, at, contract.RestoreInput{Event: e, Phase: contract.PhaseSync, Since: "fence-1", KeycloakStopped: true}).
		state("Task", "Check", 300*time.Millisecond, contract.Resync{Version: contract.Version, Action: contract.ActionCheck}).
		state("Wait", "Settle", 10*time.Second, "{}").
		state("Task", "Push", 400*time.Millisecond, contract.Resync{Version: contract.Version, Action: contract.ActionPush}).
		succeed("InSync", map[string]any{"outcome": "InSync", "deployment": "main", "survivor": "site-a", "site": "site-b", "caches": []string{"sessions"}})
}
