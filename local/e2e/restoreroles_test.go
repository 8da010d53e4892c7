package e2e_test

import (
	"strings"

	"github.com/sitefence/sitefence/internal/contract"
)

// resync is the input of a step of a restore.
func (s *scene) resync(action contract.Action, p permission) contract.ResyncInput {
	reporter, site := sitesOf(s, p)
	in := contract.ResyncInput{Execution: "restore-1-1", Action: action,
		RestoreInput: contract.RestoreInput{Event: s.event(reporter, site), Phase: contract.PhaseSync, Since: s.highest()}}
	in.Operation, in.Order = contract.OperationRejoin, &contract.Order{By: "a test"}
	in.Endpoints = []contract.Endpoint{{Endpoint: s.d.Balancers[site]}}
	return in
}

// highest is the name of the deployment's newest fence, "" if it has none.
func (s *scene) highest() string {
	s.t.Helper()
	all, err := deployed.Executions(s.ctx, s.d.Fence)
	s.must(err)
	top := contract.Generation(0)
	for _, e := range all {
		if g, ok := contract.ParseGeneration(e.Name); ok {
			top = max(top, g)
		}
	}
	if top == 0 {
		return ""
	}
	return top.String()
}

// inSync is where a rejoin begins: the link is up, all replicate to each other.
func inSync(s *scene, _ permission) {
	s.must(s.world.HealLink(s.ctx))
	for _, site := range s.d.Sites {
		for _, other := range s.d.Sites {
			if other != site {
				s.must(s.world.BringOnline(s.ctx, site, other))
			}
		}
	}
}

func ready(s *scene, name string, p permission) string {
	return s.invoke(name, s.resync(contract.ActionReady, p))
}

func undo(s *scene, name string, p permission) string {
	return s.invoke(name, s.resync(contract.ActionUndo, p))
}

// seeWhatRuns lets the function look at all three machines; that the restore may
// not begin for other reasons is none of this test's business.
func seeWhatRuns(s *scene, name string, p permission) string {
	failure := s.failure(name, s.resync(contract.ActionCheck, p))
	if strings.HasPrefix(failure, "Misconfigured: ") {
		return failure
	}
	return ""
}
