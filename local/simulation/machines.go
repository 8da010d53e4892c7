package simulation

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/asl"
)

// Run is one execution of the guard, the fence or the restore machine, and what
// it has done.
type Run struct {
	*asl.Execution
	Fence   bool
	Restore bool // else, if it is no fence either, it is a guard

	started time.Time

	guarded   bool // a guard started it
	redriven  bool
	wake      time.Time   // end of its wait
	changed   time.Time   // start, redrive or end
	asked     *Invocation // what its task waits for
	fate      Fault       // of that task
	nonsense  bool        // a task of it was answered so
	wrote     bool        // it has written the accelerator
	strangers []string    // load balancers of no site at its first write
	took      []string    // what it has removed, as "group endpoint"
	put       bool        // it has put endpoints back
	seen      []string    // what its checks took for the site's, likewise
	held      bool        // its last check was told of a pause that holds it back
	view      time.Time   // of its last look that did not see the site
}

const (
	fenceMachine   = "arn:aws:states:eu-west-1:123456789012:stateMachine:kc-fence"
	guardMachine   = "arn:aws:states:eu-west-1:123456789012:stateMachine:kc-guard"
	restoreMachine = "arn:aws:states:eu-west-1:123456789012:stateMachine:kc-restore"
)

func executionARN(machine, name string) string {
	return strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":" + name
}

func (w *World) start(definition *asl.Definition, machine, name string, input any) *Run {
	run := &Run{Fence: machine == fenceMachine, Restore: machine == restoreMachine, started: time.Now(), changed: time.Now()}
	run.Execution = definition.Start(name, executionARN(machine, name), input, asl.Options{Now: time.Now, Random: w.random})
	w.Runs = append(w.Runs, run)
	if w.Started != nil {
		w.Started(run)
	}
	w.settle(run)
	return run
}

// settle notes when a wait ends.
func (w *World) settle(run *Run) {
	if pause := run.Pause(); pause > 0 {
		run.wake = time.Now().Add(pause)
	}
	if run.Status != asl.Running {
		run.changed = time.Now()
		w.judgeEnd(run)
	}
}

// Alert starts a guard: the reporter says that it cannot see the site.
func (w *World) Alert(reporter, site contract.Site) *Run {
	now := time.Now().UTC()
	return w.startGuard(contract.Event{Version: contract.Version, Deployment: deployment, Accelerator: "a.example.com",
		Reporter: reporter, Site: site, ReceivedAt: now,
		Alert: contract.Alert{Fingerprint: "0123456789abcdef", StartsAt: now, GroupKey: "x"}})
}

func (w *World) startGuard(input any) *Run {
	return w.start(w.definitions.guard, guardMachine, fmt.Sprintf("guard-%d", len(w.Runs)+1), plain(input))
}

// plain is an input as the machines have it.
func plain(input any) (out any) {
	data, err := json.Marshal(input)
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		panic(err)
	}
	return out
}

// Replay starts the guard of that run once more with the same input.
func (w *World) Replay(run *Run) *Run {
	for run.Fence {
		id, _ := run.Input.(map[string]any)["guard"].(string)
		i := slices.IndexFunc(w.Runs, func(r *Run) bool { return r.ID == id })
		run = w.Runs[i]
	}
	return w.startGuard(run.Input)
}

// Redrive resumes a run that did not succeed.
func (w *World) Redrive(run *Run) {
	if run.Redrive() {
		run.redriven, run.changed = true, time.Now()
		w.settle(run)
	}
}

// Abort stops a run; a function that it called goes on.
func (w *World) Abort(run *Run) {
	run.Abort()
	run.asked = nil
	w.settle(run)
}

// Do carries out the task at which a run stands. A function is started, and the
// fault, if any, is what becomes of its answer; a call of AWS is made at once.
func (w *World) Do(run *Run, fault Fault) {
	call := run.Call()
	if fault == KilledBefore {
		w.Abort(run)
		return
	}
	if call.Resource == "arn:aws:states:::lambda:invoke" {
		w.doInvoke(run, call, fault)
		return
	}
	defer w.settle(run)
	var result any
	var name string
	if fault.applies() {
		result, name = w.callAWS(run, call)
	}
	switch fault {
	case None:
	case Malformed:
		result = map[string]any{}
	case KilledAfter:
		w.Abort(run)
		return
	case Slow, SlowApplied:
		name = "States.Timeout"
	case Throttled:
		name = "Sfn.ThrottlingException"
	default:
		name = "Sfn.SfnException"
	}
	if name != "" {
		run.Fail(name, "the simulation says so") // not JSON, as AWS's are not
		return
	}
	run.Succeed(result)
}

