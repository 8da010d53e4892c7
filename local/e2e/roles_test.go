package e2e_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/stack"
)

// notShown are the statements whose need cannot be seen here, and why.
var notShown = map[string]string{
	"WriteOwnLog":      "the emulator keeps a function's log itself; on AWS the log would stay empty and nothing else would fail",
	"Trace":            "the emulator takes no X-Ray segments; on AWS traces would be missing and nothing else would fail",
	"ResolveEndpoints": "Global Accelerator itself calls these with the writer's permissions when it resolves endpoints; the fake does not",
}

// step is what needs a permission. run reports how it ended: "" for well, else
// the error. provoke, if any, lets the step need what it has in its memory;
// instead, if any, is run in its place when the permission is gone.
type step struct {
	prepare func(s *scene, p permission)
	run     func(s *scene, name string, p permission) string
	provoke func(s *scene, p permission) (undo func())
	instead func(s *scene, name string, p permission) string
}

// steps are the cases, by the function and `Sid action`.
func steps() map[string]step {
	look := step{prepare: bothPresent, run: checkHealth}
	write := step{prepare: bothPresent, run: updateAccelerator}
	take := step{prepare: siteAbsent, run: takeOffline}
	lookAgain, takeAgain := look, take
	lookAgain.provoke, takeAgain.provoke = rotateAtSite, rotateAtSite
	all := map[string]step{
		"ingest ReadSecret secretsmanager:GetSecretValue": {prepare: linkUp, run: postNothing, instead: guessUntilRead},
		"ingest PutEvents events:PutEvents":               {prepare: linkUp, run: postAlert},

		"checkhealth ReadSecret secretsmanager:GetSecretValue": lookAgain,
		"takeoffline ReadSecret secretsmanager:GetSecretValue": takeAgain,

		"takeoffline NewestOnly states:ListExecutions":       take,
		"updateaccelerator NewestOnly states:ListExecutions": write,

		"resync ReadSecret secretsmanager:GetSecretValue":              {prepare: inSync, run: ready, provoke: rotateAtSite},
		"resync SeeWhatRuns states:ListExecutions":                     {prepare: inSync, run: seeWhatRuns},
		"resync ReadTargets elasticloadbalancing:DescribeTargetGroups": {prepare: inSync, run: ready},
		"resync ReadTargets elasticloadbalancing:DescribeTargetHealth": {prepare: inSync, run: ready},
		"checkhealth ReadPause ssm:GetParameter":                       {prepare: bothPresent, run: readPause},

		"updateaccelerator WriteEndpointGroups globalaccelerator:UpdateEndpointGroup": write,
		"updateaccelerator WriteEndpointGroups globalaccelerator:RemoveEndpoints":     {prepare: oneGone, run: updateAccelerator},
		"updateaccelerator WriteEndpointGroups globalaccelerator:AddEndpoints":        {prepare: restored, run: putBack},
		"updateaccelerator ReadSecret secretsmanager:GetSecretValue":                  {prepare: restored, run: putBack, provoke: rotateAtSite},

		"checkhealth ReadStatus globalaccelerator:DescribeAccelerator": {prepare: restored, run: checkRejoin},
	}
	for function, reads := range map[string]step{"checkhealth": look, "updateaccelerator": write, "takeoffline": take, "resync": {prepare: siteAbsent, run: undo}} {
		all[function+" ReadListeners globalaccelerator:ListListeners"] = reads
		all[function+" ReadEndpointGroups globalaccelerator:ListEndpointGroups"] = reads
		all[function+" ReadLoadBalancerTags elasticloadbalancing:DescribeTags"] = reads
	}
	inspectSteps(all)
	switchSteps(all)
	return all
}

