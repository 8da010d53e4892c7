package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
)

var removedEndpoint = contract.Endpoint{Listener: "the-listener", Group: "the-group", Endpoint: "the-balancer", Weight: 77, ClientIPPreservation: true}

// afterAFence is an account whose site-b was fenced by fence-12, and whose machines
// restore it. The inputs of the restore machine are kept by name.
func afterAFence(t *testing.T) (*operated, map[string]contract.RestoreInput) {
	a := newOperated(t)
	a.inspect = fencedInspection()
	e := contract.Event{Version: "1", Deployment: "keycloak", Accelerator: "x.awsglobalaccelerator.com", Reporter: "site-a", Site: "site-b", ReceivedAt: time.Now()}
	f := ended(fenceARN, "fence-12", "Fenced", e, map[string]any{"record": []contract.Endpoint{removedEndpoint}, "replication": contract.Offline{Backup: "offline"}})
	f.Started = time.Now().Add(-time.Hour)
	a.states.Put(f)
	started := map[string]contract.RestoreInput{}
	a.onStart = func(r awsfake.Run) []awsfake.Run {
		var in contract.RestoreInput
		if err := json.Unmarshal([]byte(r.Input), &in); err != nil || r.Machine != restoreARN {
			t.Errorf("started %+v, %v", r, err)
		}
		started[r.Name] = in
		return a.restored(r, in)
	}
	return a, started
}

// restored is what the machines make of a restore execution when all goes well.
func (a *operated) restored(r awsfake.Run, in contract.RestoreInput) []awsfake.Run {
	done := func(outcome string, more map[string]any) awsfake.Run {
		e := ended(r.Machine, r.Name, outcome, r.Input, more)
		e.Started = r.Started
		return e
	}
	switch in.Phase {
	case contract.PhaseSync:
		e := done("InSync", map[string]any{"links": []contract.Link{{From: "site-a", To: "site-b", Sees: true, Backup: "online"}}})
		out := func(o contract.Resync) string { return jsonText(o) }
		for i, step := range []struct {
			state string
			out   contract.Resync
		}{
			{"Check", contract.Resync{Checks: []contract.Finding{{What: "the sites see each other", OK: true, Text: "both"}}}},
			{"Check", contract.Resync{Checks: []contract.Finding{{What: "the sites see each other", OK: true, Text: "both"}}}},
			{"Progress", contract.Resync{Push: &contract.Push{Total: 4, OK: 2}}},
			{"Progress", contract.Resync{Push: &contract.Push{Total: 4, OK: 4, Done: true}}},
		} {
			at := r.Started.Add(time.Duration(i) * time.Second)
			e.Events = append(e.Events, awsfake.RunEvent{Type: "TaskStateEntered", State: step.state, At: at},
				awsfake.RunEvent{Type: "TaskStateExited", State: step.state, Output: out(step.out), At: at})
		}
		return []awsfake.Run{e}
	case contract.PhaseUndo:
		return []awsfake.Run{done("Undone", nil)}
	}
	fence := ended(fenceARN, "fence-13", "Rejoined", r.Input, map[string]any{"endpoints": in.Endpoints})
	guard := ended(guardARN, "rejoin"+strings.TrimPrefix(r.Name, "restore"), "FenceStarted", r.Input, map[string]any{"fence": fence.ARN()})
	return []awsfake.Run{fence, guard, done("RejoinStarted", map[string]any{"guard": guard.ARN()})}
}

