package prometheus

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Series is one series of a query's answer, its samples oldest first.
type Series struct {
	Labels  map[string]string
	Samples []Sample
}

// Sample is a value and the time it was scraped or computed at.
type Sample struct {
	At    time.Time
	Value float64
}

// Query evaluates PromQL at this moment. Of a range selector (`up[5m]`) the
// answer is the samples as they are stored, with their own times; of a vector,
// one sample a series.
func (p *Prometheus) Query(ctx context.Context, promQL string) ([]Series, error) {
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  *point
				Values []point
			}
		}
	}
	body, err := p.get(ctx, "/api/v1/query", url.Values{"query": {promQL}})
	if err != nil {
		return nil, fmt.Errorf("querying Prometheus: %w", err)
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("reading Prometheus' answer: %w", err)
	}
	var series []Series
	for _, r := range answer.Data.Result {
		if r.Value != nil {
			r.Values = append(r.Values, *r.Value)
		}
		s := Series{Labels: r.Metric}
		for _, v := range r.Values {
			s.Samples = append(s.Samples, Sample(v))
		}
		series = append(series, s)
	}
	return series, nil
}

// point is a sample on the wire: [1732400000.123, "0"].
type point Sample

func (p *point) UnmarshalJSON(data []byte) error {
	var text string
	var seconds float64
	if err := json.Unmarshal(data, &[]any{&seconds, &text}); err != nil {
		return err
	}
	value, err := strconv.ParseFloat(text, 64)
	*p = point{At: time.UnixMilli(int64(seconds*1000 + 0.5)), Value: value}
	return err
}

// Alert is an alert as the rule made it.
type Alert struct {
	Labels   map[string]string
	State    string // pending or firing
	ActiveAt time.Time
}

// Alerts lists the pending and the firing alerts.
func (p *Prometheus) Alerts(ctx context.Context) ([]Alert, error) {
	var answer struct {
		Data struct{ Alerts []Alert }
	}
	body, err := p.get(ctx, "/api/v1/alerts", nil)
	if err != nil {
		return nil, fmt.Errorf("reading Prometheus' alerts: %w", err)
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("reading Prometheus' alerts: %w", err)
	}
	return answer.Data.Alerts, nil
}

func (p *Prometheus) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL()+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s: %.300s", path, resp.Status, body)
	}
	return body, nil
}
