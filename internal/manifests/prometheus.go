package manifests

import (
	"fmt"

	"github.com/sitefence/sitefence/internal/alert"
)

// alertmanagerYML is Alertmanager's own configuration file.
type alertmanagerYML struct {
	Route     plainRoute      `json:"route"`
	Receivers []plainReceiver `json:"receivers"`
}

type plainRoute struct {
	Receiver       string       `json:"receiver"`
	Matchers       []string     `json:"matchers,omitempty"`
	GroupBy        []string     `json:"group_by,omitempty"`
	GroupWait      string       `json:"group_wait,omitempty"`
	GroupInterval  string       `json:"group_interval,omitempty"`
	RepeatInterval string       `json:"repeat_interval,omitempty"`
	Continue       bool         `json:"continue,omitempty"`
	Routes         []plainRoute `json:"routes,omitempty"`
}

type plainReceiver struct {
	Name           string         `json:"name"`
	WebhookConfigs []plainWebhook `json:"webhook_configs,omitempty"`
}

type plainWebhook struct {
	URL          string          `json:"url"`
	SendResolved bool            `json:"send_resolved"`
	HTTPConfig   plainHTTPConfig `json:"http_config"`
}

type plainHTTPConfig struct {
	BasicAuth struct {
		Username     string `json:"username"`
		PasswordFile string `json:"password_file"`
	} `json:"basic_auth"`
}

// people is the receiver to be filled in. It has a route of its own: the root's
// receiver hears only of alerts that no route below it takes.
const people = "people"

func (s site) alertmanagerFile() document {
	hook := plainWebhook{URL: s.IngestURL}
	hook.HTTPConfig.BasicAuth.Username = s.Config.Webhook.User
	hook.HTTPConfig.BasicAuth.PasswordFile = s.PasswordFile
	text := s.routeComment() + plainPeople
	if s.hasHeartbeat() {
		text += s.heartbeatComment() + plainHeartbeatPeople
	}
	routes := []plainRoute{{
		Receiver:       receiverName,
		Matchers:       []string{fmt.Sprintf("alertname=%q", alert.Name)},
		GroupBy:        []string{"accelerator"},
		GroupWait:      duration(s.Timing.GroupWait),
		GroupInterval:  duration(s.Timing.GroupInterval),
		RepeatInterval: duration(s.Timing.RepeatInterval),
		Continue:       true,
	}}
	routes = append(routes, s.heartbeatRoute()...)
	return document{text + passwordFileComment, alertmanagerYML{
		Route:     plainRoute{Receiver: people, Routes: append(routes, plainRoute{Receiver: people})},
		Receivers: []plainReceiver{{Name: people}, {receiverName, []plainWebhook{hook}}},
	}}
}

func (s site) rulesFile() document { return document{s.ruleComment(), s.rules()} }
