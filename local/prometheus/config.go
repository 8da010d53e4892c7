package prometheus

import (
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/yaml"
)

// The files of a Prometheus; its configuration names them as beside itself.
const (
	configFile   = "prometheus.yml"
	rulesFile    = "rules.yml"
	caFile       = "ca.pem"
	passwordFile = "password"
)

type file struct {
	Global struct {
		ScrapeInterval     string `json:"scrape_interval"`
		ScrapeTimeout      string `json:"scrape_timeout"`
		EvaluationInterval string `json:"evaluation_interval"`
	} `json:"global"`
	RuleFiles []string  `json:"rule_files,omitempty"`
	Alerting  *alerting `json:"alerting,omitempty"`
	Scrapes   []scrape  `json:"scrape_configs"`
}

type alerting struct {
	Alertmanagers []alertmanager `json:"alertmanagers"`
}

type alertmanager struct {
	Static []static `json:"static_configs"`
}

type static struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels,omitempty"`
}

type scrape struct {
	Job    string    `json:"job_name"`
	Scheme string    `json:"scheme"`
	Basic  basicAuth `json:"basic_auth"`
	TLS    struct {
		CA string `json:"ca_file"`
	} `json:"tls_config"`
	Static []static `json:"static_configs"`
}

type basicAuth struct {
	Username     string `json:"username"`
	PasswordFile string `json:"password_file"`
}

// configuration is prometheus.yml: one target over verified TLS, one rule file,
// one Alertmanager.
func configuration(o Options) ([]byte, error) {
	target, err := host(o.Target.URL, "https")
	if err != nil {
		return nil, fmt.Errorf("option Target.URL: %w", err)
	}
	if o.Target.User == "" || o.Target.Password == "" || len(o.Target.CA) == 0 {
		return nil, errors.New("option Target: expected User, Password and CA")
	}
	if o.Interval < time.Millisecond {
		return nil, fmt.Errorf("option Interval: expected a millisecond or more, not %s", o.Interval)
	}
	var f file
	interval := fmt.Sprintf("%dms", o.Interval.Milliseconds())
	f.Global.ScrapeInterval, f.Global.EvaluationInterval = interval, interval
	f.Global.ScrapeTimeout = fmt.Sprintf("%dms", min(o.Interval, 10*time.Second).Milliseconds())
	if len(o.Rules) > 0 {
		f.RuleFiles = []string{rulesFile}
	}
	if o.Alertmanager != "" {
		address, err := host(o.Alertmanager, "http")
		if err != nil {
			return nil, fmt.Errorf("option Alertmanager: %w", err)
		}
		f.Alerting = &alerting{[]alertmanager{{[]static{{Targets: []string{address}}}}}}
	}
	s := scrape{Job: "infinispan", Scheme: "https", Basic: basicAuth{o.Target.User, passwordFile},
		Static: []static{{[]string{target}, o.Target.Labels}}}
	s.TLS.CA = caFile
	f.Scrapes = []scrape{s}
	return yaml.Marshal(f)
}
