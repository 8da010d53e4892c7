package manifests

import (
	"fmt"
	"time"

	"github.com/sitefence/sitefence/internal/alert"
)

// The heartbeat: an alert that always fires, and a route of its own for it. It is
// made for a deployment whose configuration has one, and takes every step that
// SiteOffline would take but the metric's.

const (
	heartbeatInterval      = 30 * time.Second // between two evaluations
	heartbeatGroupInterval = 30 * time.Second // also how long one post is tried
)

func (s site) hasHeartbeat() bool { return s.deployment.HeartbeatSilence > 0 }

// heartbeatRepeat has three posts in each silence that is tolerated: one of them
// may be lost, and Alertmanager rounds it up to its group interval.
func (s site) heartbeatRepeat() time.Duration {
	return (s.deployment.HeartbeatSilence / 3).Truncate(time.Second)
}

func (s site) heartbeatName() string { return s.name() + "-heartbeat" }

// heartbeatRules is the group, or none.
func (s site) heartbeatRules() []ruleGroup {
	if !s.hasHeartbeat() {
		return nil
	}
	labels := map[string]string{
		"accelerator": s.deployment.Accelerator.DNSNames[0],
		"reporter":    string(s.Site),
		"severity":    "none",
	}
	// The operator routes by it. SiteOffline has it from its metric.
	if s.Namespace != "" {
		labels["namespace"] = s.Namespace
	}
	return []ruleGroup{{Name: s.heartbeatName(), Interval: duration(heartbeatInterval), Rules: []rule{{
		Alert: alert.Watchdog, Expr: "vector(1)", For: "0s", Labels: labels,
		Annotations: map[string]string{
			"summary": fmt.Sprintf("The heartbeat of %s: it always fires", s.Site),
			"description": fmt.Sprintf("Nothing to do. Sitefence counts it, and an alarm rings when none of %s was heard for %s.",
				s.Site, duration(s.deployment.HeartbeatSilence)),
			"runbook_url": s.Config.Notifications.Runbook("site-silent"),
		},
	}}}}
}

// heartbeatMatchers take our Watchdog and leave Prometheus' own alone. The rule
// and the route are made together, so one name of the accelerator is enough.
func (s site) heartbeatMatchers() []operatorMatcher {
	return []operatorMatcher{
		{"alertname", "=", alert.Watchdog},
		{"accelerator", "=", s.deployment.Accelerator.DNSNames[0]},
	}
}

// heartbeatConfig is an object of its own, since the route of an
// AlertmanagerConfig has one repeat interval.
func (s site) heartbeatConfig() document {
	c := s.routeObject(s.heartbeatName(), operatorRoute{
		Receiver: receiverName, Matchers: s.heartbeatMatchers(), GroupBy: []string{"accelerator", "reporter"},
		GroupWait: "0s", GroupInterval: duration(heartbeatGroupInterval), RepeatInterval: duration(s.heartbeatRepeat()),
	})
	return document{s.heartbeatComment() + operatorHeartbeatPeople, c}
}

// heartbeatRoute is the same for plain Alertmanager.
func (s site) heartbeatRoute() []plainRoute {
	if !s.hasHeartbeat() {
		return nil
	}
	r := plainRoute{
		Receiver: receiverName, GroupBy: []string{"accelerator", "reporter"},
		GroupWait: "0s", GroupInterval: duration(heartbeatGroupInterval), RepeatInterval: duration(s.heartbeatRepeat()),
	}
	for _, m := range s.heartbeatMatchers() {
		r.Matchers = append(r.Matchers, fmt.Sprintf("%s%s%q", m.Name, m.MatchType, m.Value))
	}
	return []plainRoute{r}
}

func (s site) heartbeatComment() string {
	return fmt.Sprintf(`The route of the heartbeat (Watchdog) to Sitefence: posted every %s, so that one
or two may be lost before the alarm rings after %s. It goes the way of SiteOffline,
with its password.
`, duration(s.heartbeatRepeat()), duration(s.deployment.HeartbeatSilence))
}

const operatorHeartbeatPeople = `The operator lets it go on to the routes behind this one. Where one of yours
takes every alert of the namespace, leave out severity="none" there.`

const plainHeartbeatPeople = `It stops there: it is nothing for people.
`

const heartbeatRuleComment = `Watchdog is the heartbeat. It always fires and is posted to Sitefence, which rings
when it stays away: then SiteOffline would not be heard either.
`