func TestRestoreInSteps(t *testing.T) {
	a, started := afterAFence(t)
	out, _, err := a.command("restore", "--site", "site-b", "--keycloak-stopped")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "On record: fence-12", "site-a serves alone", "to go back: the-balancer (weight 77, client IP preservation true) into the-group",
		"ok  the sites see each other: both", "2 of 4 caches", "in sync", "sitefence restore --site site-b --continue restore-12-1")
	if strings.Count(out, "the sites see each other") != 1 {
		t.Errorf("a finding is shown twice:\n%s", out)
	}
	in := started["restore-12-1"]
	if in.Phase != contract.PhaseSync || in.Since != "fence-12" || !in.KeycloakStopped || in.Reporter != "site-a" || in.Order.By != "alice" ||
		len(in.Endpoints) != 1 || in.Endpoints[0] != removedEndpoint || in.Operation != contract.OperationRejoin {
		t.Errorf("started with %+v", in)
	}

	out, _, err = a.command("restore", "--status")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "restore-12-1 (sync)", "waits for Keycloak: start it at site-b", "--continue restore-12-1")

	out, _, err = a.command("restore", "--site", "site-b", "--continue", "restore-12-1")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "back in the accelerator: the-balancer (weight 77)", "site-b serves again (fence-13)")
	if in := started["restore-12-2"]; in.Phase != contract.PhaseRejoin || in.Since != "fence-12" || len(in.Endpoints) != 1 {
		t.Errorf("went on with %+v", in)
	}
	out, _, err = a.command("restore", "--status", "-o", "json")
	var answer restoreAnswer
	if err != nil || json.Unmarshal([]byte(out), &answer) != nil || answer.Outcome != "rejoined" || answer.Fence != "fence-13" || answer.Guard != "rejoin-12-2" {
		t.Errorf("%s, %v", out, err)
	}
	_, _, err = a.command("restore", "--site", "site-b", "--keycloak-stopped")
	if err == nil || !strings.Contains(err.Error(), "not fenced") {
		t.Errorf("a second restore: %v", err)
	}
	if _, _, err = a.command("restore", "--abort"); err == nil || !strings.Contains(err.Error(), "cannot be taken back") {
		t.Errorf("abort after it is back: %v", err)
	}
}

func TestRestoreAnswersJSONOnce(t *testing.T) {
	a, _ := afterAFence(t)
	out, _, err := a.command("restore", "--site", "site-b", "--keycloak-stopped", "--output", "json")
	var answer restoreAnswer
	if err != nil || json.Unmarshal([]byte(out), &answer) != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if answer.Outcome != "in-sync" || answer.Execution != "restore-12-1" || answer.Push == nil || answer.Push.OK != 4 || len(answer.Findings) != 1 ||
		!strings.Contains(answer.Next, "--continue restore-12-1") || len(answer.Endpoints) != 1 {
		t.Errorf("%+v", answer)
	}
}

func TestRestoreThatStops(t *testing.T) {
	a, _ := afterAFence(t)
	a.onStart = func(r awsfake.Run) []awsfake.Run {
		r.Status, r.Error = "FAILED", "Refused"
		r.Cause = `The restore stopped, and replication is offline again. Mend what is named here: {"errorMessage": "not-seen: the sites do not see each other", "errorType": "Refused"}`
		return []awsfake.Run{r}
	}
	_, _, err := a.command("restore", "--site", "site-b", "--keycloak-stopped")
	if err == nil {
		t.Fatal("no error")
	}
	has(t, err.Error(), "restore-12-1", "replication is offline again", "do not see each other")
	if strings.Contains(err.Error(), "errorMessage") {
		t.Errorf("a function's JSON is shown to a person: %v", err)
	}
	out, _, err := a.command("restore", "--status")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "restore-12-1 (sync)", "do not see each other")
	if out, _, err = a.command("restore", "--abort"); err != nil || out != "There is nothing to undo.\n" {
		t.Errorf("abort of what undid itself: %q, %v", out, err)
	}
	if _, _, err = a.command("restore", "--site", "site-b", "--continue"); err == nil || !strings.Contains(err.Error(), "start again") {
		t.Errorf("continue after it stopped: %v", err)
	}
	a.onStart = func(r awsfake.Run) []awsfake.Run {
		return a.restored(r, contract.RestoreInput{Phase: contract.PhaseSync})
	}
	if out, _, err = a.command("restore", "--site", "site-b", "--keycloak-stopped"); err != nil || !strings.Contains(out, "--continue restore-12-2") {
		t.Errorf("from the start again: %s, %v", out, err)
	}
}

