package operatortest_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus-operator/prometheus-operator/pkg/alertmanager/validation/v1alpha1"
	"github.com/prometheus-operator/prometheus-operator/pkg/alertmanager/validation/v1beta1"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	monitoringv1beta1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1beta1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/manifests"
	"github.com/sitefence/sitefence/internal/secret"
)

// document is one object as text and without a type.
type document struct {
	apiVersion, kind string
	text             []byte
	any              map[string]any
}

func documents(t *testing.T, in manifests.Input) (all []document) {
	t.Helper()
	text, err := manifests.Kubernetes(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range bytes.Split(text, []byte("\n---\n")) {
		d := document{text: part}
		if err := yaml.UnmarshalStrict(part, &d.any); err != nil {
			t.Fatal(err)
		}
		if d.any == nil {
			continue // the file's header
		}
		d.apiVersion, _ = d.any["apiVersion"].(string)
		d.kind, _ = d.any["kind"].(string)
		all = append(all, d)
	}
	return all
}

// inputs are the shapes that the manifests can have.
func inputs() map[string]manifests.Input {
	in := func(change func(*manifests.Input), sites ...contract.Site) manifests.Input {
		d := config.Deployment{Name: "keycloak-prod", Accelerator: config.Accelerator{DNSNames: []string{"a1.awsglobalaccelerator.com"}}}
		for _, name := range sites {
			d.Sites = append(d.Sites, config.Site{Name: name, Infinispan: &config.Infinispan{}})
		}
		in := manifests.Input{
			Config: config.Config{Webhook: config.Webhook{User: "alertmanager"}, Deployments: []config.Deployment{d}},
			Site:   sites[0], IngestURL: "https://abc.lambda-url.eu-west-1.on.aws/", Password: secret.Of(`p:ä"ss%20'{{word}}`),
		}
		change(&in)
		return in
	}
	return map[string]manifests.Input{
		"openshift":  in(func(*manifests.Input) {}, "site-a", "site-b"),
		"operator":   in(func(in *manifests.Input) { in.Platform = manifests.Operator }, "site-a", "site-b"),
		"four sites": in(func(in *manifests.Input) { in.Labels = map[string]string{"release": "x"} }, "a", "b", "c", "1"),
		"names that look like numbers": in(func(in *manifests.Input) {
			in.Config.Deployments[0].Name, in.Namespace, in.Config.Webhook.User, in.Password = "1e3", "007", "null", secret.Of("0x10")
		}, "1", "2"),
		"the guide's timing": in(func(in *manifests.Input) { in.Timing = manifests.Guide() }, "site-a", "site-b"),
		"heartbeat":          in(func(in *manifests.Input) { in.Config.Deployments[0].HeartbeatSilence = 15 * time.Minute }, "site-a", "site-b"),
		"heartbeat, operator": in(func(in *manifests.Input) {
			in.Platform, in.Config.Deployments[0].HeartbeatSilence = manifests.Operator, 5*time.Minute
		}, "site-a", "site-b"),
		"no metric": in(func(in *manifests.Input) { in.Config.Deployments[0].Sites[0].Infinispan = nil }, "site-a", "site-b"),
	}
}

// Every object is what its API's own type takes, with no unknown field, and
// the type holds all of it. The server's fields are not there, not even empty.
func TestObjectsDecodeStrictly(t *testing.T) {
	for name, in := range inputs() {
		t.Run(name, func(t *testing.T) {
			for _, d := range documents(t, in) {
				typed := map[string]any{
					"v1 ConfigMap": &corev1.ConfigMap{}, "v1 Secret": &corev1.Secret{},
					"monitoring.coreos.com/v1alpha1 AlertmanagerConfig": &monitoringv1alpha1.AlertmanagerConfig{},
					"monitoring.coreos.com/v1beta1 AlertmanagerConfig":  &monitoringv1beta1.AlertmanagerConfig{},
					"monitoring.coreos.com/v1 PrometheusRule":           &monitoringv1.PrometheusRule{},
				}[d.apiVersion+" "+d.kind]
				if typed == nil {
					t.Fatalf("%s %s", d.apiVersion, d.kind)
				}
				if err := yaml.UnmarshalStrict(d.text, typed); err != nil {
					t.Errorf("%s: %v", d.kind, err)
				}
				for _, field := range []string{"status", "metadata.creationTimestamp", "metadata.managedFields", "metadata.resourceVersion", "metadata.uid", "metadata.generation"} {
					if has(d.any, field) {
						t.Errorf("%s has the server's field %s", d.kind, field)
					}
				}
				again, err := yaml.Marshal(typed)
				if err != nil {
					t.Fatal(err)
				}
				var back map[string]any
				if err := yaml.Unmarshal(again, &back); err != nil {
					t.Fatal(err)
				}
				for _, path := range missing("", d.any, back) {
					t.Errorf("%s: the type lost or changed %s", d.kind, path)
				}
			}
		})
	}
}

func has(object map[string]any, path string) bool {
	if at, rest, ok := bytes.Cut([]byte(path), []byte(".")); ok {
		inner, _ := object[string(at)].(map[string]any)
		return has(inner, string(rest))
	}
	_, ok := object[path]
	return ok
}

// missing is what of want is not in got. The types add zero values of their own,
// and leave out what is empty.
func missing(at string, want, got any) (paths []string) {
	switch want := want.(type) {
	case map[string]any:
		inner, _ := got.(map[string]any)
		for key, value := range want {
			paths = append(paths, missing(at+"."+key, value, inner[key])...)
		}
	case []any:
		inner, _ := got.([]any)
		for i, value := range want {
			if i < len(inner) {
				paths = append(paths, missing(fmt.Sprintf("%s[%d]", at, i), value, inner[i])...)
			} else {
				paths = append(paths, fmt.Sprintf("%s[%d]", at, i))
			}
		}
	default:
		if !cmp.Equal(want, got) {
			paths = append(paths, at)
		}
	}
	slices.Sort(paths)
	return paths
}

// The operator drops an AlertmanagerConfig that it finds invalid, and says so
// in its log only: then no alert is ever posted.
func TestOperatorTakesTheRoute(t *testing.T) {
	for name, in := range inputs() {
		t.Run(name, func(t *testing.T) {
			for _, d := range documents(t, in) {
				if d.kind != "AlertmanagerConfig" {
					continue
				}
				// By the operator's bundle or by way of OpenShift's conversion,
				// the operator itself reads v1alpha1.
				var alpha monitoringv1alpha1.AlertmanagerConfig
				if err := errors.Join(yaml.UnmarshalStrict(d.text, &alpha), v1alpha1.ValidateAlertmanagerConfig(&alpha)); err != nil {
					t.Error(err)
				}
				var beta monitoringv1beta1.AlertmanagerConfig
				if err := errors.Join(yaml.UnmarshalStrict(d.text, &beta), v1beta1.ValidateAlertmanagerConfig(&beta)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// The Secret's keys are those that the route and the type basic-auth name.
func TestRouteFindsItsCredentials(t *testing.T) {
	for name, in := range inputs() {
		t.Run(name, func(t *testing.T) {
			var s corev1.Secret
			var c monitoringv1beta1.AlertmanagerConfig
			for _, d := range documents(t, in) {
				switch d.kind {
				case "Secret":
					_ = yaml.Unmarshal(d.text, &s)
				case "AlertmanagerConfig":
					_ = yaml.Unmarshal(d.text, &c)
				}
			}
			if s.Type != corev1.SecretTypeBasicAuth {
				t.Errorf("type %q", s.Type)
			}
			basic := c.Spec.Receivers[0].WebhookConfigs[0].HTTPConfig.BasicAuth
			if basic.Username.Name != s.Name || basic.Password.Name != s.Name || c.Namespace != s.Namespace {
				t.Errorf("the route reads %s and %s in %s, the Secret is %s in %s", basic.Username.Name, basic.Password.Name, c.Namespace, s.Name, s.Namespace)
			}
			if got := s.StringData[basic.Username.Key]; got != in.Config.Webhook.User || basic.Username.Key != corev1.BasicAuthUsernameKey {
				t.Errorf("user %q at %s", got, basic.Username.Key)
			}
			if got := s.StringData[basic.Password.Key]; got != in.Password.Expose() || basic.Password.Key != corev1.BasicAuthPasswordKey {
				t.Errorf("password %q at %s", got, basic.Password.Key)
			}
		})
	}
}
