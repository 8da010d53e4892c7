package prometheus_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sitefence/sitefence/local/prometheus"
)

const ruleFile = `groups:
- name: g
  interval: 100ms
  rules:
  - {alert: SiteOffline, expr: 'min by (site) (view{namespace="n"}) == 0', for: 200ms, labels: {reporter: site-a}}
`

// target is a server with one metric of the value, over TLS and with Basic auth.
func target(t *testing.T, value *atomic.Int32) prometheus.Target {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "u" || password != `p:ä"ss` || r.URL.Path != "/metrics" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = fmt.Fprintf(w, "view{site=\"site-b\"} %d\n", value.Load())
	}))
	t.Cleanup(s.Close)
	return prometheus.Target{
		URL: s.URL, User: "u", Password: `p:ä"ss`, Labels: map[string]string{"namespace": "n"},
		CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}),
	}
}

func begin(t *testing.T, o prometheus.Options) *prometheus.Prometheus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	p, err := prometheus.Start(ctx, o)
	if errors.Is(err, prometheus.ErrUnavailable) && os.Getenv("SITEFENCE_REAL") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

// within waits for a condition, which says what is wrong.
func within(t *testing.T, limit time.Duration, wrong func() string) {
	t.Helper()
	for end := time.Now().Add(limit); ; {
		text := wrong()
		if text == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatal(text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestAlertReachesAlertmanager: what is scraped is what the rule sees, and what the
// rule says is what is posted.
func TestAlertReachesAlertmanager(t *testing.T) {
	var value atomic.Int32
	value.Store(1)
	var posted atomic.Int32
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v2/alerts" {
			posted.Add(1)
		}
	}))
	t.Cleanup(receiver.Close)
	p := begin(t, prometheus.Options{Target: target(t, &value), Interval: 100 * time.Millisecond, Rules: []byte(ruleFile), Alertmanager: receiver.URL})

	within(t, 20*time.Second, func() string {
		series, err := p.Query(t.Context(), `view{site="site-b",namespace="n"}`)
		if err != nil || len(series) != 1 || series[0].Samples[0].Value != 1 {
			return fmt.Sprintf("the metric is %v, %v, want 1", series, err)
		}
		return ""
	})
	if alerts, err := p.Alerts(t.Context()); err != nil || len(alerts) != 0 || posted.Load() != 0 {
		t.Fatalf("alerts before there is a reason: %v, %v, %d posts", alerts, err, posted.Load())
	}
	changed := time.Now()
	value.Store(0)
	within(t, 20*time.Second, func() string {
		alerts, err := p.Alerts(t.Context())
		if err != nil || len(alerts) != 1 || alerts[0].State != "firing" || alerts[0].Labels["reporter"] != "site-a" || posted.Load() == 0 {
			return fmt.Sprintf("alerts: %v, %v, %d posts", alerts, err, posted.Load())
		}
		return ""
	})
	series, err := p.Query(t.Context(), `view[1m]`)
	if err != nil || len(series) != 1 {
		t.Fatalf("the samples are %v, %v", series, err)
	}
	for _, s := range series[0].Samples {
		// A scrape that was under way has the value of before.
		if s.At.Before(changed.Add(-time.Second)) && s.Value != 1 || s.At.After(changed.Add(time.Second)) && s.Value != 0 {
			t.Errorf("a sample of %v is %v", s.At.Sub(changed), s.Value)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := prometheus.Options{Interval: time.Second, Target: prometheus.Target{
		URL: "https://127.0.0.1:1", User: "u", Password: "secret-of-the-test", CA: []byte("x"),
	}}
	for name, spoil := range map[string]func(*prometheus.Options){
		"Target.URL":   func(o *prometheus.Options) { o.Target.URL = "http://127.0.0.1:1" },
		"Target":       func(o *prometheus.Options) { o.Target.CA = nil },
		"Interval":     func(o *prometheus.Options) { o.Interval = 0 },
		"Alertmanager": func(o *prometheus.Options) { o.Alertmanager = "127.0.0.1:9093" },
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			spoil(&o)
			p, err := prometheus.Start(t.Context(), o)
			if err == nil {
				p.Stop()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), "option "+name+":") || strings.Contains(err.Error(), good.Target.Password) {
				t.Errorf("error %q, want the option's name and no secret", err)
			}
		})
	}
}

// TestStop: nothing runs and nothing lies about afterwards; the same holds when the
// rules cannot be read, which the program says.
func TestStop(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var value atomic.Int32
	o := prometheus.Options{Target: target(t, &value), Interval: time.Second}
	p := begin(t, o)
	p.Stop()
	p.Stop()
	select {
	case <-p.Done():
	default:
		t.Error("Done is open after Stop")
	}
	o.Rules = []byte("groups: what")
	if _, err := prometheus.Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "rules.yml") {
		t.Errorf("with bad rules: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "sitefence-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