func TestRejoinThatFails(t *testing.T) {
	a, started := afterAFence(t)
	if _, _, err := a.command("restore", "--site", "site-b", "--keycloak-stopped"); err != nil {
		t.Fatal(err)
	}
	good := a.onStart
	a.onStart = func(r awsfake.Run) []awsfake.Run {
		all := good(r)
		all[0].Status, all[0].Error, all[0].Cause, all[0].Output = "FAILED", "Refused", "The site is still fenced. The balancer is gone.", ""
		return all
	}
	_, _, err := a.command("restore", "--site", "site-b", "--continue")
	if err == nil {
		t.Fatal("no error")
	}
	has(t, err.Error(), "site-b is not back", "The balancer is gone.")
	out, _, err := a.command("restore", "--status")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "fence-13 ended failed", "The balancer is gone.", "sitefence restore --site site-b --continue")
	a.onStart = func(r awsfake.Run) []awsfake.Run {
		all := good(r)
		all[0].Name = "fence-14"
		var out map[string]any
		_ = json.Unmarshal([]byte(all[1].Output), &out)
		out["fence"] = all[0].ARN()
		all[1].Output = jsonText(out)
		return all
	}
	if _, _, err := a.command("restore", "--site", "site-b", "--continue"); err != nil {
		t.Error(err)
	}
	if in := started["restore-13-1"]; in.Since != "fence-13" || in.Phase != contract.PhaseRejoin {
		t.Errorf("went on with %+v", in)
	}
}

func TestRestoreAborted(t *testing.T) {
	a, started := afterAFence(t)
	good := a.onStart
	a.onStart = func(awsfake.Run) []awsfake.Run { return nil } // it runs on
	in := contract.RestoreInput{Event: contract.Event{Version: "1", Deployment: "keycloak", Reporter: "site-a", Site: "site-b", ReceivedAt: time.Now(),
		Operation: contract.OperationRejoin, Order: &contract.Order{By: "bob"}, Endpoints: []contract.Endpoint{removedEndpoint}}, Phase: contract.PhaseSync, Since: "fence-12"}
	a.states.Put(awsfake.Run{Machine: restoreARN, Name: "restore-12-1", Status: "RUNNING", Started: time.Now().Add(-time.Minute), Input: jsonText(in),
		Events: []awsfake.RunEvent{{Type: "PassStateEntered", State: "BeginSync", At: time.Now()}, {Type: "TaskStateEntered", State: "Progress", At: time.Now()},
			{Type: "TaskStateExited", State: "Progress", Output: jsonText(contract.Resync{Push: &contract.Push{Total: 4, OK: 1}}), At: time.Now()},
			{Type: "WaitStateEntered", State: "WaitForPush", At: time.Now()}}})
	out, _, err := a.command("restore", "--status")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "by bob", "transferring", "1 of 4 caches")
	for _, args := range [][]string{{"--site", "site-b", "--keycloak-stopped"}, {"--site", "site-b", "--continue"}} {
		if _, _, err := a.command(append([]string{"restore"}, args...)...); err == nil || !strings.Contains(err.Error(), "restore-12-1 is running") {
			t.Errorf("%v beside a running one: %v", args, err)
		}
	}
	a.onStart = good
	out, _, err = a.command("restore", "--abort")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "Stopped restore-12-1", "restore-12-2 is undone: site-a serves alone again")
	if in := started["restore-12-2"]; in.Phase != contract.PhaseUndo || in.Since != "fence-12" {
		t.Errorf("undone with %+v", in)
	}
	if out, _, err = a.command("restore", "--abort"); err != nil || out != "There is nothing to undo.\n" {
		t.Errorf("abort again: %q, %v", out, err)
	}
}

func TestRestoreWithoutInfinispan(t *testing.T) {
	a, started := afterAFence(t)
	a.inspect.Sites[0].Infinispan, a.inspect.Sites[1].Infinispan = nil, nil
	out, _, err := a.command("restore", "--site", "site-b")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "no data to bring over", "site-b serves again")
	if in := started["restore-12-1"]; in.Phase != contract.PhaseRejoin || len(started) != 1 {
		t.Errorf("started %+v", started)
	}
}

const endpointFlag = "arn:aws:globalaccelerator::111122223333:accelerator/1234-abcd/listener/0123abcd/endpoint-group/ab12," +
	"arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/kc-site-b/0123456789abcdef,9,false"

