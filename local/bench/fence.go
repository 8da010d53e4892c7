package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/sitefence/sitefence/internal/alert"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/local/asl"
	"github.com/sitefence/sitefence/local/lambdaruntime"
	"github.com/sitefence/sitefence/statemachine"
)

// Step is one invocation on a fence's way, and what it called.
type Step struct {
	lambdaruntime.Invocation
	Calls []Call
}

// Fence is one fence, from the webhook to the end of its machine.
type Fence struct {
	Steps         []Step
	Guard, Fences int // states entered
	New           bool
}

// machines are the state machines as they are deployed.
type machines struct{ guard, fence *asl.Definition }

func readMachines() (machines, error) {
	resources := map[string]string{"FenceMachineArn": machineARN + "-fence", "BusName": busName, "CheckHealthFunctionArn": checkHealth,
		"UpdateAcceleratorFunctionArn": updateAccelerator, "TakeOfflineFunctionArn": takeOffline}
	with := func(names map[string]string) map[string]string {
		maps.Copy(names, resources)
		return names
	}
	guard, err := asl.Parse(statemachine.Guard, with(statemachine.GuardNames(deployment, config.DefaultGuardLimits)))
	if err != nil {
		return machines{}, err
	}
	fence, err := asl.Parse(statemachine.Fence, with(statemachine.FenceNames(deployment, config.DefaultFenceLimits)))
	return machines{guard, fence}, err
}

// errCrooked is a machine that left the straight way.
var errCrooked = errors.New("the fence did not go the straight way")

// drive is one fence under way.
type drive struct {
	ctx      context.Context
	world    *World
	deployed *Deployed
	machines machines
	fence    *asl.Execution
	result   Fence
}

// Fence lives through one fence: the link of the world's sites is lost, site-a's
// Alertmanager says so, and the machines' own files decide what follows.
func (d *Deployed) Fence(ctx context.Context, w *World, m machines) (Fence, error) {
	w.Reset()
	dr := &drive{ctx: ctx, world: w, deployed: d, machines: m}
	answer, err := dr.invoke(ingest, webhook(w.config.Accelerator.DNSNames[0], time.Now(), 1))
	if err != nil {
		return Fence{}, err
	}
	if err := posted(answer); err != nil {
		return Fence{}, err
	}
	entries := w.Bus.Events()
	if len(entries) != 1 {
		return Fence{}, fmt.Errorf("%w: %d events on the bus, want 1", errCrooked, len(entries))
	}
	var event any
	if err := json.Unmarshal([]byte(entries[0].Detail), &event); err != nil {
		return Fence{}, err
	}
	guard, err := dr.run(m.guard, "guard-1", machineARN+"-guard", event)
	if err != nil {
		return Fence{}, err
	}
	dr.result.Guard = len(guard.Trace)
	if dr.fence == nil {
		return Fence{}, fmt.Errorf("%w: the guard ended %v", errCrooked, guard.Output)
	}
	if err := dr.finish(dr.fence); err != nil {
		return Fence{}, err
	}
	dr.result.Fences = len(dr.fence.Trace)
	dr.result.New = dr.result.Steps[0].New
	return dr.result, w.Fenced()
}

