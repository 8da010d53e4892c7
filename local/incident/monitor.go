package incident

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sitefence/sitefence/internal/manifests"
	"github.com/sitefence/sitefence/local/alertmanager"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/prometheus"
	"github.com/sitefence/sitefence/local/stack"
)

// metric is what Infinispan says of a site, by either name: 0 offline, 1 online.
const metric = `{__name__=~"(vendor_)?jgroups_site_view_status",site=%q}`

// monitor is what runs in one site's cluster beside Infinispan.
type monitor struct {
	prometheus   *prometheus.Prometheus
	alertmanager *alertmanager.Alertmanager
}

func startMonitor(ctx context.Context, site infinispan.Site, dir string, opt Options, in manifests.Input) (_ *monitor, err error) {
	m := &monitor{}
	defer func() {
		if err != nil {
			m.stop()
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of %s: %w", site.Name, err)
	}
	in.PasswordFile = filepath.Join(dir, "password")
	if err := os.WriteFile(in.PasswordFile, []byte(stack.WebhookPassword), 0o600); err != nil {
		return nil, fmt.Errorf("writing the webhook's password for %s: %w", site.Name, err)
	}
	files, err := manifests.Prometheus(in)
	if err != nil {
		return nil, fmt.Errorf("generating the files of %s: %w", site.Name, err)
	}
	m.alertmanager, err = alertmanager.Start(ctx, alertmanager.Options{
		CacheDir: opt.CacheDir, Config: files[manifests.AlertmanagerFile], LogFile: filepath.Join(dir, "alertmanager.log"),
	})
	if err != nil {
		return nil, fmt.Errorf("watching %s: %w", site.Name, err)
	}
	m.prometheus, err = prometheus.Start(ctx, prometheus.Options{
		CacheDir: opt.CacheDir, Interval: opt.Scrape, Rules: files[manifests.RulesFile], Alertmanager: m.alertmanager.URL(),
		Target: prometheus.Target{URL: site.URL, CA: site.CA, User: site.User, Password: site.Password,
			Labels: map[string]string{"namespace": manifests.DefaultNamespace}},
		LogFile: filepath.Join(dir, "prometheus.log"),
	})
	if err != nil {
		return nil, fmt.Errorf("watching %s: %w", site.Name, err)
	}
	return m, nil
}

func (m *monitor) stop() {
	if m.prometheus != nil {
		m.prometheus.Stop()
	}
	if m.alertmanager != nil {
		m.alertmanager.Stop()
	}
}

// quiet returns nil when the other site is seen and no alert is left.
func (m *monitor) quiet(ctx context.Context, other string) error {
	series, err := m.prometheus.Query(ctx, fmt.Sprintf(metric, other))
	if err != nil {
		return err
	}
	if len(series) == 0 || !slices.ContainsFunc(series, func(s prometheus.Series) bool { return s.Samples[0].Value == 1 }) {
		return fmt.Errorf("the metric of %s is %v", other, series)
	}
	pending, err := m.prometheus.Alerts(ctx)
	if err != nil {
		return err
	}
	active, err := m.alertmanager.Active(ctx)
	if err != nil {
		return err
	}
	if len(pending)+len(active) > 0 {
		return fmt.Errorf("alerts in Prometheus: %v, in Alertmanager: %v", pending, active)
	}
	return nil
}

// first is when a series first had the value, since a time; the time is that of
// the stored sample.
func (m *monitor) first(ctx context.Context, selector string, value float64, since time.Time) (time.Time, error) {
	window := time.Since(since) + time.Minute
	series, err := m.prometheus.Query(ctx, fmt.Sprintf("%s[%ds]", selector, int(window.Seconds())+1))
	if err != nil {
		return time.Time{}, err
	}
	var found time.Time
	for _, s := range series {
		for _, sample := range s.Samples {
			if sample.Value == value && !sample.At.Before(since) && (found.IsZero() || sample.At.Before(found)) {
				found = sample.At
			}
		}
	}
	if found.IsZero() {
		return found, fmt.Errorf("%s was never %v", selector, value)
	}
	return found, nil
}

// alerted reports whether the site's rule fired since a time.
func (m *monitor) alerted(ctx context.Context, since time.Time) (bool, error) {
	series, err := m.prometheus.Query(ctx, fmt.Sprintf(`ALERTS{alertstate="firing"}[%ds]`, int(time.Since(since).Seconds())+1))
	return len(series) > 0, err
}

// tails is the end of each log, to explain a failure.
func (w *World) tails() string {
	var b strings.Builder
	for _, site := range slices.Sorted(maps.Keys(w.monitors)) {
		m := w.monitors[site]
		fmt.Fprintf(&b, "\n--- Prometheus of %s\n%s\n--- Alertmanager of %s\n%s", site, m.prometheus.Tail(), site, m.alertmanager.Tail())
	}
	return b.String()
}

// explain adds the ends of the logs to an error.
func (w *World) explain(err error) error {
	if err == nil {
		return nil
	}
	return errors.Join(err, errors.New(w.tails()))
}
