package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/leak"
)

const (
	machineARN = "arn:aws:states:eu-west-1:111122223333:stateMachine:sitefence-keycloak-"
	guardARN   = machineARN + "guard-0a"
	fenceARN   = machineARN + "fence-0a"
	restoreARN = machineARN + "restore-0a"
)

// operated is an AWS account with a stack of one deployment, for the commands
// that act. What its machines do a test says in onStart.
type operated struct {
	t       *testing.T
	url     string
	outputs map[string]string
	states  awsfake.Machines
	// onStart makes of an execution that was started what became of it, and of the
	// executions that it started.
	onStart func(awsfake.Run) []awsfake.Run

	mu       sync.Mutex
	pause    string
	inspect  contract.Inspection
	webhooks []string // bodies that ingest took
	alert    func(contract.Event)
}

func newOperated(t *testing.T) *operated {
	a := &operated{t: t, pause: "{}", inspect: healthy()}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.url = server.URL
	a.outputs = map[string]string{
		"IngestUrl": server.URL + "/ingest", "WebhookSecretArn": "webhook",
		"GuardMachineArnKeycloak": guardARN, "FenceMachineArnKeycloak": fenceARN, "RestoreMachineArnKeycloak": restoreARN,
		"InspectFunctionNameKeycloak": "inspect-keycloak", "PauseParameterKeycloak": "/sitefence/keycloak/pause",
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PROFILE": "", "USER": "tester",
	} {
		t.Setenv(name, value)
	}
	return a
}

func healthy() contract.Inspection {
	site := func(name, other contract.Site) contract.SiteState {
		return contract.SiteState{Name: name, Standing: contract.SiteEvidence{Endpoints: 1, Listeners: 1, InService: 1},
			Endpoints:  []contract.Endpoint{{Endpoint: string(name) + "-lb", Weight: 128}},
			Infinispan: &contract.ClusterState{Verified: true, Sees: []contract.Site{"site-a", "site-b"}, Backups: map[contract.Site]string{other: "online"}}}
	}
	return contract.Inspection{Version: "1", Deployment: "keycloak", Accelerator: contract.AcceleratorState{
		DNSNames: []string{"x.awsglobalaccelerator.com"}, Status: "DEPLOYED", Enabled: true, Listeners: 1,
	}, Sites: []contract.SiteState{site("site-a", "site-b"), site("site-b", "site-a")}}
}

// fencedInspection is a deployment whose site-b is out.
func fencedInspection() contract.Inspection {
	i := healthy()
	i.Sites[1].Standing, i.Sites[1].Endpoints = contract.SiteEvidence{}, []contract.Endpoint{}
	i.Sites[0].Infinispan.Backups["site-b"] = "offline"
	return i
}

// command runs the command line and returns what it printed. Nothing that it
// prints holds the password.
func (a *operated) command(args ...string) (out, notes string, err error) {
	a.t.Helper()
	return a.typing("", args...)
}

func (a *operated) typing(input string, args ...string) (string, string, error) {
	a.t.Helper()
	var out, notes bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&notes)
	root.SetIn(strings.NewReader(input))
	// What would follow for ever fails instead.
	ctx, cancel := context.WithTimeout(a.t.Context(), 30*time.Second)
	defer cancel()
	err := root.ExecuteContext(ctx)
	leak.Check(a.t, out.String()+notes.String()+fmt.Sprint(err), password)
	return out.String(), notes.String(), err
}

func (a *operated) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	target := r.Header.Get("X-Amz-Target")
	switch {
	case r.URL.Path == "/ingest":
		a.ingest(w, r, body)
	case strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/inspect-keycloak/"):
		a.mu.Lock()
		defer a.mu.Unlock()
		_ = json.NewEncoder(w).Encode(a.inspect)
	case target == "AWSStepFunctions.StopExecution":
		a.stop(w, body)
	case strings.HasPrefix(target, "AWSStepFunctions."):
		a.serveStates(w, r)
	case strings.HasPrefix(target, "AmazonSSM."):
		a.serveSSM(w, strings.TrimPrefix(target, "AmazonSSM."), body)
	case target == "secretsmanager.GetSecretValue":
		_ = json.NewEncoder(w).Encode(map[string]string{"SecretString": password})
	default:
		a.serveQuery(w, body)
	}
}