func TestRestoreOfWhatTheOperatorNames(t *testing.T) {
	a, started := afterAFence(t)
	if _, _, err := a.command("restore", "--site", "site-b", "--keycloak-stopped", "--endpoint", endpointFlag, "--reason", "change 4711", "--by", "bob"); err != nil {
		t.Fatal(err)
	}
	in := started["restore-12-1"]
	if len(in.Endpoints) != 1 || in.Endpoints[0].Weight != 9 || in.Reporter != "site-a" || *in.Order != (contract.Order{By: "bob", Reason: "change 4711"}) || in.Accelerator == "" {
		t.Errorf("started with %+v", in)
	}
}

func TestRestoreRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		args   []string
		change func(*operated)
		usage  bool
		want   string
	}{
		"no site":                         {args: nil, usage: true, want: "--site"},
		"two modes":                       {args: []string{"--status", "--abort"}, usage: true, want: "--status"},
		"ignored flag":                    {args: []string{"--continue", "--endpoint", "x"}, usage: true, want: "--endpoint"},
		"stray argument":                  {args: []string{"--site", "site-b", "restore-12-1"}, want: "restore-12-1"},
		"nobody to ask":                   {args: []string{"--site", "site-b"}, usage: true, want: "--keycloak-stopped"},
		"unknown site":                    {args: []string{"--site", "site-x"}, usage: true, want: "--site: got \"site-x\", want one of site-a, site-b"},
		"bad endpoint":                    {args: []string{"--site", "site-b", "--keycloak-stopped", "--endpoint", "x"}, usage: true, want: "--endpoint"},
		"endpoint twice":                  {args: []string{"--site", "site-b", "--keycloak-stopped", "--endpoint", endpointFlag, "--endpoint", endpointFlag}, usage: true, want: "twice"},
		"no such record":                  {args: []string{"--site", "site-b", "--keycloak-stopped", "--record", "fence-99"}, want: "fence-99"},
		"it serves, and never was fenced": {args: []string{"--site", "site-a", "--keycloak-stopped"}, want: "not fenced"},
		"it serves":                       {args: []string{"--site", "site-b", "--keycloak-stopped"}, change: func(a *operated) { a.inspect = healthy() }, want: "not fenced"},
		"wrong survivor":                  {args: []string{"--site", "site-b", "--keycloak-stopped", "--survivor", "site-x"}, usage: true, want: "site-x"},
		"another restore's site": {args: []string{"--site", "site-a", "--continue", "restore-12-9"}, change: func(a *operated) {
			in := contract.RestoreInput{Event: contract.Event{Version: "1", Deployment: "keycloak", Reporter: "site-a", Site: "site-b", ReceivedAt: time.Now(),
				Operation: contract.OperationRejoin, Order: &contract.Order{By: "x"}, Endpoints: []contract.Endpoint{removedEndpoint}}, Phase: contract.PhaseSync, Since: "fence-12"}
			a.states.Put(ended(restoreARN, "restore-12-9", "InSync", in, nil))
		}, usage: true, want: "that restore is of site-b"},
		"an earlier release's": {args: []string{"--site", "site-b"}, change: func(a *operated) { delete(a.outputs, "RestoreMachineArnKeycloak") }, want: "cdk deploy"},
	} {
		t.Run(name, func(t *testing.T) {
			a, started := afterAFence(t)
			if tc.change != nil {
				tc.change(a)
			}
			_, _, err := a.command(append([]string{"restore"}, tc.args...)...)
			if _, usage := errors.AsType[usageError](err); err == nil || usage != tc.usage || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v (usage %v), want an error with %q", err, usage, tc.want)
			}
			if len(started) > 0 {
				t.Errorf("something was started: %v", started)
			}
		})
	}
}

func TestRestoreStatusOfNothing(t *testing.T) {
	a, _ := afterAFence(t)
	if out, _, err := a.command("restore", "--status"); err != nil || !strings.Contains(out, "no restore of keycloak") {
		t.Errorf("%s, %v", out, err)
	}
	out, _, err := a.command("restore", "--status", "-o", "json")
	var answer restoreAnswer
	if err != nil || json.Unmarshal([]byte(out), &answer) != nil || answer.Deployment != "keycloak" || answer.Execution != "" {
		t.Errorf("%s, %v", out, err)
	}
}
