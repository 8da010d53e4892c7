package storm

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/wiring"
	"github.com/sitefence/sitefence/local/asl"
)

type step func(context.Context, json.RawMessage) (any, error)

func stepOf[In, Out any](h wiring.Handler[In, Out]) step {
	serve := wiring.Step(h.Handle)
	return func(ctx context.Context, raw json.RawMessage) (any, error) { return serve(ctx, raw) }
}

var timeouts = map[string]time.Duration{
	"checkhealth":       contract.CheckHealthTimeout * time.Second,
	"updateaccelerator": contract.UpdateAcceleratorTimeout * time.Second,
	"takeoffline":       contract.TakeOfflineTimeout * time.Second,
}

// run is one execution.
type run struct {
	*asl.Execution
	deployment *deployment
	machine    string
	began      time.Time
	ended      time.Time
}

func machineARN(deployment, kind string) string {
	return "arn:aws:states:" + region + ":123456789012:stateMachine:" + deployment + "-" + kind
}

func executionARN(machine, name string) string {
	return strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":" + name
}

func (a *account) startGuard(input map[string]any) {
	d := a.deployments[fmt.Sprint(input["deployment"])]
	// EventBridge starts it, later if need be, and tries again what is throttled.
	time.Sleep(a.meter.wait(invocations, 1))
	for !a.meter.take("StartExecution") {
		time.Sleep(time.Second)
	}
	a.live(a.begin(d, d.guard, "guard", fmt.Sprintf("event-%d", rand.Int64()), input)) //nolint:gosec // a name
}

// begin makes an execution known, under the lock of the machines; nil if its machine
// has one of that name: of two that ask at one moment one gets it, as on AWS.
func (a *account) begin(d *deployment, definition *asl.Definition, kind, name string, input any) *run {
	machine := machineARN(d.name, kind)
	r := &run{deployment: d, machine: machine, began: time.Now()}
	a.machines.Lock()
	defer a.machines.Unlock()
	if slices.ContainsFunc(a.runs, func(e *run) bool { return e.machine == machine && e.Name == name }) {
		return nil
	}
	r.Execution = definition.Start(name, executionARN(machine, name), input, asl.Options{Now: time.Now, Random: rand.Float64})
	a.runs = append(a.runs, r)
	return r
}

// live lives an execution to its end.
func (a *account) live(r *run) {
	entered := 0
	for {
		a.machines.Lock()
		status, call, pause := r.Status, r.Call(), r.Pause()
		fresh := len(r.Trace) - entered
		a.machines.Unlock()
		entered += fresh
		time.Sleep(a.meter.wait(transitions, fresh))
		switch {
		case status != asl.Running:
			r.ended = time.Now()
			return
		case call == nil:
			time.Sleep(pause)
			a.locked(r.Resume)
		default:
			result, problem, cause := a.task(r, call)
			a.locked(func() {
				if problem != "" {
					r.Fail(problem, cause)
				} else {
					r.Succeed(result)
				}
			})
		}
	}
}

func (a *account) locked(do func()) {
	a.machines.Lock()
	defer a.machines.Unlock()
	do()
}

// task carries out a task; problem is the error's name.
func (a *account) task(r *run, call *asl.Call) (result any, problem, cause string) {
	in, _ := call.Arguments.(map[string]any)
	text := func(key string) string { s, _ := in[key].(string); return s }
	if call.Resource == "arn:aws:states:::lambda:invoke" {
		return a.invoke(r, text("FunctionName"), in["Payload"])
	}
	time.Sleep(trip)
	operation := call.Resource[strings.LastIndexAny(call.Resource, ":")+1:]
	operation = strings.ToUpper(operation[:1]) + operation[1:]
	if !a.meter.take(operation) {
		return nil, "Sfn.ThrottlingException", "Rate exceeded"
	}
	switch operation {
	case "ListExecutions":
		executions := []any{}
		for _, e := range a.list(text("StateMachineArn"), text("StatusFilter")) {
			executions = append(executions, map[string]any{"Name": e.Name, "Status": string(e.Status), "ExecutionArn": e.ID})
		}
		return map[string]any{"Executions": executions}, "", ""
	case "DescribeExecution":
		for _, e := range a.list(machineARN(r.deployment.name, "fence"), "") {
			if e.ID == text("ExecutionArn") {
				return map[string]any{"Name": e.Name, "Status": string(e.Status)}, "", ""
			}
		}
		return nil, "Sfn.ExecutionDoesNotExistException", ""
	case "StartExecution":
		fence := a.begin(r.deployment, r.deployment.ends, "fence", text("Name"), in["Input"])
		if fence == nil {
			return nil, "StepFunctions.ExecutionAlreadyExistsException", ""
		}
		a.open.Go(func() { a.live(fence) })
		return map[string]any{"ExecutionArn": fence.ID}, "", ""
	case "PutEvents":
		return map[string]any{"FailedEntryCount": 0.0, "Entries": []any{map[string]any{"EventId": "1"}}}, "", ""
	}
	return nil, "States.Runtime", "nobody serves " + call.Resource
}

// list is a machine's executions, newest first.
func (a *account) list(machine, filter string) []*run {
	a.machines.Lock()
	defer a.machines.Unlock()
	var all []*run
	for _, r := range slices.Backward(a.runs) {
		if r.machine == machine && (filter == "" || filter == string(r.Status)) {
			all = append(all, r)
		}
	}
	return all
}

// invoke is one invocation of a deployment's function.
func (a *account) invoke(r *run, function string, payload any) (result any, problem, cause string) {
	own := function == "updateaccelerator"
	if own {
		if !r.deployment.writer.TryLock() {
			return nil, "Lambda.TooManyRequestsException", "Rate Exceeded."
		}
		defer r.deployment.writer.Unlock()
	}
	name := r.deployment.name + "-" + function
	first, err := a.enter(name, own)
	if err != nil {
		return nil, "Lambda.TooManyRequestsException", err.Error()
	}
	defer a.leave(name, own)
	time.Sleep(trip)
	if first {
		time.Sleep(coldStart)
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		return nil, "States.Runtime", err.Error()
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeouts[function])
	defer cancel()
	output, err := r.deployment.steps[function](ctx, raw)
	if err != nil {
		kind := reflect.TypeOf(err).String()
		text, _ := json.Marshal(map[string]string{"errorMessage": err.Error()})
		return nil, kind[strings.LastIndex(kind, ".")+1:], string(text)
	}
	return map[string]any{"Payload": output, "StatusCode": 200.0}, "", ""
}

// serveStates is ListExecutions as the functions call it.
func (a *account) serveStates(w http.ResponseWriter, r *http.Request) {
	var in struct{ StateMachineArn, StatusFilter string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	executions := []map[string]any{}
	for _, e := range a.list(in.StateMachineArn, in.StatusFilter) {
		executions = append(executions, map[string]any{"name": e.Name, "status": string(e.Status),
			"stateMachineArn": in.StateMachineArn, "executionArn": e.ID, "startDate": e.began.Unix()})
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(map[string]any{"executions": executions})
}