func (a *operated) serveStates(w http.ResponseWriter, r *http.Request) {
	before := len(a.states.Runs())
	a.states.ServeHTTP(w, r)
	// The answer is small and still buffered: the client does not look earlier.
	for runs := a.states.Runs(); before < len(runs) && a.onStart != nil; before++ {
		a.states.Put(a.onStart(runs[before])...)
	}
}

func (a *operated) stop(w http.ResponseWriter, body []byte) {
	var in struct{ ExecutionArn, Error, Cause string }
	_ = json.Unmarshal(body, &in)
	for _, r := range a.states.Runs() {
		if r.ARN() == in.ExecutionArn {
			r.Status, r.Ended, r.Error, r.Cause = "ABORTED", time.Now(), in.Error, in.Cause
			a.states.Put(r)
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]float64{"stopDate": 1.8e9})
}

func (a *operated) serveSSM(w http.ResponseWriter, operation string, body []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var in struct{ Name, Value string }
	_ = json.Unmarshal(body, &in)
	if operation == "PutParameter" {
		a.pause = in.Value
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"Version": 1, "Parameter": map[string]string{"Name": in.Name, "Value": a.pause}})
}

// serveQuery is CloudFormation and STS, which speak another protocol.
func (a *operated) serveQuery(w http.ResponseWriter, body []byte) {
	form, _ := url.ParseQuery(string(body))
	if form.Get("Action") == "GetCallerIdentity" {
		_, _ = io.WriteString(w, "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::111122223333:assumed-role/ops/alice</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>")
		return
	}
	_, _ = io.WriteString(w, "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackStatus>CREATE_COMPLETE</StackStatus><Outputs>")
	for key, value := range a.outputs {
		_, _ = fmt.Fprintf(w, "<member><OutputKey>%s</OutputKey><OutputValue>", key)
		_ = xml.EscapeText(w, []byte(value))
		_, _ = io.WriteString(w, "</OutputValue></member>")
	}
	_, _ = io.WriteString(w, "</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>")
}

// ingest takes a webhook by the right user with the right password, and hands its
// alert on.
func (a *operated) ingest(w http.ResponseWriter, r *http.Request, body []byte) {
	if user, pass, _ := r.BasicAuth(); user != "alertmanager" || pass != password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var hook struct {
		Alerts []struct {
			Labels      map[string]string
			Fingerprint string
			StartsAt    time.Time
		}
	}
	if err := json.Unmarshal(body, &hook); err != nil || len(hook.Alerts) != 1 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	a.webhooks = append(a.webhooks, string(body))
	a.mu.Unlock()
	alert := hook.Alerts[0]
	_, drill := alert.Labels["drill"]
	if a.alert != nil {
		a.alert(contract.Event{Version: "1", Deployment: "keycloak", Accelerator: alert.Labels["accelerator"], DryRun: drill,
			Reporter: contract.Site(alert.Labels["reporter"]), Site: contract.Site(alert.Labels["site"]), ReceivedAt: time.Now(),
			Alert: contract.Alert{Fingerprint: alert.Fingerprint, StartsAt: alert.StartsAt}})
	}
	w.WriteHeader(http.StatusNoContent)
}

// ended is an execution that has ended a moment ago.
func ended(machine, name, outcome string, input any, out map[string]any) awsfake.Run {
	all := map[string]any{"outcome": outcome}
	for k, v := range out {
		all[k] = v
	}
	return awsfake.Run{Machine: machine, Name: name, Status: "SUCCEEDED", Started: time.Now().Add(-time.Second), Ended: time.Now(),
		Input: jsonText(input), Output: jsonText(all)}
}

func jsonText(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}