func (w *World) doInvoke(run *Run, call *asl.Call, fault Fault) {
	arguments := call.Arguments.(map[string]any)
	function := arguments["FunctionName"].(string)
	busy := w.Reserved && (function == UpdateAccelerator || function == Resync) &&
		slices.ContainsFunc(w.alive(), func(i *Invocation) bool { return i.Function == function })
	switch {
	case busy || fault == Throttled:
		run.Fail("Lambda.TooManyRequestsException", "Rate Exceeded.")
		w.settle(run)
	case fault == Refused:
		run.Fail("Lambda.ServiceException", "")
		w.settle(run)
	case fault == Slow:
		run.Fail("States.Timeout", "")
		w.settle(run)
	default:
		run.asked, run.fate = w.invoke(function, arguments["Payload"], run), fault
	}
}

// Deliver gives the answer of a function that has ended to its run.
func (w *World) Deliver(run *Run) {
	inv := run.asked
	run.asked = nil
	defer w.settle(run)
	switch run.fate {
	case KilledAfter:
		w.Abort(run)
		return
	case SlowApplied:
		time.Sleep(run.Call().Timeout)
		run.Fail("States.Timeout", "")
		return
	case Lost:
		run.Fail("Lambda.SdkClientException", "the answer was lost")
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case run.fate == Malformed && !inv.killed && inv.problem == nil:
		run.nonsense = true
		run.Succeed(map[string]any{"Payload": map[string]any{}, "StatusCode": 200.0})
	case inv.killed:
		run.Fail("Runtime.ExitError", `{"errorType":"Runtime.ExitError","errorMessage":"exit status 137"}`)
	case inv.problem != nil:
		run.Fail(failure(inv.problem))
	default:
		if check, ok := inv.output.(contract.Check); ok {
			for _, e := range check.Record {
				run.seen = append(run.seen, e.Group+" "+e.Endpoint)
			}
		}
		run.Succeed(map[string]any{"Payload": inv.output, "StatusCode": 200.0})
	}
}

// ready reports whether the run waits for a function that has ended.
func (w *World) ready(run *Run) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return run.asked != nil && (run.asked.done || run.asked.killed)
}

// callAWS is one service integration of the machines.
func (w *World) callAWS(run *Run, call *asl.Call) (result any, problem string) {
	in, _ := call.Arguments.(map[string]any)
	text := func(key string) string { s, _ := in[key].(string); return s }
	switch call.Resource {
	case "arn:aws:states:::aws-sdk:sfn:listExecutions":
		limit, _ := in["MaxResults"].(float64)
		page, next := w.list(fenceMachine, text("StatusFilter"), text("NextToken"), int(limit))
		executions := []any{}
		for _, r := range page {
			executions = append(executions, map[string]any{"Name": r.name, "Status": r.status, "StateMachineArn": fenceMachine,
				"ExecutionArn": executionARN(fenceMachine, r.name)})
		}
		out := map[string]any{"Executions": executions}
		if next != "" {
			out["NextToken"] = next
		}
		return out, ""
	case "arn:aws:states:::aws-sdk:sfn:describeExecution":
		for _, r := range w.Fences() {
			if r.ID == text("ExecutionArn") && !w.hidden(r) {
				return map[string]any{"Name": r.Name, "Status": string(r.Status)}, ""
			}
		}
		return nil, "Sfn.ExecutionDoesNotExistException"
	case "arn:aws:states:::states:startExecution":
		if text("StateMachineArn") == guardMachine {
			return w.startGuardAs(text("Name"), in["Input"])
		}
		if slices.ContainsFunc(w.Fences(), func(r *Run) bool { return r.Name == text("Name") }) || w.Taken[text("Name")] || slices.Contains(w.Past, text("Name")) {
			return nil, "StepFunctions.ExecutionAlreadyExistsException"
		}
		w.judgeStart(text("Name"))
		fence := w.start(w.definitions.fence, fenceMachine, text("Name"), in["Input"])
		fence.guarded = true
		return map[string]any{"ExecutionArn": fence.ID}, ""
	case "arn:aws:states:::events:putEvents":
		entry := in["Entries"].([]any)[0].(map[string]any)
		w.Events = append(w.Events, entry["DetailType"].(string))
		return map[string]any{"FailedEntryCount": 0.0, "Entries": []any{map[string]any{"EventId": "1"}}}, ""
	}
	w.violate("%s calls %s, which nobody serves", run.Name, call.Resource)
	return nil, "States.Runtime"
}
