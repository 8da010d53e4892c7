package e2e_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/local/asl"
	lb "github.com/sitefence/sitefence/local/balancers"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/simulation"
	"github.com/sitefence/sitefence/local/stack"
)

// end is what became of one execution.
type end struct {
	Outcome string // and reason
	Trace   []string
}

// agreement is one fault, at the write of the accelerator, in both worlds.
type agreement struct {
	effect *ga.Effect              // on the write
	hook   func(*scene, ga.Moment) // at the write
	call   simulation.Fault        // of the write
	task   simulation.Fault        // of UpdateAccelerator
}

// TestAgreement: the same scenario with the same fault ends the same, by the
// same states, in the real engine with real functions and in the simulation,
// under the fault and with the next alert. It has one cell of each kind of fault
// of the fault matrix, and so holds the rest of the matrix against the engine.
func TestAgreement(t *testing.T) { // not parallel: there is one hook
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Skip("a function's process is found by /proc")
	}
	// The simulated functions read it when they are built.
	if err := os.Setenv(config.EnvFenceMachine, "arn:aws:states:eu-west-1:123456789012:stateMachine:kc-fence"); err != nil {
		t.Fatal(err)
	}
	var hooks sync.Map // accelerator ARN → func(ga.Moment)
	deployed.Accelerator.SetHook(func(op ga.Operation, when ga.Moment, arn string) {
		accelerator, _, _ := strings.Cut(arn, "/listener/")
		if hook, ok := hooks.Load(accelerator); ok && op == ga.UpdateEndpointGroup {
			hook.(func(ga.Moment))(when)
		}
	})
	t.Cleanup(func() { deployed.Accelerator.SetHook(nil) })
	for name, tc := range agreements() {
		t.Run(name, func(t *testing.T) {
			s := lease(t)
			if tc.hook != nil {
				var writes atomic.Int64
				hooks.Store(s.d.Accelerator.ARN, func(when ga.Moment) {
					if when == ga.Before {
						writes.Add(1)
					}
					if writes.Load() == 1 {
						tc.hook(s, when)
					}
				})
				defer hooks.Delete(s.d.Accelerator.ARN)
			}
			want := tc.simulated(t)
			got := tc.real(s)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("ends (-simulation +engine):\n%s", diff)
			}
			s.wantFenced(siteA, siteB)
		})
	}
}

// agreements are the kinds of fault.
func agreements() map[string]agreement {
	effect := func(e ga.Effect) *ga.Effect { return &e }
	kill := func(at ga.Moment) func(*scene, ga.Moment) {
		return func(s *scene, when ga.Moment) {
			if when == at {
				s.killWriter()
			}
		}
	}
	stop := func(s *scene, when ga.Moment) {
		if when == ga.After {
			s.stopFence()
		}
	}
	return map[string]agreement{
		"no fault":                           {},
		"refused":                            {effect: effect(ga.Fail(ga.InternalServiceErrorException)), call: simulation.Refused},
		"applied, answer lost":               {effect: effect(ga.DropApplied()), call: simulation.Lost},
		"throttled":                          {effect: effect(ga.Fail(ga.ThrottlingException)), call: simulation.Throttled},
		"slower than the deadline":           {effect: effect(ga.Hang()), call: simulation.Slow},
		"applied, slower than the deadline":  {effect: effect(ga.HangApplied()), call: simulation.SlowApplied},
		"malformed answer":                   {effect: effect(ga.Answer(`{"EndpointGroup":[{`)), call: simulation.Malformed},
		"function killed before":             {effect: effect(ga.Drop()), hook: kill(ga.Before), call: simulation.KilledBefore},
		"function killed after":              {hook: kill(ga.After), call: simulation.KilledAfter},
		"execution stopped after the effect": {hook: stop, task: simulation.KilledAfter},
	}
}

