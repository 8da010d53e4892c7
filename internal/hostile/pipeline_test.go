package hostile

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/bus"
	"github.com/sitefence/sitefence/internal/checkhealth"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/ingest"
	"github.com/sitefence/sitefence/internal/secret"
	"github.com/sitefence/sitefence/internal/takeoffline"
	"github.com/sitefence/sitefence/internal/updateaccelerator"
	"github.com/sitefence/sitefence/internal/wiring"
	"github.com/sitefence/sitefence/local/world"
)

const (
	user     = "alertmanager"
	password = "webhook-password"
	busName  = "sitefence"
)

// pipeline is every function over one world, with all that leaves it and all
// that it logs.
type pipeline struct {
	*world.World
	door  *ingest.Handler
	steps map[string]func(context.Context, json.RawMessage) (any, error)
	bus   *awsfake.EventBridge
	log   bytes.Buffer

	mu   sync.Mutex
	left map[string]bool // requests that left since forget
}

// changing are the headers that differ from one plain call to the next.
var changing = []string{"Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "X-Amz-Date", "User-Agent", "X-Forwarded-For", "Content-Length"}

// note keeps a request as text, but for what changes by itself: times and the
// signature made of them. A PutEvents carries the alert; see checkEvents.
func (p *pipeline) note(service string, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	headers := r.Header.Clone()
	for _, name := range changing {
		headers.Del(name)
	}
	if strings.HasPrefix(headers.Get("Authorization"), "AWS4") {
		scope, _, _ := strings.Cut(headers.Get("Authorization"), ", Signature=")
		headers.Set("Authorization", scope)
	}
	if service == "EVENTBRIDGE" {
		body = nil
	}
	text := fmt.Sprintf("%s %s %s %s\n%s", service, r.Method, r.RequestURI, fmt.Sprint(headers), body)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left[text] = true
}

// forget returns what has left and begins anew.
func (p *pipeline) forget() map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.left
	p.left = map[string]bool{}
	return left
}

// between puts the noting in front of a service.
func (p *pipeline) between(t testing.TB, service string, target http.Handler) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.note(service, r); target.ServeHTTP(w, r) })
}

func proxy(t testing.TB, target string, transport http.RoundTripper) http.Handler {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	return &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }}
}

func newPipeline(t testing.TB) *pipeline {
	t.Helper()
	p := &pipeline{World: world.New(t), bus: &awsfake.EventBridge{}, left: map[string]bool{}}
	p.Secrets.Set("webhook", password)
	if err := p.Infinispan.CutLink(t.Context()); err != nil {
		t.Fatal(err)
	}
	for service, target := range map[string]http.Handler{
		"GLOBAL_ACCELERATOR": proxy(t, p.Accelerator.URL(), nil), "ELASTIC_LOAD_BALANCING_V2": proxy(t, p.Balancers.URL, nil),
		"SECRETS_MANAGER": p.Secrets, "SFN": p.States, "EVENTBRIDGE": p.bus,
	} {
		server := httptest.NewServer(p.between(t, service, target))
		t.Cleanup(server.Close)
		t.Setenv("AWS_ENDPOINT_URL_"+service, server.URL)
	}
	for i, s := range p.Config.Sites {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(s.Infinispan.CA))
		server := httptest.NewTLSServer(p.between(t, string(s.Name), proxy(t, s.Infinispan.URL, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}})))
		t.Cleanup(server.Close)
		own := *s.Infinispan
		own.URL, own.CA = server.URL, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
		p.Config.Sites[i].Infinispan = &own
	}
	p.build(t)
	return p
}

// build makes the functions as their mains do, but for the log.
func (p *pipeline) build(t testing.TB) {
	t.Helper()
	log := slog.New(slog.NewJSONHandler(&p.log, nil))
	function := p.Function()
	check, err := checkhealth.New(function)
	must(t, err)
	update, err := updateaccelerator.New(function)
	must(t, err)
	offline, err := takeoffline.New(function)
	must(t, err)
	check.Log, update.Log, offline.Log = log, log, log
	p.steps = map[string]func(context.Context, json.RawMessage) (any, error){
		"CheckHealth": step(check.Handle), "UpdateAccelerator": step(update.Handle), "TakeOffline": step(offline.Handle),
	}
	cfg, err := awsconfig.LoadDefaultConfig(t.Context())
	must(t, err)
	file := config.Config{Webhook: config.Webhook{User: user}, Deployments: []config.Deployment{p.Config}}.Ingest()
	p.door = &ingest.Handler{User: file.User, Deployments: file.Deployments, Log: log, Now: time.Now,
		Secret: secret.New(secretsmanager.NewFromConfig(cfg), "webhook"), Bus: bus.New(eventbridge.NewFromConfig(cfg), busName)}
}

