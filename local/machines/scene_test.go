package machines_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/statemachine"
)

const (
	reporter = "site-a"
	site     = "site-b"
	guardARN = "arn:aws:states:us-east-1:000000000000:execution:guard:the-guard"

	passes = `{"StartAt":"Done","States":{"Done":{"Type":"Succeed"}}}`
	stays  = `{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":86400000,"End":true}}}`
)

var scenes atomic.Int64

// scene is one scenario: machines and scripted functions of its own.
type scene struct {
	t   *testing.T
	ctx context.Context
	id  string // the deployment in its events
	*script
	unproven bool // an answer without proof is part of the scenario
}

func newScene(t *testing.T) *scene {
	t.Helper()
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	id := fmt.Sprintf("kc-%d", scenes.Add(1))
	return &scene{t: t, ctx: ctx, id: id, script: desk.open(id)}
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// object is a JSON object that a test may bend.
type object map[string]any

// with returns a copy with a field set, or without it for nil.
func (o object) with(field string, value any) object {
	copied := object{}
	for k, v := range o {
		copied[k] = v
	}
	copied[field] = value
	if value == nil {
		delete(copied, field)
	}
	return copied
}

func (s *scene) event() object {
	return object{"version": "1", "deployment": s.id, "accelerator": "a1.awsglobalaccelerator.com", "reporter": reporter, "site": site,
		"alert":      object{"fingerprint": "0123456789abcdef", "startsAt": "2026-11-23T09:59:30.123Z", "groupKey": "{}"},
		"receivedAt": "2026-11-23T10:00:00.123456789Z"}
}

// fenceInput is what the guard gives to the fence.
func (s *scene) fenceInput() object { return s.event().with("guard", guardARN) }

func endpoint(n int) object {
	const group = "arn:aws:globalaccelerator::123456789012:accelerator/1234abcd-abcd-1234-abcd-1234567890ab/listener/0123abcd"
	return object{"listener": group, "group": fmt.Sprintf("%s/endpoint-group/%012d", group, n), "weight": 128, "clientIPPreservation": true,
		"endpoint": fmt.Sprintf("arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/site-b/%016d", n)}
}

func record(n int) []object {
	all := []object{}
	for i := range n {
		all = append(all, endpoint(i))
	}
	return all
}

// decided is CheckHealth's output; a site that is to be fenced is present.
func (s *scene) decided(decision, reason string) object {
	present := decision != "ensure" && decision != "ignore"
	o := object{"version": "1", "deployment": s.id, "reporter": reporter, "site": site, "decision": decision, "reason": reason,
		"present": present, "record": record(0), "evidence": object{"sites": object{}, "sees": []string{reporter}, "backup": "online"},
		"checkedAt": "2026-11-23T10:00:01.25Z"}
	if present {
		o["record"] = record(1)
	}
	return o
}

func (s *scene) split() order { return answer(s.decided("fence", "split")) }

var (
	updated = answer(object{"version": "1", "removed": record(1)})
	taken   = answer(object{"version": "1", "backup": "offline", "caches": []string{"sessions"}})
)

// definition is an ASL file that a test may change.
type definition struct {
	Comment, QueryLanguage, StartAt string
	TimeoutSeconds                  int
	States                          map[string]map[string]any
}

type change func(definition)

// machine creates a machine and deletes nothing: the emulator ends with the tests.
func (s *scene) machine(text string) string {
	s.t.Helper()
	out, err := states.CreateStateMachine(s.ctx, &sfn.CreateStateMachineInput{Name: aws.String(fmt.Sprintf("machine-%d", scenes.Add(1))),
		Definition: &text, RoleArn: aws.String("arn:aws:iam::000000000000:role/machine")})
	s.must(err)
	return *out.StateMachineArn
}

func (s *scene) filled(text string, changes []change, limits map[string]string, names ...string) string {
	s.t.Helper()
	names = append(names, "${CheckHealthFunctionArn}", functionARN(check), "${UpdateAcceleratorFunctionArn}", functionARN(update),
		"${TakeOfflineFunctionArn}", functionARN(offline), "${BusName}", busName)
	for name, value := range limits {
		names = append(names, "${"+name+"}", value)
	}
	text = strings.NewReplacer(names...).Replace(text)
	if len(changes) == 0 {
		return s.machine(text)
	}
	var d definition
	s.must(json.Unmarshal([]byte(text), &d))
	for _, c := range changes {
		c(d)
	}
	data, err := json.Marshal(d)
	s.must(err)
	return s.machine(string(data))
}

// fence deploys the real fence machine.
func (s *scene) fence(changes ...change) string {
	s.t.Helper()
	return s.filled(statemachine.Fence, changes, statemachine.FenceNames(s.id, config.DefaultFenceLimits))
}

// guard deploys the real guard machine over a fence machine.
func (s *scene) guard(fence string, changes ...change) string {
	s.t.Helper()
	return s.filled(statemachine.Guard, changes, statemachine.GuardNames(s.id, config.DefaultGuardLimits), "${FenceMachineArn}", fence)
}

// ended is how an execution ended.
type ended struct {
	ARN, Name, Status, Output, Error, Cause string
	Steps                                   []string // the states that it entered
}

func (s *scene) start(machine, name string, input any) string {
	s.t.Helper()
	data, err := json.Marshal(input)
	s.must(err)
	in := &sfn.StartExecutionInput{StateMachineArn: &machine, Input: aws.String(string(data))}
	if name != "" {
		in.Name = &name
	}
	out, err := states.StartExecution(s.ctx, in)
	s.must(err)
	return *out.ExecutionArn
}

// run starts a machine and waits for its end, which must be sound.
func (s *scene) run(machine, name string, input any) ended {
	s.t.Helper()
	return s.end(s.start(machine, name, input))
}

func (s *scene) end(arn string) ended {
	s.t.Helper()
	for {
		out, err := states.DescribeExecution(s.ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		s.must(err)
		if out.Status == types.ExecutionStatusRunning {
			s.pause("%s to end; it went through %v", arn, s.steps(arn))
			continue
		}
		e := ended{ARN: arn, Name: aws.ToString(out.Name), Status: string(out.Status), Output: aws.ToString(out.Output),
			Error: aws.ToString(out.Error), Cause: aws.ToString(out.Cause), Steps: s.steps(arn)}
		s.sound(e)
		return e
	}
}

// pause is one turn of waiting for a condition that the scenario's deadline bounds.
func (s *scene) pause(what string, args ...any) {
	s.t.Helper()
	select {
	case <-s.ctx.Done():
		s.t.Fatalf("waited in vain for "+what, args...)
	case <-time.After(20 * time.Millisecond):
	}
}

func (s *scene) history(arn string) []types.HistoryEvent {
	s.t.Helper()
	var all []types.HistoryEvent
	pages := sfn.NewGetExecutionHistoryPaginator(states, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, MaxResults: 1000})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.WithoutCancel(s.ctx))
		s.must(err)
		all = append(all, page.Events...)
	}
	return all
}

func (s *scene) steps(arn string) []string {
	s.t.Helper()
	var names []string
	for _, e := range s.history(arn) {
		if e.StateEnteredEventDetails != nil {
			names = append(names, *e.StateEnteredEventDetails.Name)
		}
	}
	return names
}

// entered waits until a running execution has entered the state n times.
func (s *scene) entered(arn, state string, n int) {
	s.t.Helper()
	for {
		steps := s.steps(arn)
		if count(steps, state) >= n {
			return
		}
		s.pause("%d times %s; it went through %v", n, state, steps)
	}
}

func count(steps []string, state string) int {
	return len(slices.DeleteFunc(slices.Clone(steps), func(s string) bool { return s != state }))
}
