package infra_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMachineLimits: the configuration's own limits reach the machines.
func TestMachineLimits(t *testing.T) {
	s := synth(t, "bare", bare)
	for machine, want := range map[string]map[string]string{
		"Guard": {"Deployment": "shop", "Rechecks": "10", "RecheckSeconds": "30", "AlertAgeSeconds": "3600", "TurnSeconds": "7200"},
		"Fence": {"Deployment": "shop", "Rechecks": "4", "RecheckSeconds": "10", "HalfwayRechecks": "20", "UpdateTries": "30", "DeployRechecks": "80"},
	} {
		p := s.one(t, "AWS::StepFunctions::StateMachine", "shop/"+machine+"/Machine").Properties
		got := map[string]string{}
		for name, value := range p["DefinitionSubstitutions"].(map[string]any) {
			if want[name] != "" {
				got[name] = s.text(value)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", machine, diff)
		}
	}
}
