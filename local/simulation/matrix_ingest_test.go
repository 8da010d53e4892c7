package simulation_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/bus"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/ingest"
	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/internal/secret"
	"github.com/sitefence/sitefence/local/simulation"
)

const (
	webhookPassword = "simulated-webhook-password"
	// ingestTimeout is the function's.
	ingestTimeout = 15 * time.Second
	// always is more faults than any invocation can use up.
	always = 100
)

// ingestRow is one of ingest's two calls.
type ingestRow struct {
	operation string
	cells     map[simulation.Fault]string
}

// ingestRows fills in the rows of ingest: what the webhook's sender is answered,
// and whether the event is on the bus.
func ingestRows(t *testing.T) []ingestRow {
	rows := []ingestRow{{"GetSecretValue", map[simulation.Fault]string{}}, {"PutEvents", map[simulation.Fault]string{}}}
	t.Run("ingest", func(t *testing.T) {
		for _, r := range rows {
			for _, fault := range simulation.Faults {
				if fault == simulation.SlowApplied && r.operation != "PutEvents" {
					continue
				}
				var texts []string
				for _, times := range []int{1, always} {
					t.Run(fmt.Sprintf("%s/%s, %d times", r.operation, fault, times), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { texts = append(texts, ingestCell(t, r.operation, fault, times)) })
					})
				}
				r.cells[fault] = joined(texts)
			}
		}
	})
	return rows
}

// door is the real handler over the SDK's clients.
type door struct {
	*ingest.Handler
	secrets *awsfake.SecretsManager
	bus     *awsfake.EventBridge
	log     *bytes.Buffer
}

func newDoor(t *testing.T) *door {
	d := &door{secrets: &awsfake.SecretsManager{}, bus: &awsfake.EventBridge{}, log: &bytes.Buffer{}}
	d.secrets.Set("webhook", webhookPassword)
	d.restart(t)
	return d
}

// restart is a new execution environment.
func (d *door) restart(t *testing.T) {
	d.Handler = &ingest.Handler{User: "alertmanager",
		Deployments: []config.IngestDeployment{{Name: "kc", DNSNames: []string{"a.awsglobalaccelerator.com"}, Sites: []contract.Site{siteA, siteB}}},
		Secret:      secret.New(secretsmanager.NewFromConfig(awsfake.Serve(t, d.secrets)), "webhook"),
		Bus:         bus.New(eventbridge.NewFromConfig(awsfake.Serve(t, d.bus)), "sitefence"),
		Log:         slog.New(slog.NewJSONHandler(d.log, nil)), Now: time.Now}
}

// inject makes calls of one service go wrong; it reports whether the function
// is killed by that, for which the calls just hang until it is.
func (d *door) inject(operation string, fault simulation.Fault, times int) (killed bool) {
	f := map[simulation.Fault]awsfake.Fault{
		simulation.Refused:      {Status: 500, Code: "InternalFailure"},
		simulation.Lost:         {Cut: true, Applied: true},
		simulation.Throttled:    {Status: 400, Code: "ThrottlingException"},
		simulation.Slow:         {Delay: time.Hour},
		simulation.SlowApplied:  {Delay: time.Hour, Applied: true},
		simulation.Malformed:    {Body: `{"Entries":[{`, Applied: true},
		simulation.KilledBefore: {Delay: time.Hour},
		simulation.KilledAfter:  {Delay: time.Hour, Applied: true},
	}[fault]
	queue := &d.bus.Faults
	if operation == "GetSecretValue" {
		queue = &d.secrets.Faults
	}
	queue.Add(slices.Repeat([]awsfake.Fault{f}, times)...)
	return fault == simulation.KilledBefore || fault == simulation.KilledAfter
}

// ingestCell posts an alert under a fault, and the same again without.
func ingestCell(t *testing.T, operation string, fault simulation.Fault, times int) string {
	d := newDoor(t)
	killed := d.inject(operation, fault, times)
	status := d.post(t, killed)
	text := fmt.Sprintf("%d, no event", status)
	if n := len(d.bus.Events()); n == 1 {
		text = fmt.Sprintf("%d, event", status)
	} else if n > 1 {
		text = fmt.Sprintf("%d, event more than once", status)
	}
	switch {
	case status == http.StatusNoContent && len(d.bus.Events()) == 0:
		t.Errorf("I6: answered 204, and the event is not on the bus")
	case status >= 400 && status < 500:
		t.Errorf("I6: answered %d, after which Alertmanager does not try again", status)
	case status != http.StatusNoContent && status < 500:
		t.Errorf("answered %d", status)
	}
	before := len(d.bus.Events())
	d.secrets.Clear()
	d.bus.Clear()
	if killed {
		d.restart(t)
	}
	if status := d.post(t, false); status != http.StatusNoContent || len(d.bus.Events()) == 0 {
		t.Errorf("the same post without the fault: %d with %d events on the bus before and %d now, want 204 and the event", status, before, len(d.bus.Events()))
	}
	leak.Check(t, d.log.String(), webhookPassword)
	return text
}

// post posts one alert and returns the status. For a function that is killed it
// is the platform's.
func (d *door) post(t *testing.T, killed bool) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), ingestTimeout)
	defer cancel()
	r := events.LambdaFunctionURLRequest{Body: webhook, Headers: map[string]string{
		"authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("alertmanager:"+webhookPassword))}}
	r.RequestContext.HTTP.Method = http.MethodPost
	if killed {
		time.AfterFunc(time.Second, cancel) // while it waits for the answer
	}
	answer, err := d.Handle(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	leak.Check(t, fmt.Sprintf("%+v", answer), webhookPassword)
	time.Sleep(ingestTimeout) // whatever goes on without an invocation
	if killed {
		return http.StatusBadGateway
	}
	return answer.StatusCode
}

const webhook = `{"receiver":"fence","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"SiteOffline",` +
	`"accelerator":"a.awsglobalaccelerator.com","reporter":"site-a","site":"site-b"},"annotations":{},"startsAt":"2000-01-01T00:00:00Z",` +
	`"endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"0123456789abcdef"}],"groupLabels":{},"commonLabels":{},` +
	`"commonAnnotations":{},"externalURL":"","version":"4","groupKey":"x","truncatedAlerts":0}`
