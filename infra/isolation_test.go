package infra_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// common is a role that reaches all deployments, and what it may name of them. A
// role for each would keep nobody out: the Scheduler says which group of schedules
// takes a role, not which schedule. What it may call only reads.
const common = "Schedules/Role"

var commonMarks = regexp.MustCompile(`\$\{[a-z0-9-]+/(Inspect|CheckHealth)/Function\.Arn\}`)

// TestDeploymentsAreIsolated: no role of one deployment names anything of another:
// not its accelerator, secrets, machines, functions, logs, queue or parameter.
func TestDeploymentsAreIsolated(t *testing.T) {
	s := synth(t, "eight", eight)
	all := eight().Deployments
	roles := map[string]string{} // by path, all that the role says
	for path, role := range s.of("AWS::IAM::Role") {
		roles[path] = strings.Join(s.role(t, role), "\n")
	}
	if len(commonMarks.FindAllString(roles[common], -1)) != 2*len(all) {
		t.Errorf("%s: %s, want two functions of each deployment", common, roles[common])
	}
	roles[common] = commonMarks.ReplaceAllString(roles[common], "")
	marks := func(i int) []string {
		d := all[i]
		return []string{
			d.Accelerator.ARN, fmt.Sprintf("deployment-%d/", i), // its secrets
			"${" + d.Name + "/", "sitefence-" + d.Name + "-", "/" + d.Name + "/",
		}
	}
	seen := map[string]bool{}
	for path, text := range roles {
		owner, _, _ := strings.Cut(path, "/")
		for i, other := range all {
			for _, mark := range marks(i) {
				switch found := strings.Contains(text, mark); {
				case found && owner != other.Name:
					t.Errorf("%s names %s of %s", path, mark, other.Name)
				case found:
					seen[mark] = true
				}
			}
		}
	}
	// A mark that no role of its own deployment has would show nothing.
	for i := range all {
		for _, mark := range marks(i) {
			if !seen[mark] {
				t.Errorf("no role names %s", mark)
			}
		}
	}
}
