package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/sitefence/sitefence/local/stack"
)

// passes is a machine that does nothing, and holds the names it was given.
const passes = `{"StartAt":"Done","States":{"Done":{"Type":"Succeed"}}}`

// runs is a machine whose executions stay open.
const runs = `{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":86400,"End":true}}}`

// TestNameRefusedButUnknown: fence-1 to fence-5 are taken, yet no list and no
// Describe shows them, as behind a deployment that was removed and added again.
// The guard does not wait for ever and does not count up one by one.
func TestNameRefusedButUnknown(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	taken, empty := s.machine("taken", passes), s.machine("empty", passes)
	for i := range 5 {
		_, err := deployed.StartExecution(s.ctx, taken, fmt.Sprintf("fence-%d", i+1), map[string]int{"i": i})
		s.must(err)
	}
	e := s.guardOver(empty, taken)
	s.want(e, "FenceStarted", "split")
	all, err := deployed.Executions(s.ctx, taken)
	s.must(err)
	if len(all) != 6 {
		t.Errorf("%d executions of the machine with the names, want 5 and one more", len(all))
	}
}

// TestNameTakenByRunning: fence-1 runs, and no list shows it. Describe does, so
// no other number is named while it is open; when its end is seen, the next is.
func TestNameTakenByRunning(t *testing.T) {
	s := lease(t)
	s.must(s.world.CutLink(s.ctx))
	open := s.machine("open", runs)
	first, err := deployed.StartExecution(s.ctx, open, "fence-1", map[string]int{"i": 1})
	s.must(err)
	guard := s.startGuardOver(s.machine("nothing", passes), open, open)
	s.untilEntered(guard, "WaitForTheTurn", 3)
	all, err := deployed.Executions(s.ctx, open)
	s.must(err)
	if len(all) != 1 {
		t.Errorf("%d executions while fence-1 was open, want that one alone", len(all))
	}
	_, err = deployed.States().StopExecution(s.ctx, &sfn.StopExecutionInput{ExecutionArn: &first})
	s.must(err)
	e, err := deployed.Wait(s.ctx, guard)
	s.must(err)
	s.want(e, "FenceStarted", "split")
}

// machine creates a machine for one test, with the guard's role.
func (s *scene) machine(name, definition string) string {
	s.t.Helper()
	guard, err := deployed.States().DescribeStateMachine(s.ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &s.d.Guard})
	s.must(err)
	name = fmt.Sprintf("%s-%d", name, balancers.Add(1))
	out, err := deployed.States().CreateStateMachine(s.ctx, &sfn.CreateStateMachineInput{Name: &name,
		Definition: &definition, RoleArn: guard.RoleArn})
	s.must(err)
	s.t.Cleanup(func() {
		_, err := deployed.States().DeleteStateMachine(s.ctx, &sfn.DeleteStateMachineInput{StateMachineArn: out.StateMachineArn})
		s.must(err)
	})
	return aws.ToString(out.StateMachineArn)
}

// guardOver runs the deployed guard's definition with another fence machine:
// one that its lists and Describe see, and one that StartExecution reaches.
func (s *scene) guardOver(seen, started string) stack.Execution {
	s.t.Helper()
	e, err := deployed.Wait(s.ctx, s.startGuardOver(seen, seen, started))
	s.must(err)
	return e
}

func (s *scene) startGuardOver(listed, described, started string) string {
	s.t.Helper()
	out, err := deployed.States().DescribeStateMachine(s.ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &s.d.Guard})
	s.must(err)
	var definition struct {
		QueryLanguage, StartAt string
		States                 map[string]map[string]any
	}
	s.must(json.Unmarshal([]byte(aws.ToString(out.Definition)), &definition))
	for state, machine := range map[string]string{"FindNewestFence": listed,
		"LookAtRefusedName": described, "StartFence": started} {
		definition.States[state]["Arguments"] = replaced(s.t, definition.States[state]["Arguments"], s.d.Fence, machine)
	}
	text, err := json.Marshal(definition)
	s.must(err)
	arn, err := deployed.StartExecution(s.ctx, s.machine("guard", string(text)), "", s.event(siteA, siteB))
	s.must(err)
	return arn
}

// untilEntered waits until the execution has entered the state n times.
func (s *scene) untilEntered(arn, state string, n int) {
	s.t.Helper()
	for {
		steps, err := deployed.Trace(s.ctx, arn)
		s.must(err)
		seen := 0
		for _, step := range steps {
			if step.State == state {
				seen++
			}
		}
		if seen >= n {
			return
		}
		select {
		case <-s.ctx.Done():
			s.t.Fatalf("%s entered %s %d times, want %d: %v", arn, state, seen, n, names(steps))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// replaced is a JSON value with every occurrence of one text replaced.
func replaced(t *testing.T, value any, old, now string) any {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s does not name %s", data, old)
	}
	var v any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(data), old, now)), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