// real runs the scenario in the engine: an alert, and when all has ended one more.
func (tc agreement) real(s *scene) []end {
	s.t.Helper()
	s.must(s.world.CutLink(s.ctx))
	if tc.effect != nil {
		s.fault(ga.Fault{Operation: ga.UpdateEndpointGroup, Times: 1, Effect: *tc.effect})
	}
	for i := range 2 {
		s.post(s.alert(siteA, siteB))
		s.guardsEnded(i + 1)
		s.fencesEnded(0)
	}
	var ends []end
	for _, all := range [][]stack.Execution{s.guardsEnded(2), s.fencesEnded(0)} {
		for _, e := range slices.Backward(all) { // oldest first
			steps, err := deployed.Trace(s.ctx, e.ARN)
			s.must(err)
			outcome := e.Outcome() + " " + e.Reason()
			if e.Status != "SUCCEEDED" {
				outcome = e.Error
			}
			if outcome == "" {
				outcome = e.Status
			}
			ends = append(ends, end{outcome, names(steps)})
		}
	}
	return ends
}

// simulated runs it in the simulation.
func (tc agreement) simulated(t *testing.T) (ends []end) {
	t.Helper()
	machines, err := simulation.ReadMachines()
	if err != nil {
		t.Fatal(err)
	}
	d, err := infinispan.NewDouble(infinispan.Options{Sites: []string{siteA, siteB}, Password: simulation.Password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	synctest.Test(t, func(t *testing.T) {
		a, b := lb.ARN(stack.Region, "a"), lb.ARN(stack.Region, "b")
		w, err := simulation.New(simulation.Options{Machines: machines, Infinispan: d, Retries: true,
			Listeners: []ga.Listener{ga.NewListener(443, ga.NewGroup(stack.Region, ga.NewEndpoint(a), ga.NewEndpoint(b)))},
			Tags:      map[string]map[string]string{a: {"site": siteA}, b: {"site": siteB}}})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		d.CutBetween(siteA, siteB)
		for range 2 {
			w.Alert(contract.Site(siteA), contract.Site(siteB))
			if !w.Settle(tc.fates(), 10_000) {
				t.Fatal("the simulation never ends")
			}
			tc.call, tc.task = simulation.None, simulation.None
		}
		for _, fence := range []bool{false, true} {
			for _, run := range w.Runs {
				if run.Fence == fence {
					ends = append(ends, end{run.Outcome(), run.Trace})
				}
			}
		}
	})
	return ends
}

// fates hit the first write, or the first UpdateAccelerator.
func (tc agreement) fates() simulation.Fates {
	return simulation.Fates{
		Call: func(c *simulation.Call) simulation.Fault {
			if c.Operation != "UpdateEndpointGroup" {
				return simulation.None
			}
			fault := tc.call
			tc.call = simulation.None
			return fault
		},
		Task: func(_ *simulation.Run, call *asl.Call) simulation.Fault {
			if call.State != "UpdateAccelerator" {
				return simulation.None
			}
			fault := tc.task
			tc.task = simulation.None
			return fault
		},
	}
}

// killWriter kills the process of this deployment's function that writes the
// accelerator at this moment: its environment names its function, and the fence
// machine whose executions it lists.
func (s *scene) killWriter() {
	processes, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		s.t.Error(err)
	}
	killed := 0
	for _, path := range processes {
		environ, err := os.ReadFile(path)
		if err != nil || !s.isWriter(environ) {
			continue // or gone, or another's
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil {
			s.t.Error(err)
			continue
		}
		killed++
	}
	if killed != 1 {
		s.t.Errorf("killed %d processes, want the one that writes", killed)
	}
}

// isWriter reports whether a process's environment is that of the function.
func (s *scene) isWriter(environ []byte) bool {
	function, machine := false, false
	for v := range bytes.SplitSeq(environ, []byte{0}) {
		name, value, _ := strings.Cut(string(v), "=")
		function = function || name == "AWS_LAMBDA_FUNCTION_NAME" && strings.Contains(value, "UpdateAccelerator")
		machine = machine || name == config.EnvFenceMachine && value == s.d.Fence
	}
	return function && machine
}

// stopFence stops the fence execution that runs, as an operator might.
func (s *scene) stopFence() {
	all, err := deployed.Executions(s.ctx, s.d.Fence)
	if err != nil {
		s.t.Error(err)
		return
	}
	for _, e := range all {
		if e.Closed() {
			continue
		}
		if _, err := deployed.States().StopExecution(s.ctx, &sfn.StopExecutionInput{ExecutionArn: &e.ARN}); err != nil {
			s.t.Error(err)
		}
	}
}
