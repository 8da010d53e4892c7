package abuse_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	_ "github.com/sitefence/sitefence/internal/ingest" // what the binary is made of; see stage
	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/local/lambdaruntime"
)

const (
	user     = "alertmanager"
	password = `the "right" pässword: <&>/+`
	// guess begins every wrong password. It is no secret of ours, but may be
	// nearly one: somebody's older password, or one with a slip in it.
	guess = "a-wrong-password-"

	// Of the stack (infra/ingest.go).
	timeout     = 15 * time.Second
	concurrency = 50

	// latency is what one AWS call takes at least, as within a Region.
	latency = 20 * time.Millisecond

	deployments, sites = 8, 12 // 1,056 outages can be told apart
)

// door is the ingest function behind its URL, with the services that it calls.
type door struct {
	t        *testing.T
	function *lambdaruntime.Function
	url      string
	bus      *awsfake.EventBridge
	reads    *reads

	mu      sync.Mutex
	answers map[string]int // distinct HTTP answers
}

// open deploys ingest. When the test ends, no environment must have been lost,
// and no secret been shown.
func open(t *testing.T) *door {
	t.Helper()
	d := &door{t: t, bus: &awsfake.EventBridge{}, reads: &reads{byEnvironment: map[string]int{}}, answers: map[string]int{}}
	d.reads.secrets.Set("webhook", password)
	slow := slices.Repeat([]awsfake.Fault{{Delay: latency}}, 1000)
	d.bus.Add(slow...)
	d.reads.secrets.Add(slow...)
	bus, secrets := httptest.NewServer(d.bus), httptest.NewServer(d.reads)
	t.Cleanup(bus.Close)
	t.Cleanup(secrets.Close)

	var err error
	d.function, err = lambdaruntime.New(lambdaruntime.Options{
		Name: "ingest", Binary: stage(t), Logs: t.TempDir(), Timeout: timeout, Concurrency: concurrency,
		Env: []string{
			config.EnvBus + "=sitefence", config.EnvWebhookSecret + "=webhook",
			"AWS_ENDPOINT_URL_EVENTBRIDGE=" + bus.URL, "AWS_ENDPOINT_URL_SECRETS_MANAGER=" + secrets.URL,
			// Whatever else it might call is nobody.
			"AWS_ENDPOINT_URL=http://127.0.0.1:1",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.function.Close)
	front := httptest.NewServer(lambdaruntime.URL(d.function))
	t.Cleanup(front.Close)
	d.url = front.URL
	t.Cleanup(d.inspect)
	return d
}

// stage makes the function's folder: the binary and its configuration.
func stage(t *testing.T) string {
	t.Helper()
	// Looked at, so that go test runs again when one of them has changed; for
	// all else that the binary is made of there is the import.
	for _, source := range []string{"functions/ingest/main.go", "cmd/buildfunctions/bootstrap/bootstrap.go", "go.mod"} {
		if _, err := os.Stat(filepath.Join(root, source)); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	binary, err := os.ReadFile(bootstrap())
	if err != nil {
		t.Fatal(err)
	}
	file := config.IngestFile{User: user}
	for n := range deployments {
		part := config.IngestDeployment{Name: fmt.Sprintf("deployment-%d", n), DNSNames: []string{accelerator(n)}}
		for s := range sites {
			part.Sites = append(part.Sites, site(s))
		}
		file.Deployments = append(file.Deployments, part)
	}
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"bootstrap": binary, config.FunctionFile: data} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "bootstrap")
}

// inspect holds everything that was said in the test to the rules: each log
// line is JSON, no environment was lost, and no secret shows anywhere.
func (d *door) inspect() {
	t := d.t
	t.Helper()
	for _, e := range d.function.Environments() {
		if !e.Alive {
			t.Errorf("environment %s was lost", e.Name)
		}
	}
	log := d.log()
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a log line that is no JSON: %.300s", line)
		}
	}
	answers := strings.Join(slices.Collect(maps.Keys(d.answers)), "\n")
	for _, text := range []string{log, answers, fmt.Sprint(d.bus.Events())} {
		// The Authorization header holds the password in base64.
		leak.Check(t, text, password, guess, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	}
}

func (d *door) log() string {
	log, err := d.function.Log()
	if err != nil {
		d.t.Error(err)
	}
	return log
}

// caller is one client of the URL with connections of its own.
type caller struct {
	*door
	http *http.Client
}

func (d *door) caller() caller {
	transport := &http.Transport{MaxIdleConnsPerHost: 400}
	d.t.Cleanup(transport.CloseIdleConnections)
	// Alertmanager waits longer than the function may take.
	return caller{d, &http.Client{Transport: transport, Timeout: 2 * timeout}}
}

// post sends a webhook and returns the answer's status, 0 if there is none.
func (c caller) post(ctx context.Context, user, password string, body []byte) (int, time.Duration) {
	started := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(string(body)))
	if err != nil {
		c.t.Error(err)
		return 0, 0
	}
	req.SetBasicAuth(user, password)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Alertmanager/0.28.1")
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Errorf("posting: %v", err)
		return 0, time.Since(started)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Errorf("reading the answer: %v", err)
	}
	took := time.Since(started)
	resp.Header.Del("Date")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[fmt.Sprint(resp.Status, resp.Header, string(answer))]++
	return resp.StatusCode, took
}

// reads is Secrets Manager, counting the reads of each execution environment.
type reads struct {
	secrets       awsfake.SecretsManager
	mu            sync.Mutex
	byEnvironment map[string]int
}

// ServeHTTP knows an environment by the access key that signed the call.
func (r *reads) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	_, credential, _ := strings.Cut(req.Header.Get("Authorization"), "Credential=")
	key, _, _ := strings.Cut(credential, "/")
	r.mu.Lock()
	r.byEnvironment[key]++
	r.mu.Unlock()
	r.secrets.ServeHTTP(w, req)
}

func (r *reads) snapshot() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.byEnvironment)
}

func accelerator(n int) string { return fmt.Sprintf("a%d.awsglobalaccelerator.com", n) }
func site(n int) contract.Site { return contract.Site(fmt.Sprintf("site-%02d", n)) }