// webhook is Alertmanager's post with so many alerts of one deployment that began then.
func webhook(accelerator string, began time.Time, alerts int) events.LambdaFunctionURLRequest {
	var list []string
	for i := range alerts {
		list = append(list, fmt.Sprintf(`{"status":"firing","labels":{"alertname":%q,"accelerator":%q,"reporter":%q,"site":%q,"severity":"critical","prometheus":"monitoring/k8s-%d"},`+
			`"annotations":{"summary":"the other site is offline"},"startsAt":%q,"endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus.example.com/graph","fingerprint":"%016x"}`,
			alert.Name, accelerator, siteA, siteB, i, began.UTC().Format(time.RFC3339Nano), i+1))
	}
	body := `{"receiver":"sitefence","status":"firing","alerts":[` + strings.Join(list, ",") + `],"groupLabels":{},"commonLabels":{},` +
		`"commonAnnotations":{},"externalURL":"http://alertmanager","version":"4","groupKey":"{}:{alertname=\"SiteOffline\"}","truncatedAlerts":0}`
	r := events.LambdaFunctionURLRequest{Version: "2.0", RawPath: "/", Body: body,
		Headers: map[string]string{"authorization": authorization(), "content-type": "application/json", "user-agent": "Alertmanager/0.28.1"}}
	r.RequestContext.HTTP.Method, r.RequestContext.HTTP.Path = http.MethodPost, "/"
	r.RequestContext.HTTP.SourceIP = "192.0.2.1"
	return r
}

// posted says whether the answer to a webhook is the one that it should have.
func posted(answer []byte) error {
	var r events.LambdaFunctionURLResponse
	if err := json.Unmarshal(answer, &r); err != nil || r.StatusCode != http.StatusNoContent {
		return fmt.Errorf("ingest answered %s, want status 204", answer)
	}
	return nil
}

func (d *drive) invoke(name string, payload any) ([]byte, error) {
	answer, invocation, err := d.deployed.Invoke(d.ctx, name, payload)
	if err != nil {
		return nil, err
	}
	d.result.Steps = append(d.result.Steps, Step{invocation, d.world.Line.Take()})
	return answer, nil
}

func (d *drive) start(definition *asl.Definition, name, machine string, input any) *asl.Execution {
	id := strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":" + name
	return definition.Start(name, id, input, asl.Options{Now: time.Now, Random: rand.Float64})
}

func (d *drive) run(definition *asl.Definition, name, machine string, input any) (*asl.Execution, error) {
	e := d.start(definition, name, machine, input)
	return e, d.finish(e)
}

// finish answers an execution's tasks until it has ended. A wait, or a retry, is
// none of the straight way.
func (d *drive) finish(e *asl.Execution) error {
	for e.Status == asl.Running {
		call := e.Call()
		if call == nil {
			return fmt.Errorf("%w: %s waits %s in %s, after %v", errCrooked, e.Name, e.Pause(), e.State, e.Trace)
		}
		result, err := d.answer(call)
		if err != nil {
			return fmt.Errorf("%s in %s: %w", e.Name, call.State, err)
		}
		e.Succeed(result)
	}
	if e.Status != asl.Succeeded {
		return fmt.Errorf("%w: %s ended %s: %s: %s", errCrooked, e.Name, e.Status, e.Error, e.Cause)
	}
	return nil
}

// answer is what a task is told; AWS's own calls take no time here.
func (d *drive) answer(call *asl.Call) (any, error) {
	in, _ := call.Arguments.(map[string]any)
	switch call.Resource {
	case "arn:aws:states:::lambda:invoke":
		raw, err := d.invoke(in["FunctionName"].(string), in["Payload"])
		if err != nil {
			return nil, err
		}
		var payload any
		return map[string]any{"Payload": &payload, "StatusCode": 200.0}, json.Unmarshal(raw, &payload)
	case "arn:aws:states:::aws-sdk:sfn:listExecutions":
		return map[string]any{"Executions": []any{}}, nil // nothing was ever fenced
	case "arn:aws:states:::states:startExecution":
		name, _ := in["Name"].(string)
		d.world.States.Run(deployment+"-fence", name, "RUNNING")
		d.fence = d.start(d.machines.fence, name, machineARN+"-fence", in["Input"])
		return map[string]any{"ExecutionArn": d.fence.ID}, nil
	case "arn:aws:states:::events:putEvents":
		return map[string]any{"FailedEntryCount": 0.0, "Entries": []any{map[string]any{"EventId": "1"}}}, nil
	}
	return nil, fmt.Errorf("%w: nobody serves %s", errCrooked, call.Resource)
}