// TestEveryPermissionIsNeeded takes each permission out of each function's
// deployed role (a statement's every action on its every resource for itself)
// and wants the step that needs it to fail by name, as an operator would see it;
// with the whole role the same step ends well. The permissions are read from the
// deployed roles: one without a case here fails the test.
//
// Secrets Manager, Elastic Load Balancing, Step Functions and EventBridge are the
// emulator's, which checks signature and role. Global Accelerator is our fake: it
// asks the emulator's IAM about the role behind the access key, so that the
// deployed policy decides there too; the signature alone is not checked. The
// machines' roles are not enforced by the emulator: infra's tests hold them
// against the tasks.
func TestEveryPermissionIsNeeded(t *testing.T) {
	s := enter(t, "trio")
	cases, used := steps(), map[string]bool{}
	for _, label := range []string{"ingest", "trio-checkhealth", "trio-updateaccelerator", "trio-takeoffline", "trio-inspect", "trio-resync"} {
		name, role := s.functionOf(label)
		policy := s.policy(role)
		kind := strings.TrimPrefix(label, "trio-")
		for _, p := range policy.permissions() {
			if notShown[p.Sid] != "" {
				used[p.Sid] = true
				continue
			}
			key := kind + " " + p.Sid + " " + p.Action
			st, ok := cases[key]
			if !ok {
				t.Errorf("%s: nothing shows that this permission is needed; add the step that fails without it", key)
				continue
			}
			used[key] = true
			s.needs(st, name, role, policy, p)
		}
	}
	for key := range cases {
		if !used[key] {
			t.Errorf("%s: no role has this permission", key)
		}
	}
	for sid := range notShown {
		if !used[sid] {
			t.Errorf("%s: no role has this statement", sid)
		}
	}
	s.reset() // what was taken offline comes back with its site
}

// needs runs the step with the whole role, then without the one permission.
func (s *scene) needs(st step, name, role string, policy policy, p permission) {
	s.t.Helper()
	st.prepare(s, p)
	if failure := st.run(s, name, p); failure != "" {
		s.t.Fatalf("%s %s: with its whole role the step ended with %s", name, p.Action, failure)
	}
	st.prepare(s, p)
	if st.provoke != nil {
		defer st.provoke(s, p)()
	}
	s.putPolicy(role, policy.without(p))
	defer s.putPolicy(role, policy)
	run := st.run
	if st.instead != nil {
		run = st.instead
	}
	failure := run(s, name, p)
	if !strings.Contains(failure, "access-denied") || !strings.Contains(failure, "not authorized to perform: "+p.Action) {
		s.t.Errorf("%s without %s %s on %s: got %q, want access-denied that names the action", name, p.Sid, p.Action, p.Resource, failure)
	}
	s.t.Logf("%-28.28s %-20s %-42s %.160s", name, p.Sid, p.Action, failure)
}

func linkUp(s *scene, _ permission) { s.must(s.world.HealLink(s.ctx)) }

func bothPresent(s *scene, _ permission) {
	s.must(s.world.CutLink(s.ctx))
	s.layoutBoth()
}

// siteAbsent leaves the reported site out of the accelerator.
func siteAbsent(s *scene, p permission) {
	s.must(s.world.CutLink(s.ctx))
	_, reported := sitesOf(s, p)
	var rest []ga.Endpoint
	for _, site := range s.d.Sites {
		if site != reported {
			rest = append(rest, s.end(site))
		}
	}
	s.layout(ga.NewListener(443, ga.NewGroup(stack.Region, rest...)))
}

// restored leaves the reported site out of the accelerator, all else being well.
func restored(s *scene, p permission) {
	s.reset()
	siteAbsent(s, p)
	s.must(s.world.HealLink(s.ctx))
}

// ordered is an operator's order to put the reported site into the one group.
func ordered(s *scene, p permission) contract.Event {
	reporter, reported := sitesOf(s, p)
	listener := s.accelerator().Listeners[0]
	return s.rejoinEvent(reporter, reported, []contract.Endpoint{{Listener: listener.ARN, Group: listener.Groups[0].ARN,
		Endpoint: s.d.Balancers[reported], Weight: 128}})
}

func checkRejoin(s *scene, name string, p permission) string {
	return s.invoke(name, contract.CheckInput{Event: ordered(s, p), Begun: true})
}

func putBack(s *scene, name string, p permission) string {
	return s.invoke(name, contract.ActInput{Event: ordered(s, p), Execution: "fence-999999999",
		Decision: contract.Rejoin, CheckedAt: time.Now().UTC(), Record: []contract.Endpoint{}})
}

// oneGone: with a load balancer that is gone among those that stay, AWS refuses
// UpdateEndpointGroup, and RemoveEndpoints is the way.
func oneGone(s *scene, _ permission) {
	s.must(s.world.CutLink(s.ctx))
	gone := s.balancer(stack.Region, "")
	s.must(deployed.DeleteBalancer(s.ctx, gone))
	s.layout(ga.NewListener(443, ga.NewGroup(stack.Region, s.end(siteA), s.end(siteB), ga.NewEndpoint(gone))))
}