func step[In, Out any](handle func(context.Context, In) (Out, error)) func(context.Context, json.RawMessage) (any, error) {
	inner := wiring.Step(handle)
	return func(ctx context.Context, raw json.RawMessage) (any, error) { return inner(ctx, raw) }
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// post sends a webhook with one alert.
func (p *pipeline) post(t testing.TB, alert any, groupKey string, headers map[string]string) int {
	t.Helper()
	body, err := json.Marshal(map[string]any{"version": "4", "groupKey": groupKey, "alerts": []any{alert}})
	must(t, err)
	r := events.LambdaFunctionURLRequest{Body: string(body), Headers: map[string]string{
		"authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}}
	maps.Copy(r.Headers, headers)
	r.RequestContext.HTTP.Method, r.RequestContext.HTTP.SourceIP = http.MethodPost, groupKey
	got, err := p.door.Handle(t.Context(), r)
	must(t, err)
	return got.StatusCode
}

// run takes an event through the steps as the fence machine would.
func (p *pipeline) run(t testing.TB, event json.RawMessage) {
	t.Helper()
	in := map[string]any{}
	must(t, json.Unmarshal(event, &in))
	in["execution"], in["decision"], in["record"], in["checkedAt"] = "fence-1", contract.Fence, []any{}, time.Now().UTC()
	raw, err := json.Marshal(in)
	must(t, err)
	for _, name := range []string{"CheckHealth", "UpdateAccelerator", "TakeOffline", "CheckHealth"} {
		if _, err := p.steps[name](t.Context(), raw); err != nil {
			checkError(t, err)
		}
	}
}

func alertOf(p *pipeline) map[string]any {
	return map[string]any{"status": "firing", "startsAt": time.Now().UTC().Format(time.RFC3339), "fingerprint": "0123456789abcdef", "annotations": map[string]any{},
		"labels": map[string]any{"alertname": "SiteOffline", "accelerator": p.Config.Accelerator.DNSNames[0], "reporter": "site-a", "site": "site-b"}}
}

// plain is all that a plain alert may cause, from the split to long after it:
// the pipeline is run twice.
func (p *pipeline) plain(t testing.TB) map[string]bool {
	t.Helper()
	for range 2 {
		if status := p.post(t, alertOf(p), "key", nil); status != 204 {
			t.Fatalf("the plain alert was answered %d", status)
		}
		put := p.bus.Events()
		p.run(t, json.RawMessage(put[len(put)-1].Detail))
	}
	if p.Present(world.SiteB) || len(p.Changes(world.SiteA)) != 2 {
		t.Fatalf("the plain alert did not fence: %v", p.Changes(world.SiteA))
	}
	return p.forget()
}

// check: nothing left that a plain alert would not have caused, every event is
// of the configuration, and the log is whole lines.
func (p *pipeline) check(t testing.TB, plain map[string]bool, what string) {
	t.Helper()
	for _, request := range slices.Sorted(maps.Keys(p.forget())) {
		if !plain[request] {
			t.Errorf("%s: a request that no plain alert causes: %q", what, request)
		}
	}
	for line := range bytes.Lines(p.log.Bytes()) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil || !bytes.HasSuffix(line, []byte("}\n")) || fields["time"] == nil {
			t.Errorf("%s: a log line that is none of ours (%v): %q", what, err, line)
		}
	}
	p.log.Reset()
}

func checkEvent(t testing.TB, p *pipeline, e awsfake.Entry) {
	t.Helper()
	var event contract.Event
	d := json.NewDecoder(strings.NewReader(e.Detail))
	d.DisallowUnknownFields()
	if err := d.Decode(&event); err != nil || d.More() {
		t.Fatalf("%q: %v", e.Detail, err)
	}
	if e.EventBusName != busName || e.Source != contract.Source || e.DetailType != contract.DetailTypeSiteOffline || p.Config.Accept(event) != nil ||
		event.Accelerator != p.Config.Accelerator.DNSNames[0] || !contract.ValidFingerprint(event.Alert.Fingerprint) || len(event.Alert.GroupKey) > contract.MaxGroupKey {
		t.Errorf("on the bus: %+v", e)
	}
}
