package infra_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPauseParameter: one for each deployment, off, under a name that no other
// stack has and that CloudFormation never changes, which would end a pause.
func TestPauseParameter(t *testing.T) {
	s := synth(t, "full", full)
	got := map[string]string{}
	for path, p := range s.of("AWS::SSM::Parameter") {
		if p.Properties["Value"] != "{}" || p.Properties["Type"] != "String" {
			t.Errorf("%s: %v", path, p.Properties)
		}
		got[path] = s.text(p.Properties["Name"])
	}
	want := map[string]string{
		"eu-prod/Pause": "/sitefence/sitefence/eu-prod/pause-${suffix}",
		"shop/Pause":    "/sitefence/sitefence/shop/pause-${suffix}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
