// Package metric writes metrics into the log, where CloudWatch finds them
// (embedded metric format: no call, no permission, no latency). Its names are
// what the alarms look for.
package metric

import (
	"context"
	"log/slog"
	"time"
)

// Namespace and Dimension are those of every metric here; the dimension's value
// is the function's name, so that two stacks in one account stay apart.
const (
	Namespace = "Sitefence"
	Dimension = "FunctionName"
)

// The metrics, each a count.
const (
	// TruncatedAlerts are alerts that Alertmanager left out of a webhook: an
	// outage may be among them.
	TruncatedAlerts = "TruncatedAlerts"
	// RefusedAlerts are firing SiteOffline alerts that were answered 2xx and
	// ended in nothing: a label or the configuration is wrong.
	RefusedAlerts = "RefusedAlerts"
	// RefusedRequests are requests by the right user that were answered 4xx,
	// which Alertmanager drops: its password or what stands between is wrong.
	RefusedRequests = "RefusedRequests"
	// BrokenPauses are checks that could not read the pause parameter, or not
	// understand it: nothing is paused then.
	BrokenPauses = "BrokenPauses"
	// PausedReports are checks that would have begun a fence, or a rehearsal of
	// one, but for a pause.
	PausedReports = "PausedReports"
	// FailedLogins are requests that were answered 401 and did not have the right
	// user: strangers. One is nothing, many are a flood or a guess.
	FailedLogins = "FailedLogins"
	// Heartbeats are Watchdog alerts of a site that were heard. Beside Dimension
	// they have Deployment and Reporter; that one is missing is the news.
	Heartbeats = "Heartbeats"
)

// The further dimensions of Heartbeats.
const (
	Deployment = "Deployment"
	Reporter   = "Reporter"
)

// What the scheduled check for drift finds. They are written when there is
// something to say only: CloudWatch bills a metric for the hours that have it.
const (
	// Drift are the findings of one check.
	Drift = "Drift"
	// OneSiteLeft are checks that found one site in service.
	OneSiteLeft = "OneSiteLeft"
)

type definition struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}

type directive struct {
	Namespace  string       `json:"Namespace"`
	Dimensions [][]string   `json:"Dimensions"`
	Metrics    []definition `json:"Metrics"`
}

type metadata struct {
	Timestamp         int64       `json:"Timestamp"` // ms
	CloudWatchMetrics []directive `json:"CloudWatchMetrics"`
}

// Label is a dimension beside Dimension. Its value must come from the
// configuration: every new one is a new metric, and costs.
type Label struct{ Name, Value string }

// Count logs text with name counted n times. The log must be JSON without
// groups, one object a line.
func Count(ctx context.Context, log *slog.Logger, function, name string, n uint64, text string) {
	count(ctx, log, slog.LevelWarn, function, name, n, text)
}

// CountError is Count of one, for what is an error.
func CountError(ctx context.Context, log *slog.Logger, function, name, text string) {
	count(ctx, log, slog.LevelError, function, name, 1, text)
}

// CountGood is Count of one, for what is as it should be.
func CountGood(ctx context.Context, log *slog.Logger, function, name, text string, labels ...Label) {
	count(ctx, log, slog.LevelInfo, function, name, 1, text, labels...)
}

func count(ctx context.Context, log *slog.Logger, level slog.Level, function, name string, n uint64, text string, labels ...Label) {
	dimensions := []string{Dimension}
	for _, l := range labels {
		dimensions = append(dimensions, l.Name)
		log = log.With(l.Name, l.Value)
	}
	log.Log(ctx, level, text, name, n, Dimension, function, "_aws", metadata{
		Timestamp: time.Now().UnixMilli(),
		CloudWatchMetrics: []directive{{
			Namespace: Namespace, Dimensions: [][]string{dimensions}, Metrics: []definition{{name, "Count"}},
		}},
	})
}
