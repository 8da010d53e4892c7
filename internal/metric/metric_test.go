package metric_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/metric"
)

// TestFormat: a line is what CloudWatch makes a metric of, each dimension named
// and given its value beside the metric's.
func TestFormat(t *testing.T) {
	for name, tc := range map[string]struct {
		count      func(context.Context, *slog.Logger)
		level      string
		metric     string
		n          float64
		dimensions map[string]string
	}{
		"count": {
			func(ctx context.Context, log *slog.Logger) {
				metric.Count(ctx, log, "f", metric.RefusedAlerts, 7, "text")
			},
			"WARN", "RefusedAlerts", 7, map[string]string{"FunctionName": "f"},
		},
		"error": {
			func(ctx context.Context, log *slog.Logger) {
				metric.CountError(ctx, log, "f", metric.BrokenPauses, "text")
			},
			"ERROR", "BrokenPauses", 1, map[string]string{"FunctionName": "f"},
		},
		"good, with labels": {
			func(ctx context.Context, log *slog.Logger) {
				metric.CountGood(ctx, log, "f", metric.Heartbeats, "text",
					metric.Label{Name: metric.Deployment, Value: "d"}, metric.Label{Name: metric.Reporter, Value: "s"})
			},
			"INFO", "Heartbeats", 1, map[string]string{"FunctionName": "f", "Deployment": "d", "Reporter": "s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			tc.count(t.Context(), slog.New(slog.NewJSONHandler(&b, nil)))
			var fields map[string]any
			if err := json.Unmarshal(b.Bytes(), &fields); err != nil {
				t.Fatal(err)
			}
			var line struct {
				Level string
				AWS   struct {
					Timestamp         int64
					CloudWatchMetrics []struct {
						Namespace  string
						Dimensions [][]string
						Metrics    []struct{ Name, Unit string }
					}
				} `json:"_aws"`
			}
			if err := json.Unmarshal(b.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			if len(line.AWS.CloudWatchMetrics) != 1 || line.AWS.Timestamp <= 0 || line.Level != tc.level {
				t.Fatalf("got %s", b.String())
			}
			d := line.AWS.CloudWatchMetrics[0]
			if d.Namespace != metric.Namespace || len(d.Dimensions) != 1 || len(d.Metrics) != 1 || d.Metrics[0].Name != tc.metric || d.Metrics[0].Unit != "Count" {
				t.Errorf("got %+v", d)
			}
			if fields[tc.metric] != tc.n {
				t.Errorf("got %v, want %v", fields[tc.metric], tc.n)
			}
			got := map[string]string{}
			for _, name := range d.Dimensions[0] {
				got[name], _ = fields[name].(string)
			}
			if diff := cmp.Diff(tc.dimensions, got); diff != "" {
				t.Errorf("dimensions (-want +got):\n%s", diff)
			}
		})
	}
}
