package e2e_test

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/sfn"

	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/stack"
)

// settle waits until every execution of the scenario has ended: what still ran
// would meddle with the next scenario.
func (s *scene) settle() {
	s.t.Helper()
	s.guardsEnded(0)
	s.fencesEnded(0)
	s.ended(s.d.Restore, nil, 0)
}

// invariants checks what must hold after every scenario whatever it was about.
func (s *scene) invariants() {
	s.t.Helper()
	s.neverDark()
	s.neverMutual()
	s.oneAtATime()
	s.noSecret()
}

// neverDark is I1: after each write a listener that lost an endpoint still has
// a site in service.
func (s *scene) neverDark() {
	s.t.Helper()
	for _, entry := range s.writes() {
		for _, l := range s.of(entry.State).Listeners {
			if !slices.ContainsFunc(l.InService(), func(e ga.Endpoint) bool { return s.siteOf(e.ID) != "" }) {
				s.t.Errorf("I1: after %s of %s no site is in service in %s", entry.Operation, entry.Target, l.ARN)
			}
		}
	}
}

// neverMutual is I2's end: at most one site that serves has stopped replicating to
// the other, and not to one that is in the accelerator. A site that is out itself
// may be cut off from all: a restore does that before it clears (I9).
func (s *scene) neverMutual() {
	s.t.Helper()
	if s.world == nil {
		return
	}
	for _, site := range s.d.Sites {
		took := slices.ContainsFunc(s.world.Calls(site), func(c infinispan.Call) bool { return c.Kind == infinispan.TakeOffline })
		for _, other := range s.d.Sites {
			if took && slices.Contains(s.present(), site) && other != site && s.backup(site, other) == infinispan.Offline && slices.Contains(s.present(), other) {
				s.t.Errorf("I2: %s does not replicate to %s, which is in the accelerator", site, other)
			}
		}
	}
}

// oneAtATime is I3: no two fences were open at once.
func (s *scene) oneAtATime() {
	s.t.Helper()
	type span struct{ from, to int64 }
	var spans []span
	for _, f := range s.fencesEnded(0) {
		out, err := deployed.States().DescribeExecution(s.ctx, &sfn.DescribeExecutionInput{ExecutionArn: &f.ARN})
		s.must(err)
		if out.RedriveCount != nil && *out.RedriveCount > 0 {
			continue
		}
		spans = append(spans, span{out.StartDate.UnixNano(), out.StopDate.UnixNano()})
	}
	slices.SortFunc(spans, func(a, b span) int { return int(a.from - b.from) })
	for i := 1; i < len(spans); i++ {
		if spans[i].from < spans[i-1].to {
			s.t.Errorf("I3: two fence executions were open at once")
		}
	}
}

// replay starts the guard again with the input of an earlier execution, as an
// operator does with "New execution".
func (s *scene) replay(e stack.Execution) {
	s.t.Helper()
	_, err := deployed.States().StartExecution(s.ctx, &sfn.StartExecutionInput{StateMachineArn: &s.d.Guard, Input: &e.Input})
	s.must(err)
}
