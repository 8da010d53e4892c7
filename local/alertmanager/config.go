package alertmanager

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"sigs.k8s.io/yaml"
)

// The route of the guide's AlertmanagerConfig.
const (
	defaultGroupWait      = 60 * time.Second
	defaultGroupInterval  = 90 * time.Second
	defaultRepeatInterval = 4 * time.Hour
)

type file struct {
	Route     route      `json:"route"`
	Receivers []receiver `json:"receivers"`
}

type route struct {
	Receiver       string   `json:"receiver"`
	GroupBy        []string `json:"group_by,omitempty"`
	Matchers       []string `json:"matchers,omitempty"`
	GroupWait      string   `json:"group_wait,omitempty"`
	GroupInterval  string   `json:"group_interval,omitempty"`
	RepeatInterval string   `json:"repeat_interval,omitempty"`
	Routes         []route  `json:"routes,omitempty"`
}

type receiver struct {
	Name     string    `json:"name"`
	Webhooks []webhook `json:"webhook_configs,omitempty"`
}

type webhook struct {
	URL          string      `json:"url"`
	SendResolved bool        `json:"send_resolved"`
	HTTP         *httpConfig `json:"http_config,omitempty"`
}

type httpConfig struct {
	BasicAuth struct {
		Username string `json:"username"`
		Password string `json:"password"`
	} `json:"basic_auth"`
}

// configuration is alertmanager.yml: an empty receiver for everything, and one
// route to the webhook for SiteOffline alerts, grouped by accelerator.
func configuration(o Options) ([]byte, error) {
	if len(o.Config) > 0 {
		if o.URL != "" || o.User != "" || o.Password != "" || o.GroupWait != 0 || o.GroupInterval != 0 || o.RepeatInterval != 0 || o.FiringOnly {
			return nil, errors.New("option Config: expected nothing beside it that it says")
		}
		return o.Config, nil
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return nil, fmt.Errorf("URL %q: expected the webhook's http or https URL", o.URL)
	}
	if (o.User == "") != (o.Password == "") {
		return nil, errors.New("options User and Password: expected both or neither")
	}
	hook := webhook{URL: o.URL, SendResolved: !o.FiringOnly}
	if o.User != "" {
		hook.HTTP = &httpConfig{}
		hook.HTTP.BasicAuth.Username, hook.HTTP.BasicAuth.Password = o.User, o.Password
	}
	const nobody, sitefence = "null", "sitefence"
	return yaml.Marshal(file{
		Route: route{
			Receiver: nobody,
			Routes: []route{{
				Receiver:       sitefence,
				Matchers:       []string{`alertname="SiteOffline"`},
				GroupBy:        []string{"accelerator"},
				GroupWait:      duration(o.GroupWait, defaultGroupWait),
				GroupInterval:  duration(o.GroupInterval, defaultGroupInterval),
				RepeatInterval: duration(o.RepeatInterval, defaultRepeatInterval),
			}},
		},
		Receivers: []receiver{{Name: nobody}, {Name: sitefence, Webhooks: []webhook{hook}}},
	})
}

// duration in the form that Prometheus programs read: whole milliseconds.
func duration(d, fallback time.Duration) string {
	if d == 0 {
		d = fallback
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}