// rotateAtSite changes the reporter's password, so that the function reads the
// secret again though it remembers it.
func rotateAtSite(s *scene, p permission) (undo func()) {
	reporter, _ := sitesOf(s, p)
	old := s.world.Site(reporter).Password
	s.world.SetCredentials(reporter, rotatedInfinispan)
	return func() { s.world.SetCredentials(reporter, old) }
}

// sitesOf is who reports whom: the reporter is the site whose secret it is about.
func sitesOf(s *scene, p permission) (reporter, reported string) {
	i := max(0, slices.IndexFunc(s.d.Sites, func(site string) bool { return strings.Contains(p.Resource, "/"+site+"-") }))
	return s.d.Sites[i], s.d.Sites[(i+1)%len(s.d.Sites)]
}

func checkHealth(s *scene, name string, p permission) string {
	return s.invoke(name, contract.CheckInput{Event: s.event(sitesOf(s, p))})
}

func updateAccelerator(s *scene, name string, p permission) string { return s.act(name, p) }

func takeOffline(s *scene, name string, p permission) string { return s.act(name, p) }

func (s *scene) act(name string, p permission) string {
	return s.invoke(name, contract.ActInput{Event: s.event(sitesOf(s, p)), Execution: "fence-999999999",
		Decision: contract.Fence, CheckedAt: time.Now().UTC(), Record: []contract.Endpoint{}})
}

// invoke runs a function with a step's input, and returns its error, which must
// be a human's to mend.
func (s *scene) invoke(name string, input any) string {
	s.t.Helper()
	failure := s.failure(name, input)
	if failure != "" && !strings.HasPrefix(failure, "Misconfigured: ") {
		s.t.Errorf("%s: %s, want Misconfigured", name, failure)
	}
	return failure
}

// failure runs a function with a step's input, and returns its error.
func (s *scene) failure(name string, input any) string {
	s.t.Helper()
	in, err := json.Marshal(input)
	s.must(err)
	out, err := plain(s.ctx, "lambda", http.MethodPost, "/2015-03-31/functions/"+name+"/invocations", string(in))
	s.must(err)
	var failed struct{ ErrorType, ErrorMessage string }
	s.must(json.Unmarshal(out, &failed))
	if failed.ErrorType == "" {
		return ""
	}
	return failed.ErrorType + ": " + failed.ErrorMessage
}

// guessUntilRead posts a wrong password until the secret was read again: that
// is allowed a few times in a while only.
func guessUntilRead(s *scene, _ string, _ permission) string {
	since := time.Now().UnixMilli()
	for {
		resp := s.request(http.MethodPost, webhook(), basic(stack.WebhookUser, "wrong-password"))
		if resp.StatusCode != http.StatusUnauthorized {
			return s.refusedWith(resp, since, "cannot authenticate")
		}
		select {
		case <-s.ctx.Done():
			s.t.Fatal("the secret was never read again")
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func postNothing(s *scene, _ string, _ permission) string {
	if resp := s.request(http.MethodPost, webhook(), nil); resp.StatusCode != http.StatusNoContent {
		return resp.Status
	}
	return ""
}

func postAlert(s *scene, _ string, _ permission) string {
	since, before := time.Now().UnixMilli(), len(s.guardsEnded(0))
	resp := s.request(http.MethodPost, webhook(s.alert(siteA, siteB)), nil)
	if resp.StatusCode == http.StatusNoContent {
		s.guardsEnded(before + 1)
		return ""
	}
	return s.refusedWith(resp, since, "event not put")
}

// refusedWith wants 503, which Alertmanager tries again, and returns the line
// of the log that says why.
func (s *scene) refusedWith(resp *http.Response, since int64, message string) string {
	s.t.Helper()
	if resp.StatusCode != http.StatusServiceUnavailable {
		return resp.Status
	}
	log, err := logText(s.ctx, "/sitefence-ingest-", since)
	s.must(err)
	return lineWith(log, message)
}

// lineWith is the last line of a log with the text.
func lineWith(log, text string) string {
	lines := strings.Split(log, "\n")
	slices.Reverse(lines)
	if i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, text) }); i >= 0 {
		return lines[i]
	}
	return "no line with " + text
}
