package e2e_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// policy is a role's one policy, as it is deployed.
type policy struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid              string `json:",omitempty"`
	Effect           string
	Action, Resource texts
	Condition        json.RawMessage `json:",omitempty"`
}

// texts is a text or a list of texts.
type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// permission is one action of a statement on one of its resources.
type permission struct{ Sid, Action, Resource string }

func (p policy) permissions() []permission {
	var all []permission
	for _, st := range p.Statement {
		for _, action := range st.Action {
			for _, resource := range st.Resource {
				all = append(all, permission{st.Sid, action, resource})
			}
		}
	}
	return all
}

// without is the policy with every permission but one, a statement for each.
func (p policy) without(left permission) policy {
	out := policy{Version: p.Version}
	for _, one := range p.permissions() {
		if one != left {
			out.Statement = append(out.Statement, statement{Effect: "Allow", Action: texts{one.Action}, Resource: texts{one.Resource}})
		}
	}
	return out
}

// functionOf finds a deployed function by its label: its name and its role's.
func (s *scene) functionOf(label string) (name, role string) {
	s.t.Helper()
	all, _, err := functions(s.ctx)
	s.must(err)
	i := slices.IndexFunc(all, func(f function) bool {
		return strings.HasPrefix(f.LoggingConfig.LogGroup, "/aws/lambda/sitefence-"+label+"-")
	})
	if i < 0 {
		s.t.Fatalf("no function logs as %s: %+v", label, all)
	}
	return all[i].FunctionName, all[i].Role[strings.LastIndex(all[i].Role, "/")+1:]
}

// policy reads a role's policy. Statements that allow are all there may be, so
// that taking one apart is taking a permission away.
func (s *scene) policy(role string) policy {
	s.t.Helper()
	var out struct {
		Document string `xml:"GetRolePolicyResult>PolicyDocument"`
	}
	s.must(query(s.ctx, "iam", url.Values{"Action": {"GetRolePolicy"}, "RoleName": {role}, "PolicyName": {"sitefence"}}, &out))
	text, err := url.PathUnescape(out.Document)
	s.must(err)
	var p policy
	s.must(json.Unmarshal([]byte(text), &p))
	for _, st := range p.Statement {
		if st.Effect != "Allow" || st.Condition != nil || st.Sid == "" {
			s.t.Fatalf("%s: a statement that this test does not understand: %+v", role, st)
		}
	}
	return p
}

func (s *scene) putPolicy(role string, p policy) {
	s.t.Helper()
	text, err := json.Marshal(p)
	s.must(err)
	s.must(query(s.ctx, "iam", url.Values{"Action": {"PutRolePolicy"}, "RoleName": {role}, "PolicyName": {"sitefence"}, "PolicyDocument": {string(text)}}, nil))
}
