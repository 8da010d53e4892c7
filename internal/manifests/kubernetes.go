package manifests

import "github.com/sitefence/sitefence/internal/alert"

// object is a Kubernetes object as a client sends it: no status, no
// creationTimestamp, nothing that only the server sets. (The operator's own
// types would write `creationTimestamp: null`.)
type object struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   metadata          `json:"metadata"`
	Type       string            `json:"type,omitempty"`
	Data       map[string]string `json:"data,omitempty"`
	StringData map[string]string `json:"stringData,omitempty"`
	Spec       any               `json:"spec,omitempty"`
}

type metadata struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels"`
}

func (s site) metadata(name string) metadata {
	labels := map[string]string{
		"app.kubernetes.io/name":     "sitefence",
		"app.kubernetes.io/instance": s.deployment.Name,
	}
	for key, value := range s.Labels {
		labels[key] = value
	}
	return metadata{name, s.Namespace, labels}
}

// configMap turns user alert routing on. The names are OpenShift's.
func (s site) configMap() document {
	m := s.metadata("user-workload-monitoring-config")
	m.Namespace = "openshift-user-workload-monitoring"
	return document{configMapComment, object{
		APIVersion: "v1", Kind: "ConfigMap", Metadata: m,
		// A file inside of the object: its YAML is fixed text.
		Data: map[string]string{"config.yaml": "alertmanager:\n  enabled: true\n  enableAlertmanagerConfig: true\n"},
	}}
}

const userKey, passwordKey = "username", "password" // of the type basic-auth

func (s site) secretName() string { return s.name() + "-webhook" }

func (s site) secret() document {
	text, password := secretComment, s.Password.Expose()
	if password == "" {
		text, password = placeholderComment, PasswordPlaceholder
	}
	return document{text, object{
		APIVersion: "v1", Kind: "Secret", Metadata: s.metadata(s.secretName()),
		Type:       "kubernetes.io/basic-auth",
		StringData: map[string]string{userKey: s.Config.Webhook.User, passwordKey: password},
	}}
}

type alertmanagerConfigSpec struct {
	Route     operatorRoute      `json:"route"`
	Receivers []operatorReceiver `json:"receivers"`
}

type operatorRoute struct {
	Receiver       string            `json:"receiver"`
	Matchers       []operatorMatcher `json:"matchers"`
	GroupBy        []string          `json:"groupBy"`
	GroupWait      string            `json:"groupWait"`
	GroupInterval  string            `json:"groupInterval"`
	RepeatInterval string            `json:"repeatInterval"`
	Continue       bool              `json:"continue,omitempty"`
}

type operatorMatcher struct {
	Name      string `json:"name"`
	MatchType string `json:"matchType"`
	Value     string `json:"value"`
}

type operatorReceiver struct {
	Name           string            `json:"name"`
	WebhookConfigs []operatorWebhook `json:"webhookConfigs"`
}

type operatorWebhook struct {
	URL          string             `json:"url"`
	SendResolved bool               `json:"sendResolved"`
	HTTPConfig   operatorHTTPConfig `json:"httpConfig"`
}

type operatorHTTPConfig struct {
	BasicAuth struct {
		Username keyRef `json:"username"`
		Password keyRef `json:"password"`
	} `json:"basicAuth"`
}

type keyRef struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

const receiverName = "sitefence"

// routeVersion is the version of AlertmanagerConfig that the cluster serves. The
// operator's own definitions (its bundle, kube-prometheus-stack) have v1alpha1
// alone; v1beta1 needs its conversion webhook, which OpenShift has. What is used
// of it here is written the same in both.
func (s site) routeVersion() string {
	if s.Platform == OpenShift {
		return "monitoring.coreos.com/v1beta1"
	}
	return "monitoring.coreos.com/v1alpha1"
}

func (s site) alertmanagerConfig() document {
	return document{s.routeComment() + operatorPeople, s.routeObject(s.name(), operatorRoute{
		Receiver:       receiverName,
		Matchers:       []operatorMatcher{{"alertname", "=", alert.Name}},
		GroupBy:        []string{"accelerator"},
		GroupWait:      duration(s.Timing.GroupWait),
		GroupInterval:  duration(s.Timing.GroupInterval),
		RepeatInterval: duration(s.Timing.RepeatInterval),
		Continue:       true,
	})}
}

// routeObject is an AlertmanagerConfig with that route to the ingest URL.
func (s site) routeObject(name string, route operatorRoute) object {
	hook := operatorWebhook{URL: s.IngestURL}
	hook.HTTPConfig.BasicAuth.Username = keyRef{s.secretName(), userKey}
	hook.HTTPConfig.BasicAuth.Password = keyRef{s.secretName(), passwordKey}
	return object{
		APIVersion: s.routeVersion(), Kind: "AlertmanagerConfig", Metadata: s.metadata(name),
		Spec: alertmanagerConfigSpec{Route: route, Receivers: []operatorReceiver{{receiverName, []operatorWebhook{hook}}}},
	}
}

// leafPrometheus has OpenShift's user workload Prometheus evaluate the rule,
// rather than Thanos Ruler, which asks all Prometheus servers over the network.
const leafPrometheus = "openshift.io/prometheus-rule-evaluation-scope"

func (s site) prometheusRule() document {
	m := s.metadata(s.name())
	text := s.ruleComment()
	if s.Platform == OpenShift {
		m.Labels[leafPrometheus] = "leaf-prometheus"
		text += leafComment
	}
	return document{text, object{
		APIVersion: "monitoring.coreos.com/v1", Kind: "PrometheusRule", Metadata: m, Spec: s.rules(),
	}}
}
