package ingest

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/sitefence/sitefence/internal/alert"
	"github.com/sitefence/sitefence/internal/metric"
)

// maxLines bounds the log lines about refused alerts of one webhook; the metric
// counts them all.
const maxLines = 100

// countRefused counts a request by the right user that is answered 4xx: what
// Alertmanager sent is lost, and somebody must be told.
func countRefused(ctx context.Context, log *slog.Logger) {
	metric.Count(ctx, log, lambdacontext.FunctionName, metric.RefusedRequests, 1,
		"a request by the webhook's user was refused; compare Alertmanager's password with the secret")
}

// countLogin logs and counts, in one line, a request that is answered 401. One of
// the right user is an alert that is lost; of strangers only many are news.
func countLogin(ctx context.Context, log *slog.Logger, who caller) {
	name := metric.FailedLogins
	if who == rightUser {
		name = metric.RefusedRequests
	}
	metric.Count(ctx, log, lambdacontext.FunctionName, name, 1, "request refused")
}

// countHeartbeats counts each site whose Watchdog was heard.
func countHeartbeats(ctx context.Context, log *slog.Logger, beats []alert.Heartbeat) {
	for _, b := range beats {
		metric.CountGood(ctx, log, lambdacontext.FunctionName, metric.Heartbeats, "heartbeat",
			metric.Label{Name: metric.Deployment, Value: b.Deployment}, metric.Label{Name: metric.Reporter, Value: string(b.Reporter)})
	}
}

func logRefused(ctx context.Context, log *slog.Logger, refused []alert.Refusal) {
	bad := uint64(0)
	for i, r := range refused {
		level := slog.LevelInfo
		if !r.Harmless() {
			level = slog.LevelWarn
			bad++
		}
		if i < maxLines {
			log.LogAttrs(ctx, level, "alert refused", r.Attrs()...)
		}
	}
	if len(refused) > maxLines {
		log.WarnContext(ctx, "more alerts refused", "count", len(refused)-maxLines)
	}
	if bad > 0 {
		metric.Count(ctx, log, lambdacontext.FunctionName, metric.RefusedAlerts, bad,
			"firing alerts ended in nothing; compare their labels with the configuration")
	}
}
