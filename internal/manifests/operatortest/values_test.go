package operatortest_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1beta1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1beta1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// object decodes the only object of a kind.
func object(t *testing.T, input, kind string, into any) {
	t.Helper()
	for _, d := range documents(t, inputs()[input]) {
		if d.kind != kind {
			continue
		}
		if err := yaml.UnmarshalStrict(d.text, into); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("no %s", kind)
}

// What the issue asks of the route, read by the operator's own type.
func TestRoute(t *testing.T) {
	var c monitoringv1beta1.AlertmanagerConfig
	object(t, "openshift", "AlertmanagerConfig", &c)
	r, hook := c.Spec.Route, c.Spec.Receivers[0].WebhookConfigs[0]
	if diff := cmp.Diff([]monitoringv1beta1.Matcher{{Name: "alertname", MatchType: "=", Value: "SiteOffline"}}, r.Matchers); diff != "" {
		t.Errorf("matchers (-want +got):\n%s", diff)
	}
	if !r.Continue || !slices.Equal(r.GroupBy, []string{"accelerator"}) {
		t.Errorf("continue %v, groupBy %q", r.Continue, r.GroupBy)
	}
	// An empty groupWait would be Alertmanager's own, 30 s.
	if got := []string{r.GroupWait, r.GroupInterval, r.RepeatInterval}; !slices.Equal(got, []string{"0s", "10s", "3m"}) {
		t.Errorf("groupWait, groupInterval and repeatInterval %q", got)
	}
	if hook.SendResolved == nil || *hook.SendResolved {
		t.Error("resolved alerts are sent")
	}
	if hook.HTTPConfig.TLSConfig != nil {
		t.Errorf("TLS configuration %+v, want the public CAs", hook.HTTPConfig.TLSConfig)
	}
}

// OpenShift's switch: an unknown key in the text has the monitoring operator
// refuse it, and then there is no Alertmanager.
func TestUserWorkloadMonitoring(t *testing.T) {
	var m corev1.ConfigMap
	object(t, "openshift", "ConfigMap", &m)
	if m.Namespace != "openshift-user-workload-monitoring" || m.Name != "user-workload-monitoring-config" {
		t.Errorf("%s in %s", m.Name, m.Namespace)
	}
	var got any
	if err := yaml.UnmarshalStrict([]byte(m.Data["config.yaml"]), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"alertmanager": map[string]any{"enabled": true, "enableAlertmanagerConfig": true}}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("config.yaml (-want +got):\n%s", diff)
	}
}

// Only OpenShift's user workload Prometheus has a label that says who evaluates.
func TestWhoEvaluates(t *testing.T) {
	for input, want := range map[string]string{"openshift": "leaf-prometheus", "operator": ""} {
		var r monitoringv1.PrometheusRule
		object(t, input, "PrometheusRule", &r)
		if got := r.Labels["openshift.io/prometheus-rule-evaluation-scope"]; got != want {
			t.Errorf("%s: scope %q, want %q", input, got, want)
		}
		if interval := r.Spec.Groups[0].Interval; interval == nil || *interval != "5s" {
			t.Errorf("%s: interval %v", input, interval)
		}
	}
}
