package prometheus_test

import (
	"fmt"
	"maps"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/manifests"
)

// unitTest is the file of `promtool test rules`.
type unitTest struct {
	RuleFiles []string `json:"rule_files"`
	Interval  string   `json:"evaluation_interval"`
	Tests     []testOf `json:"tests"`
}

type testOf struct {
	Interval string      `json:"interval"`
	Series   []series    `json:"input_series"`
	Alerts   []alertTest `json:"alert_rule_test"`
}

type series struct {
	Series string `json:"series"`
	Values string `json:"values"`
}

type alertTest struct {
	At     string     `json:"eval_time"`
	Name   string     `json:"alertname"`
	Alerts []expected `json:"exp_alerts"`
}

type expected struct {
	Labels      map[string]string `json:"exp_labels"`
	Annotations map[string]string `json:"exp_annotations"`
}

// view is what one node of the reporter's Infinispan says of a site, one sample
// each 5 s in promtool's notation.
type view struct {
	node, site, values string
}

// scenario is what the nodes say, and from when to when the alert fires, in
// seconds; up to 60 s are looked at.
type scenario struct {
	views      []view
	from, till int // both 0: never
}

// Seen from here, with site-b beyond: `for` is 10 s.
func scenarios(site string) map[string]scenario {
	return map[string]scenario{
		"both see each other":            {[]view{{"a-1", site, "1x20"}}, 0, 0},
		"split":                          {[]view{{"a-1", site, "1x2 0x20"}}, 25, 60},
		"split, then it heals":           {[]view{{"a-1", site, "1x2 0x5 1x20"}}, 25, 45},
		"out of sight for a moment":      {[]view{{"a-1", site, "1x2 0x1 1x20"}}, 0, 0},
		"a second node never knows":      {[]view{{"a-1", site, "1x20"}, {"a-2", site, "2x20"}}, 0, 0},
		"split, a second node says 2":    {[]view{{"a-1", site, "1x2 0x20"}, {"a-2", site, "2x20"}}, 25, 60},
		"split, two nodes notice late":   {[]view{{"a-1", site, "1x2 0x20"}, {"a-2", site, "1x4 0x20"}}, 25, 60},
		"no node knows":                  {[]view{{"a-1", site, "2x20"}}, 0, 0},
		"own Infinispan never answered":  {nil, 0, 0},
		"own Infinispan dies":            {[]view{{"a-1", site, "1x2 stale"}}, 0, 0},
		"own Infinispan dies in a split": {[]view{{"a-1", site, "0x4 stale"}}, 10, 25},
		"a site that is none of ours":    {[]view{{"a-1", "site-x", "0x20"}, {"a-1", site, "1x20"}}, 0, 0},
	}
}

// metrics are the metric's names of Infinispan 15 and 16.
var metrics = map[string]string{"Infinispan 15": "vendor_jgroups_site_view_status", "Infinispan 16": "jgroups_site_view_status"}

func TestPromtoolPlaysTheScenarios(t *testing.T) {
	program := promtool(t)
	for reporter, other := range map[contract.Site]contract.Site{"site-a": "site-b", "site-b": "site-a"} {
		in := input(reporter, other)
		plain, operator := rules(t, in), operatorRules(t, in)
		for version, metric := range metrics {
			for name, s := range scenarios(string(other)) {
				t.Run(fmt.Sprintf("%s/%s/%s", reporter, version, name), func(t *testing.T) {
					play(t, program, plain, s, metric, nil, label(reporter, other))
					play(t, program, operator, s, metric, map[string]string{"namespace": "keycloak"}, label(reporter, other))
				})
			}
		}
	}
}

// An upgrade has nodes of both versions for a while.
func TestPromtoolPlaysAnUpgrade(t *testing.T) {
	u := testOf{Interval: "5s", Series: []series{
		{`vendor_jgroups_site_view_status{node="a-1",site="site-b"}`, "1x2 0x20"},
		{`jgroups_site_view_status{node="a-2",site="site-b"}`, "2x20"},
	}}
	expect(&u, 25, 60, label("site-a", "site-b"))
	test(t, promtool(t), rules(t, input("site-a", "site-b")), u)
}

// Another pair in the same cluster has sites of the same names.
func TestPromtoolKeepsNamespacesApart(t *testing.T) {
	u := testOf{Interval: "5s", Series: []series{
		{`jgroups_site_view_status{namespace="staging",node="a-1",site="site-b"}`, "0x20"},
		{`jgroups_site_view_status{namespace="keycloak",node="a-1",site="site-b"}`, "1x20"},
	}}
	expect(&u, 0, 0, nil)
	test(t, promtool(t), operatorRules(t, input("site-a", "site-b")), u)
}

// Of three sites the one that is lost is reported, and no other.
func TestPromtoolTellsThreeSitesApart(t *testing.T) {
	u := testOf{Interval: "5s", Series: []series{
		{`jgroups_site_view_status{node="a-1",site="site-b"}`, "1x20"},
		{`jgroups_site_view_status{node="a-1",site="site-c"}`, "1x2 0x20"},
	}}
	expect(&u, 25, 60, label("site-a", "site-c"))
	test(t, promtool(t), rules(t, input("site-a", "site-b", "site-c")), u)
}

func label(reporter, site contract.Site) map[string]string {
	return map[string]string{
		"accelerator": accelerator, "reporter": string(reporter), "site": string(site), "severity": "critical",
	}
}

func play(t *testing.T, program, file string, s scenario, metric string, more, labels map[string]string) {
	t.Helper()
	u := testOf{Interval: "5s", Series: []series{}}
	labels = maps.Clone(labels)
	for _, v := range s.views {
		text := fmt.Sprintf(`%s{cache_manager="default",node=%q,site=%q`, metric, v.node, v.site)
		for key, value := range more {
			text += fmt.Sprintf(",%s=%q", key, value)
		}
		u.Series = append(u.Series, series{text + "}", v.values})
	}
	maps.Copy(labels, more)
	expect(&u, s.from, s.till, labels)
	test(t, program, file, u)
}

// expect looks every 5 s for exactly that alert, or for none.
func expect(u *testOf, from, till int, labels map[string]string) {
	for at := 0; at <= 60; at += 5 {
		look := alertTest{At: fmt.Sprintf("%ds", at), Name: "SiteOffline", Alerts: []expected{}}
		if till > 0 && from <= at && at < till || at == 60 && till == 60 {
			reporter, site := labels["reporter"], labels["site"]
			look.Alerts = append(look.Alerts, expected{labels, map[string]string{
				"summary": fmt.Sprintf("%s cannot see %s", reporter, site),
				"description": fmt.Sprintf("Infinispan at %[1]s says that %[2]s is offline. Until one of them is fenced, writes fail at both. "+
					"Sitefence looks whether it is so and then fences %[2]s, unless %[2]s reported first.", reporter, site),
				"runbook_url": manifests.DefaultRunbookURL,
			}})
		}
		u.Alerts = append(u.Alerts, look)
	}
}

func test(t *testing.T, program, file string, u testOf) {
	t.Helper()
	text, err := yaml.Marshal(unitTest{[]string{file}, "5s", []testOf{u}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, program, "test", "rules", write(t, "test.yml", text))
}
