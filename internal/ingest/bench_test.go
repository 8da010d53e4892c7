package ingest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/sitefence/sitefence/internal/bus"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/secret"
)

// atOnce is a secret and a bus that take no time.
type atOnce struct{}

func (atOnce) Get(context.Context) (secret.Value, error) { return secret.Of(password), nil }

func (atOnce) Refresh(context.Context, secret.Value) (secret.Value, bool, error) {
	return secret.Value{}, false, nil
}

func (atOnce) Put(_ context.Context, events []contract.Event) []bus.Outcome {
	all := make([]bus.Outcome, len(events))
	for i := range all {
		all[i].EventID = "event"
	}
	return all
}

// BenchmarkWebhook is the door without what it calls: one alert for each of the
// deployments, and many for one of them.
func BenchmarkWebhook(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("alerts=%d", n), func(b *testing.B) { benchmark(b, 1, n) })
	}
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("deployments=%d", n), func(b *testing.B) { benchmark(b, n, n) })
	}
}

func benchmark(b *testing.B, deployments, alerts int) {
	h := &Handler{User: user, Secret: atOnce{}, Bus: atOnce{}, Now: func() time.Time { return now },
		Log: slog.New(slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr}))}
	for i := range deployments {
		h.Deployments = append(h.Deployments, config.IngestDeployment{Name: fmt.Sprintf("deployment-%d", i),
			DNSNames: []string{fmt.Sprintf("a%d.awsglobalaccelerator.com", i)}, Sites: []contract.Site{"site-a", "site-b"}})
	}
	var list []string
	for i := range alerts {
		list = append(list, fmt.Sprintf(`{"status":"firing","labels":{"alertname":"SiteOffline","accelerator":"a%d.awsglobalaccelerator.com",`+
			`"reporter":"site-a","site":"site-b","severity":"critical"},"annotations":{"summary":"x"},"startsAt":"2026-11-23T10:59:30.123456789+01:00",`+
			`"endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus/graph","fingerprint":"%016x"}`, i%deployments, i))
	}
	request := post(webhook(list...))
	b.ReportAllocs()
	for b.Loop() {
		if got, err := h.Handle(b.Context(), request); err != nil || got.StatusCode != 204 {
			b.Fatalf("got %d, %v; want 204", got.StatusCode, err)
		}
	}
}
