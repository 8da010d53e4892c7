package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/awsfake/nights"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/history"
	"github.com/sitefence/sitefence/internal/status"
)

// account is an AWS account with a stack of one deployment, main, and for some
// tests a second one, spare.
type fakeAccount struct {
	machines awsfake.Machines
	lambda   awsfake.Lambda
	outputs  map[string]string
	rounds   atomic.Int64 // invocations of Inspect
}

const spare = "arn:aws:states:eu-west-1:000000000000:stateMachine:sitefence-spare-"

func newAccount(t *testing.T) *fakeAccount {
	t.Helper()
	a := &fakeAccount{outputs: map[string]string{
		"IngestUrl": "https://abcdefghij.lambda-url.eu-west-1.on.aws/", "WebhookSecretArn": "webhook",
		"GuardMachineArnMain": nights.Guards, "FenceMachineArnMain": nights.Fences, "RestoreMachineArnMain": nights.Restores,
		"InspectFunctionNameMain": "inspect-main",
	}}
	a.inspection(pair())
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_PROFILE": "", "AWS_CONFIG_FILE": "/nonexistent",
		"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	} {
		t.Setenv(name, value)
	}
	return a
}

func (a *fakeAccount) second() {
	a.outputs["GuardMachineArnSpare"], a.outputs["FenceMachineArnSpare"] = spare+"guard-0a1b2c3d", spare+"fence-0a1b2c3d"
	a.outputs["InspectFunctionNameSpare"] = "inspect-spare"
}

func (a *fakeAccount) inspection(i contract.Inspection) {
	data, err := json.Marshal(i)
	if err != nil {
		panic(err)
	}
	a.lambda.Set("inspect-"+i.Deployment, awsfake.Answer{Payload: string(data)})
}

func (a *fakeAccount) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AWSStepFunctions."):
		a.machines.ServeHTTP(w, r)
	case strings.HasPrefix(r.URL.Path, "/2015-03-31/"):
		a.rounds.Add(1)
		a.lambda.ServeHTTP(w, r)
	default:
		describeStack(w, a.outputs)
	}
}

func pair() contract.Inspection {
	site := func(name, other contract.Site) contract.SiteState {
		return contract.SiteState{Name: name, Standing: contract.SiteEvidence{Endpoints: 1, Listeners: 1, InService: 1},
			Endpoints: []contract.Endpoint{{Endpoint: "lb", Weight: 128}}, Targets: &contract.Targets{Healthy: 2, Total: 2},
			Infinispan: &contract.ClusterState{Verified: true, Sees: []contract.Site{name, other}, Backups: map[contract.Site]string{other: "online"}}}
	}
	return contract.Inspection{Version: "1", Deployment: "main", Release: "v1",
		Accelerator: contract.AcceleratorState{DNSNames: []string{"a1234.awsglobalaccelerator.com"}, Status: "DEPLOYED", Enabled: true, Listeners: 1},
		Sites:       []contract.SiteState{site("site-a", "site-b"), site("site-b", "site-a")}}
}

