package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Alert is what a Prometheus posts. An alert is the same as an earlier one if
// its labels are.
type Alert struct {
	Labels      map[string]string
	Annotations map[string]string
	// StartsAt is the time of the post if zero.
	StartsAt time.Time
	// EndsAt in the past resolves the alert; if zero it fires until nothing
	// was heard of it for five minutes.
	EndsAt time.Time
	// GeneratorURL is where the alert's rule can be looked at; optional.
	GeneratorURL string
}

type postable struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     *time.Time        `json:"startsAt,omitempty"`
	EndsAt       *time.Time        `json:"endsAt,omitempty"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// Post hands alerts to Alertmanager's API v2, all in one request, as a
// Prometheus does. An error says what Alertmanager answered.
func (a *Alertmanager) Post(ctx context.Context, alerts ...Alert) error {
	posted := make([]postable, 0, len(alerts))
	for _, alert := range alerts {
		posted = append(posted, postable{
			Labels: alert.Labels, Annotations: alert.Annotations, GeneratorURL: alert.GeneratorURL,
			StartsAt: optional(alert.StartsAt), EndsAt: optional(alert.EndsAt),
		})
	}
	body, err := json.Marshal(posted)
	if err != nil {
		return fmt.Errorf("encoding alerts: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL()+"/api/v2/alerts", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("posting alerts: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("posting alerts: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		answer, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return fmt.Errorf("posting alerts: Alertmanager answered %s: %s", resp.Status, answer)
	}
	return nil
}

// Active lists the labels of the alerts that fire, as Alertmanager knows of them.
func (a *Alertmanager) Active(ctx context.Context) ([]map[string]string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL()+"/api/v2/alerts?active=true", nil)
	if err != nil {
		return nil, fmt.Errorf("reading alerts: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("reading alerts: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("reading alerts: Alertmanager answered %s", resp.Status)
	}
	var alerts []struct{ Labels map[string]string }
	if err := json.NewDecoder(resp.Body).Decode(&alerts); err != nil {
		return nil, fmt.Errorf("reading alerts: %w", err)
	}
	var labels []map[string]string
	for _, alert := range alerts {
		labels = append(labels, alert.Labels)
	}
	return labels, nil
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
