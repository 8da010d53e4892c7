package manifests

import (
	"fmt"

	"github.com/sitefence/sitefence/internal/alert"
	"github.com/sitefence/sitefence/internal/contract"
)

// ruleGroups is the content of a rule file, and a PrometheusRule's spec.
type ruleGroups struct {
	Groups []ruleGroup `json:"groups"`
}

type ruleGroup struct {
	Name     string `json:"name"`
	Interval string `json:"interval"`
	Rules    []rule `json:"rules"`
}

type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// rules is one group with a rule for each other site, or none when there is no
// metric to look at, and the heartbeat's if there is one.
func (s site) rules() ruleGroups {
	groups := []ruleGroup{}
	if !s.noMetric {
		groups = append(groups, s.siteRules())
	}
	return ruleGroups{Groups: append(groups, s.heartbeatRules()...)}
}

func (s site) siteRules() ruleGroup {
	g := ruleGroup{Name: s.name(), Interval: duration(s.Timing.Interval)}
	for _, other := range s.others {
		g.Rules = append(g.Rules, s.rule(other))
	}
	return g
}

func (s site) rule(other contract.Site) rule {
	return rule{
		Alert: alert.Name,
		Expr:  s.expression(other),
		For:   duration(s.Timing.For),
		Labels: map[string]string{
			"accelerator": s.deployment.Accelerator.DNSNames[0],
			"reporter":    string(s.Site),
			"severity":    "critical",
			"site":        string(other),
		},
		Annotations: map[string]string{
			"summary": fmt.Sprintf("%s cannot see %s", s.Site, other),
			"description": fmt.Sprintf("Infinispan at %s says that %s is offline. Until one of them is fenced, writes fail at both. "+
				"Sitefence looks whether it is so and then fences %s, unless %s reported first.", s.Site, other, other, other),
			"runbook_url": s.RunbookURL,
		},
	}
}

// expression keeps the label namespace, by which the operator routes an alert,
// and the label site. Names are checked and hold nothing to escape.
func (s site) expression(other contract.Site) string {
	namespace := ""
	if s.Namespace != "" {
		namespace = fmt.Sprintf("namespace=%q, ", s.Namespace)
	}
	return fmt.Sprintf(`min by (namespace, site) ({__name__=~"(vendor_)?jgroups_site_view_status", %ssite=%q}) == 0`, namespace, other)
}

// name is the one of the objects and of the group. Several deployments may
// share a namespace or a Prometheus.
func (s site) name() string { return "sitefence-" + s.deployment.Name }