// sitefence runs the command and returns what it printed, and its notes.
func sitefence(ctx context.Context, args ...string) (out, notes string, err error) {
	var stdout, stderr bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	err = root.ExecuteContext(ctx)
	return stdout.String(), stderr.String(), err
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, _, err := sitefence(t.Context(), args...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// decode reads strictly: a field that the type does not know is a change of the
// documented shape.
func decode[T any](t *testing.T, text string) (v T) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return v
}

var night = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

func TestStatus(t *testing.T) {
	a := newAccount(t)
	a.machines.Put(nights.Fenced(night, "g-1", 7)...)
	out := mustRun(t, "status")
	for _, want := range []string{"main  ", "Both sites serve.", "site-a  yes", "last fence   2026-11-24 03:00:00Z fence-7, fenced: site-b, by site-a, split, 3.1 s"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	got := decode[statusAnswer](t, mustRun(t, "status", "-o", "json")).Deployments
	if len(got) != 1 || got[0].Headline != "Both sites serve." || got[0].Level != status.OK || got[0].LastFence.Name() != "fence-7" {
		t.Errorf("%+v", got)
	}
}

// Each deployment has a screen of its own, and one that cannot be read leaves the
// others.
func TestStatusOfSeveralDeployments(t *testing.T) {
	a := newAccount(t)
	a.second()
	fenced := pair()
	fenced.Sites[1].Standing = contract.SiteEvidence{}
	fenced.Sites[0].Infinispan.Backups["site-b"] = "offline"
	a.inspection(fenced)
	out := mustRun(t, "status")
	for _, want := range []string{"`sitefence restore --site site-b --deployment main`", "spare  ", "Who serves cannot be read: asking inspect-spare"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if out = mustRun(t, "status", "--deployment", "spare"); strings.Contains(out, "site-b") {
		t.Errorf("--deployment spare:\n%s", out)
	}
	if _, _, err := sitefence(t.Context(), "status", "--deployment", "other"); err == nil || !strings.Contains(err.Error(), "it has main, spare") {
		t.Errorf("--deployment other: %v", err)
	}
}

// It looks until it is told to stop, also in the middle of a look, which is no
// failure.
func TestStatusWatch(t *testing.T) {
	a := newAccount(t)
	a.lambda.Add(awsfake.Fault{}, awsfake.Fault{}, awsfake.Fault{Delay: time.Minute})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	var out string
	go func() {
		var err error
		out, _, err = sitefence(ctx, "status", "--watch", "--every", "1s")
		ended <- err
	}()
	deadline := time.After(30 * time.Second)
	for a.rounds.Load() < 3 {
		select {
		case <-deadline:
			t.Fatal("three looks did not come")
		case <-time.After(10 * time.Millisecond):
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stopped: %v, want no error", err)
	}
	if n := strings.Count(out, "Both sites serve."); n != 2 || strings.Contains(out, "\x1b") {
		t.Errorf("%d looks shown, want the first 2 and no control characters:\n%s", n, out)
	}
}

func TestHistory(t *testing.T) {
	a := newAccount(t)
	a.machines.Put(nights.Fenced(night, "g-1", 7)...)
	a.machines.Put(nights.Rehearsed(night.Add(time.Hour), "g-2", 8)...)
	a.machines.Put(nights.Undecided(night.Add(2*time.Hour), "g-3"), nights.Synced(night.Add(3*time.Hour), "restore-7-1"))
	stuck := nights.StuckOffline(night.Add(4*time.Hour), "g-4", 9)
	stuck[0].Input = strings.ReplaceAll(stuck[0].Input, "site-b", `site-b\u001b[31m`)
	stuck[1].Input = strings.ReplaceAll(stuck[1].Input, "site-b", `site-b\u001b[31m`)
	a.machines.Put(stuck...)
	goldenFile(t, "testdata/golden/history.txt", mustRun(t, "history"))
	goldenFile(t, "testdata/golden/history.json", mustRun(t, "history", "--limit", "1", "--since", "2026-11-24", "-o", "json"))
	got := decode[historyAnswer](t, mustRun(t, "history", "-o", "json"))
	if len(got.Incidents) != 5 || got.Incidents[4].Kind != history.Fenced {
		t.Errorf("%d incidents: %+v", len(got.Incidents), got.Incidents)
	}
	if out := mustRun(t, "history", "--since", "1h"); !strings.HasPrefix(out, "Nothing has happened since ") {
		t.Errorf("of the last hour:\n%s", out)
	}
}

// What can be read is shown, and the exit code says that it is not all.
func TestHistoryInPart(t *testing.T) {
	a := newAccount(t)
	a.machines.Put(nights.Fenced(night, "g-1", 7)...)
	a.machines.Add(awsfake.Fault{Status: 400, Code: "AccessDeniedException"})
	out, _, err := sitefence(t.Context(), "history", "-o", "json")
	if err == nil || strings.Contains(err.Error(), "\n") || len(decode[historyAnswer](t, out).Problems) != 1 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestReport(t *testing.T) {
	a := newAccount(t)
	a.machines.Put(nights.Fenced(night, "g-1", 7)...)
	byName := mustRun(t, "report", "fence-7")
	if !strings.HasPrefix(byName, "# main: site-b fenced, 2026-11-24 03:00:00Z\n") {
		t.Errorf("by name:\n%s", byName)
	}
	byARN := mustRun(t, "report", nights.Guards[:len("arn:aws:states:eu-west-1:000000000000:")]+"execution:sitefence-main-guard-0a1b2c3d:g-1")
	if diff := cmp.Diff(byName, byARN); diff != "" {
		t.Errorf("by the name of the fence and by the ARN of its guard:\n%s", diff)
	}
	file := filepath.Join(t.TempDir(), "incident.html")
	if out := mustRun(t, "report", "fence-7", "--file", file); out != "" {
		t.Errorf("it prints beside writing a file:\n%s", out)
	}
	page, err := os.ReadFile(file)
	if err != nil || !bytes.HasPrefix(page, []byte("<!DOCTYPE html>")) {
		t.Errorf("%v: %.60s", err, page)
	}
	if out := mustRun(t, "report", "fence-7", "--format", "html"); out != string(page) {
		t.Error("--format html prints something else than --file incident.html writes")
	}
	var json struct {
		Kind      string
		Endpoints []contract.Endpoint
	}
	if json = decodeSome(t, mustRun(t, "report", "fence-7", "-o", "json"), json); json.Kind != "fenced" || len(json.Endpoints) != 1 {
		t.Errorf("%+v", json)
	}
}

func decodeSome[T any](t *testing.T, text string, v T) T {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// A name that two deployments have is not guessed.
func TestExecutionsByName(t *testing.T) {
	a := newAccount(t)
	a.second()
	twin := nights.Fenced(night, "g-1", 7)
	a.machines.Put(twin...)
	twin[1].Machine = spare + "fence-0a1b2c3d"
	a.machines.Put(twin[1])
	for name, test := range map[string]struct{ args, says string }{
		"two of that name": {"report fence-7", "several executions are named \"fence-7\": choose one of arn:"},
		"none":             {"report fence-9", "there is no execution \"fence-9\": see `sitefence history`"},
		"a foreign one":    {"report arn:aws:states:eu-west-1:000000000000:execution:theirs:x", "is an execution of no machine of this stack"},
		"no longer kept":   {"report " + strings.Replace(nights.Guards, "stateMachine", "execution", 1) + ":old", "keeps an execution for 90 days"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := sitefence(t.Context(), strings.Fields(test.args)...); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q", err, test.says)
			}
		})
	}
	mustRun(t, "report", "fence-7", "--deployment", "main")
}

func TestLookUsage(t *testing.T) {
	newAccount(t)
	for _, args := range []string{"report", "report a b", "replay", "history --limit 0", "history --limit 1001", "history --since yesterday", "history --since -1h",
		"status --every 10ms", "status -o yaml", "report x --format pdf", "report x --format md -o json", "status now"} {
		_, _, err := sitefence(t.Context(), strings.Fields(args)...)
		if _, usage := errors.AsType[usageError](err); !usage && args != "status now" || err == nil {
			t.Errorf("%s: %v, want an error of usage", args, err)
		}
	}
}

func TestSince(t *testing.T) {
	for value, want := range map[string]time.Time{"": {}, "90m": night.Add(-90 * time.Minute), "7d": night.AddDate(0, 0, -7), "1.5d": night.Add(-36 * time.Hour),
		"2026-11-20": time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), "2026-11-20T01:02:03+01:00": time.Date(2026, 11, 20, 0, 2, 3, 0, time.UTC)} {
		if got, err := since(value, night); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v; want %v", value, got, err, want)
		}
	}
}

// The help has examples, and says of each flag what it is for.
func TestLookHelp(t *testing.T) {
	for _, command := range []string{"status", "history", "report", "replay"} {
		out := mustRun(t, command, "--help")
		for _, want := range []string{"Examples:\n  sitefence " + command, "--deployment", "--local  ", "--output"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", command, want, out)
			}
		}
	}
}

func goldenFile(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

var arn = regexp.MustCompile(`^arn:aws:states:eu-west-1:000000000000:execution:sitefence-main-guard-0a1b2c3d:replay-[a-z0-9]{16}$`)
