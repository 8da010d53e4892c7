package ingest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/bus"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/internal/secret"
)

const (
	user     = "alertmanager"
	password = `the "right" pässword: <&>/+`
	rotated  = "the rotated password"
)

// now is when the test's requests arrive.
var now = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

var deployments = []config.IngestDeployment{
	{Name: "keycloak", DNSNames: []string{"a1.awsglobalaccelerator.com", "a1.dualstack.awsglobalaccelerator.com"}, Sites: []contract.Site{"site-a", "site-b", "site-c"}},
	{Name: "other", DNSNames: []string{"a2.awsglobalaccelerator.com"}, Sites: []contract.Site{"site-a", "site-b", "site-c"}},
}

// world is the handler with real SDK clients and the fakes behind them.
type world struct {
	t       testing.TB
	handler *Handler
	bus     *awsfake.EventBridge
	secrets *awsfake.SecretsManager
	log     *bytes.Buffer
}

// locked lets goroutines of one test log side by side.
type locked struct {
	mu sync.Mutex
	b  *bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// newWorld also checks, when the test ends, that no secret was logged and that
// every line is JSON.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, bus: &awsfake.EventBridge{}, secrets: &awsfake.SecretsManager{}, log: &bytes.Buffer{}}
	w.secrets.Set("webhook", password)
	w.handler = &Handler{
		User: user, Deployments: deployments,
		Secret: secret.New(secretsmanager.NewFromConfig(awsfake.Serve(t, w.secrets)), "webhook"),
		Bus:    bus.New(eventbridge.NewFromConfig(awsfake.Serve(t, w.bus)), "sitefence"),
		Log:    slog.New(slog.NewJSONHandler(&locked{b: w.log}, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr})),
		Now:    func() time.Time { return now },
	}
	t.Cleanup(func() {
		leak.Check(t, w.log.String(), password, rotated)
		for line := range strings.Lines(w.log.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("a log line that is no JSON: %s", line)
			}
		}
	})
	return w
}

func (w *world) handle(r request) response { return w.handleContext(w.t.Context(), r) }

func (w *world) handleContext(ctx context.Context, r request) response {
	w.t.Helper()
	got, err := w.handler.Handle(ctx, r)
	if err != nil {
		w.t.Errorf("an error: %v", err)
	}
	leak.Check(w.t, fmt.Sprintf("%+v", got), password, rotated)
	return got
}

func (w *world) within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(w.t.Context(), d)
}

// wantLog wants every part somewhere in the log.
func (w *world) wantLog(parts ...string) {
	w.t.Helper()
	for _, part := range parts {
		if !strings.Contains(w.log.String(), part) {
			w.t.Errorf("no %s in the log:\n%s", part, w.log)
		}
	}
}

// firing is an alert as Alertmanager sends it.
func firing(reporter, site string) string {
	return fmt.Sprintf(`{"status":"firing","labels":{"alertname":"SiteOffline","accelerator":"a1.awsglobalaccelerator.com",`+
		`"reporter":%q,"site":%q,"severity":"critical"},"annotations":{"summary":"x"},"startsAt":"2026-11-23T10:59:30.123456789+01:00",`+
		`"endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus/graph","fingerprint":"0123456789abcdef"}`, reporter, site)
}

// webhook is a body as Alertmanager sends it.
func webhook(alerts ...string) string {
	return `{"receiver":"fence","status":"firing","alerts":[` + strings.Join(alerts, ",") + `],"groupLabels":{},"commonLabels":{},` +
		`"commonAnnotations":{},"externalURL":"http://alertmanager","version":"4","groupKey":"{}:{alertname=\"SiteOffline\"}","truncatedAlerts":0}`
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func post(body string) request { return login(body, user, password) }

func login(body, user, password string) request { return auth(body, basic(user, password)) }

func auth(body, header string) request {
	r := request{Body: body, Headers: map[string]string{"authorization": header, "content-type": "application/json"}}
	r.RequestContext.HTTP.Method = "POST"
	r.RequestContext.HTTP.SourceIP = "192.0.2.1"
	return r
}

func with(r request, change func(*request)) request {
	change(&r)
	return r
}
