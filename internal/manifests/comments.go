package manifests

import (
	"fmt"
	"strings"
)

// The comments say what differs from Keycloak's guide and why, where the
// operator who applies the file sees it. docs/manifests.md has the long form.

func (s site) header() string {
	return fmt.Sprintf("Made by `sitefence manifests` for site %s of deployment %s.\n"+
		"To change it, change sitefence.yaml or the flags, and make it again.", s.Site, s.deployment.Name)
}

const configMapComment = `Turns on Alertmanager and AlertmanagerConfig for user workloads. This replaces
the whole config.yaml: if the cluster has this ConfigMap already, add the two
settings to it instead. User workload monitoring itself is turned on elsewhere
(enableUserWorkload in cluster-monitoring-config).`

const secretComment = `What Alertmanager authenticates with. It holds the password: keep this file out
of version control.`

const placeholderComment = `What Alertmanager authenticates with. Replace the password: with the placeholder
every alert is refused with 401, and no site is ever fenced.`

func (s site) routeComment() string {
	return fmt.Sprintf(`The route of SiteOffline to Sitefence. What differs from Keycloak's guide:
- the group waits %s, not 60s: every second is one of outage, and Sitefence
  needs no collected alerts. Both sites' reports at once are safe.
- a changed group is posted after %s, not 90s: with more than two sites the
  second report must not wait. It is also how long a failed post is tried.
- an alert that goes on is posted again after %s, not 4h. Asking again is cheap
  and changes nothing that is right; it decides what could not be decided the
  first time, and restores a fence that somebody undid while the link was down,
  as by bringing the lost site online. (After a restart of Infinispan, which
  forgets the fence, the metric was gone for a moment: that alert is a new one.)
- resolved alerts are not sent: nothing comes back by itself, so they say nothing.
- the certificate is verified: whoever could stand in for the URL would read the
  password. A function URL has a public certificate.
- there is one matcher. A second, on the accelerator, would silently drop an
  alert with the accelerator's other DNS name; a report that comes twice is safe.
`, duration(s.Timing.GroupWait), duration(s.Timing.GroupInterval), duration(s.Timing.RepeatInterval))
}

const operatorPeople = `- continue: the alert goes on to the routes behind this one. Your people need one
  of their own that matches it: Alertmanager's default receiver hears only of
  alerts that no route takes.`

const plainPeople = `- continue: the alert goes on to the route of your people, which takes every
  alert. Fill in their receiver, or put your own routes in its place. The default
  receiver alone would not do: it hears only of alerts that no route takes.
`

const passwordFileComment = `The password is in a file of its own, readable by Alertmanager only.`

func (s site) ruleComment() string {
	text := s.siteRuleComment()
	if s.hasHeartbeat() {
		text = strings.TrimRight(text, "\n") + "\n" + heartbeatRuleComment
	}
	return text
}

func (s site) siteRuleComment() string {
	if s.noMetric {
		return fmt.Sprintf(`No rule: %s has "infinispan: none", so there is no metric to look at. Write one
of your own, with alertname SiteOffline and the labels reporter (%s), site and
accelerator (%s).
It must be right by itself: without Infinispan the alert alone fences.`, s.Site, s.Site, s.deployment.Accelerator.DNSNames[0])
	}
	pause := fmt.Sprintf(`- for %s: a site that is restarted may be out of sight for a moment, and a fence
  costs somebody's work. Sitefence looks again before it acts, whatever this says.`, duration(s.Timing.For))
	if s.Timing.For == 0 {
		pause = `- for 0s, as in the guide: the first look counts. Sitefence looks again before
  it acts, but a moment later only.`
	}
	return fmt.Sprintf(`One alert for each other site. What differs from Keycloak's guide:
- the rule runs every %s, not at Prometheus' usual 30s. That helps only as far as
  Infinispan is scraped as often: set the interval of its scrape, too.
%s
- both names of the metric: Infinispan 15 has the prefix vendor_, 16 has not.
- the label site is written out beside the others that Sitefence reads.
As in the guide: 0 is offline, 1 online, 2 not known. A second node may say 2 for
good, so the least counts, never the sum or the average.
There is no absent() on purpose. Without the metric this site's own Infinispan is
down or not scraped, and then it knows nothing of the other one: the alert would
ask for the fence of the site that still works. Alert on it by another name.
`, duration(s.Timing.Interval), pause)
}

const leafComment = `- the label ` + leafPrometheus + ` has the
  Prometheus of user workloads run the rule, not Thanos Ruler: fewer parts that
  can be down, and no interval of another's.`
