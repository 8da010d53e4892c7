package infra_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/config"
)

const (
	iamGolden        = "testdata/iam.txt"
	iamOptionsGolden = "testdata/iam-options.txt"
)

const iamHeader = `Who may do what in a stack of two deployments, as it is deployed. A reviewer reads
this file; ` + "`cd infra && go test . -update`" + ` writes it, and a test holds the stack to it.

Roles first: who takes the role, then for each statement what it may do, on which
resource. Where a resource has a wildcard, "because" gives AWS's reason for it.
Then the resources that others may use: who, and on which condition.

${suffix} is the first eight digits of the stack's id. Nothing else is granted:
no managed policy, no policy beside these.
`

// TestPermissionsAreThoseOfTheGoldenFile shows a reviewer each permission that a
// change adds or takes.
func TestPermissionsAreThoseOfTheGoldenFile(t *testing.T) {
	for file, got := range map[string]string{
		iamGolden: iamHeader + synth(t, "full", full).permissions(t),
		// A network, customer managed keys and CAs in secrets, each an option, grant more.
		iamOptionsGolden: iamHeader + synth(t, "grown", grown).permissions(t),
	} {
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got; go test -update writes it):\n%s", file, diff)
		}
	}
}

// TestEveryWildcardHasAReason: allow is for what has a name. Only allowAny and
// allowMatching, which take the reason, may have a wildcard; and who gives a reason
// has one.
func TestEveryWildcardHasAReason(t *testing.T) {
	for name, c := range map[string]func() config.Config{"full": full, "bare": bare, "eight": eight, "grown": grown, "watched": watched} {
		s := synth(t, name, c)
		for path, role := range s.of("AWS::IAM::Role") {
			given := maps.Clone(s.Wildcards[path])
			for _, st := range roleStatements(t, role) {
				sid := fmt.Sprint(st["Sid"])
				if strings.ContainsAny(s.text(st["Action"]), "*?") {
					t.Errorf("%s: %s: a wildcard among the actions %s", path, sid, s.text(st["Action"]))
				}
				wild := strings.ContainsAny(s.text(st["Resource"]), "*?")
				if wild && given[sid] == "" {
					t.Errorf("%s: %s: a wildcard in %s without a reason: use allowAny or allowMatching", path, sid, s.text(st["Resource"]))
				}
				if !wild && given[sid] != "" {
					t.Errorf("%s: %s: a reason for a wildcard, and none in %s", path, sid, s.text(st["Resource"]))
				}
				delete(given, sid)
			}
			if len(given) > 0 {
				t.Errorf("%s: reasons without a statement: %v", path, given)
			}
		}
	}
}

// TestNoResourceIsOpenToAll: what others may use names them. The ingest URL alone
// is for everybody, since Alertmanager cannot sign; the function authenticates.
func TestNoResourceIsOpenToAll(t *testing.T) {
	s := synth(t, "full", full)
	open := map[string]bool{}
	for id, r := range s.Resources {
		for _, line := range s.usersOf(r) {
			if strings.HasPrefix(line, "* may ") && !strings.HasPrefix(line, "* may not ") {
				open[s.paths[id]+": "+line] = true
			}
		}
	}
	want := []string{
		"Ingest/Ingest/Function/invoke-function-url: * may lambda:InvokeFunctionUrl if FunctionUrlAuthType is NONE",
		"Ingest/Ingest/Function/invoke-function: * may lambda:InvokeFunction if InvokedViaFunctionUrl is true",
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(open))); diff != "" {
		t.Errorf("open to everybody (-want +got):\n%s", diff)
	}
}

// permissions lists every role and every resource policy of a stack as text.
func (s *synthesis) permissions(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	roles := s.of("AWS::IAM::Role")
	for _, path := range slices.Sorted(maps.Keys(roles)) {
		trust := statements(roles[path].Properties["AssumeRolePolicyDocument"])[0]
		fmt.Fprintf(&b, "\nrole %s, taken by %s%s\n", path, s.text(trust["Principal"].(map[string]any)["Service"]), s.condition(trust))
		for _, st := range roleStatements(t, roles[path]) {
			sid := fmt.Sprint(st["Sid"])
			fmt.Fprintf(&b, "  %s\n", sid)
			for _, action := range s.list(st["Action"]) {
				fmt.Fprintf(&b, "    %s\n", action)
			}
			for _, resource := range s.list(st["Resource"]) {
				fmt.Fprintf(&b, "      on %s\n", resource)
			}
			if condition := s.condition(st); condition != "" {
				fmt.Fprintf(&b, "     %s\n", condition)
			}
			if reason := s.Wildcards[path][sid]; reason != "" {
				fmt.Fprintf(&b, "      because %s\n", reason)
			}
		}
	}
	used := map[string][]string{}
	for id, r := range s.Resources {
		if lines := s.usersOf(r); len(lines) > 0 {
			used[s.paths[id]] = lines
		}
	}
	for _, path := range slices.Sorted(maps.Keys(used)) {
		fmt.Fprintf(&b, "\nresource policy %s\n", path)
		for _, line := range used[path] {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	return b.String()
}

// usersOf says who may use a resource, by its own policy.
func (s *synthesis) usersOf(r resource) []string {
	if r.Type == "AWS::Lambda::Permission" {
		line := s.text(r.Properties["Principal"]) + " may " + s.text(r.Properties["Action"])
		for _, key := range []string{"SourceArn", "SourceAccount", "FunctionUrlAuthType", "InvokedViaFunctionUrl"} {
			if value := s.text(r.Properties[key]); value != "" {
				line += " if " + key + " is " + value
			}
		}
		return []string{line}
	}
	var lines []string
	for _, key := range []string{"PolicyDocument", "KeyPolicy", "ResourcePolicy", "Policy"} {
		document, ok := r.Properties[key].(map[string]any)
		if !ok {
			continue
		}
		for _, st := range statements(document) {
			lines = append(lines, s.user(st))
		}
	}
	return lines
}

// user writes one statement of a resource policy, which begins with who.
func (s *synthesis) user(st map[string]any) string {
	may := "may"
	if st["Effect"] == "Deny" {
		may = "may not"
	}
	who := s.text(st["Principal"])
	if principal, ok := st["Principal"].(map[string]any); ok {
		var all []string
		for _, value := range principal {
			all = append(all, s.list(value)...)
		}
		slices.Sort(all)
		who = strings.Join(all, " ")
	}
	return fmt.Sprintf("%s %s %s on %s%s", who, may, s.text(st["Action"]), s.text(st["Resource"]), s.condition(st))
}

// list is a value of the template that may be one or several.
func (s *synthesis) list(value any) []string {
	items, ok := value.([]any)
	if !ok {
		return []string{s.text(value)}
	}
	var all []string
	for _, item := range items {
		all = append(all, s.text(item))
	}
	return all
}

func roleStatements(t *testing.T, r resource) []map[string]any {
	t.Helper()
	policies, ok := r.Properties["Policies"].([]any)
	if !ok || len(policies) != 1 {
		t.Fatalf("want one inline policy, got %v", r.Properties["Policies"])
	}
	return statements(policies[0].(map[string]any)["PolicyDocument"])
}
