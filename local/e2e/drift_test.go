package e2e_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/contract"
)

// TestDrift: the deployed function, asked with the input of the deployed
// schedule, finds what is made wrong, and nothing when it is right again.
func TestDrift(t *testing.T) {
	s := lease(t)
	input := s.scheduled()
	finds := func(what string, want ...string) {
		t.Helper()
		var got []string
		for _, f := range s.inspected(input).Drift {
			got = append(got, strings.TrimSpace(string(f.Reason)+" "+string(f.Site)))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	finds("as deployed")
	s.must(s.world.TakeOffline(s.ctx, siteA, siteB))
	finds("replication is off", string(contract.FencedSiteBack)+" "+siteB)
	s.must(s.world.BringOnline(s.ctx, siteA, siteB))
	rule := s.d.Name + "-site-offline"
	bus := deployed.Outputs["BusName"]
	rules := eventbridge.NewFromConfig(deployed.AWS)
	_, err := rules.DisableRule(s.ctx, &eventbridge.DisableRuleInput{Name: &rule, EventBusName: &bus})
	s.must(err)
	finds("the rule is disabled", string(contract.RuleDisabled))
	_, err = rules.EnableRule(s.ctx, &eventbridge.EnableRuleInput{Name: &rule, EventBusName: &bus})
	s.must(err)
	finds("all is well again")
}

// scheduled is the input that the deployment's schedule gives to Inspect.
func (s *scene) scheduled() string {
	s.t.Helper()
	out, err := plain(s.ctx, "scheduler", http.MethodGet, "/schedules?NamePrefix="+s.d.Name+"-drift", "")
	s.must(err)
	var list struct {
		Schedules []struct{ Name, GroupName, State string }
	}
	s.must(json.Unmarshal(out, &list))
	i := slices.IndexFunc(list.Schedules, func(l struct{ Name, GroupName, State string }) bool {
		return l.Name == s.d.Name+"-drift" && l.State == "ENABLED"
	})
	if i < 0 {
		s.t.Fatalf("no schedule: %.500s", out)
	}
	out, err = plain(s.ctx, "scheduler", http.MethodGet, "/schedules/"+list.Schedules[i].Name+"?groupName="+list.Schedules[i].GroupName, "")
	s.must(err)
	var schedule struct{ Target struct{ Arn, Input string } }
	s.must(json.Unmarshal(out, &schedule))
	if name, _ := s.functionOf(s.d.Name + "-inspect"); !strings.HasSuffix(schedule.Target.Arn, ":"+name) {
		s.t.Errorf("the schedule calls %s, want %s", schedule.Target.Arn, name)
	}
	return schedule.Target.Input
}
