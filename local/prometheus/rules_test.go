package prometheus_test

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/manifests"
	"github.com/sitefence/sitefence/local/alertmanager"
	"github.com/sitefence/sitefence/local/gotool"
	"github.com/sitefence/sitefence/local/prometheus"
)

const accelerator = "a1234567890abcdef.awsglobalaccelerator.com"

// input is a deployment of those sites, seen from the first.
func input(reporter contract.Site, others ...contract.Site) manifests.Input {
	d := config.Deployment{Name: "keycloak", Accelerator: config.Accelerator{DNSNames: []string{accelerator}}}
	for _, name := range append([]contract.Site{reporter}, others...) {
		d.Sites = append(d.Sites, config.Site{Name: name, Infinispan: &config.Infinispan{}})
	}
	return manifests.Input{
		Config: config.Config{Webhook: config.Webhook{User: "alertmanager"}, Deployments: []config.Deployment{d}},
		Site:   reporter, IngestURL: "https://abc.lambda-url.eu-west-1.on.aws/",
	}
}

// need skips where a program cannot be had, except where SITEFENCE_REAL=1 says
// that it must.
func need[T any](t *testing.T, programs T, err error) T {
	t.Helper()
	if errors.Is(err, gotool.ErrUnavailable) && os.Getenv("SITEFENCE_REAL") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return programs
}

func promtool(t *testing.T) string {
	t.Helper()
	programs, err := prometheus.Setup(t.Context(), "")
	return need(t, programs, err).Promtool
}

func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return string(out)
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// rules writes the rule file of plain Prometheus.
func rules(t *testing.T, in manifests.Input) string {
	t.Helper()
	files, err := manifests.Prometheus(in)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, manifests.RulesFile, files[manifests.RulesFile])
}

// operatorRules writes what the operator makes a rule file of: a PrometheusRule's spec.
func operatorRules(t *testing.T, in manifests.Input) string {
	t.Helper()
	text, err := manifests.Kubernetes(in)
	if err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(string(text), "\n---\n") {
		var o struct {
			Kind string
			Spec any
		}
		if err := yaml.Unmarshal([]byte(part), &o); err != nil {
			t.Fatal(err)
		}
		if o.Kind == "PrometheusRule" {
			spec, err := yaml.Marshal(o.Spec)
			if err != nil {
				t.Fatal(err)
			}
			return write(t, "rules.yml", spec)
		}
	}
	t.Fatal("no PrometheusRule")
	return ""
}

func TestPromtoolTakesTheRules(t *testing.T) {
	program := promtool(t)
	none := input("site-a", "site-b")
	none.Config.Deployments[0].Sites[0].Infinispan = nil
	for name, c := range map[string]struct {
		in   manifests.Input
		want string
	}{
		"two sites":            {input("site-a", "site-b"), "SUCCESS: 1 rules found"},
		"four sites":           {input("a", "b", "c", "1"), "SUCCESS: 3 rules found"},
		"no metric":            {none, "SUCCESS: 0 rules found"},
		"heartbeat":            {beating(input("site-a", "site-b")), "SUCCESS: 2 rules found"},
		"heartbeat, no metric": {beating(none), "SUCCESS: 1 rules found"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, file := range []string{rules(t, c.in), operatorRules(t, c.in)} {
				if out := run(t, program, "check", "rules", "--lint=all", "--lint-fatal", file); !strings.Contains(out, c.want) {
					t.Errorf("promtool says %s", out)
				}
			}
		})
	}
}

// beating is the input with a heartbeat.
func beating(in manifests.Input) manifests.Input {
	in.Config.Deployments = slices.Clone(in.Config.Deployments)
	in.Config.Deployments[0].HeartbeatSilence = 15 * time.Minute
	return in
}

// The heartbeat always fires, with and without the metric, and by the label
// namespace the operator routes it.
func TestPromtoolHearsTheHeartbeat(t *testing.T) {
	program, in := promtool(t), beating(input("site-a", "site-b"))
	for file, more := range map[string]map[string]string{rules(t, in): nil, operatorRules(t, in): {"namespace": "keycloak"}} {
		u := testOf{Interval: "5s", Series: []series{}}
		labels := map[string]string{"accelerator": accelerator, "reporter": "site-a", "severity": "none"}
		maps.Copy(labels, more)
		for _, at := range []string{"0s", "30s", "60s", "1h"} {
			u.Alerts = append(u.Alerts, alertTest{At: at, Name: "Watchdog", Alerts: []expected{{labels, map[string]string{
				"summary":     "The heartbeat of site-a: it always fires",
				"description": "Nothing to do. Sitefence counts it, and an alarm rings when none of site-a was heard for 15m.",
				"runbook_url": config.DefaultRunbooks + "/site-silent.md",
			}}}})
		}
		test(t, program, file, u)
	}
}

// The heartbeat goes to Sitefence and to nobody else; Prometheus' own Watchdog,
// and that of another accelerator, go where they went before.
func TestAmtoolRoutesTheHeartbeat(t *testing.T) {
	program, err := alertmanager.SetupTool(t.Context(), "")
	program = need(t, program, err)
	files, err := manifests.Prometheus(beating(input("site-a", "site-b")))
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, manifests.AlertmanagerFile, files[manifests.AlertmanagerFile])
	run(t, program, "check-config", file)
	for labels, receivers := range map[string]string{
		"alertname=Watchdog reporter=site-a accelerator=" + accelerator: "sitefence",
		"alertname=Watchdog":                                "people",
		"alertname=Watchdog accelerator=x.example.com":      "people",
		"alertname=SiteOffline accelerator=" + accelerator:  "sitefence,people",
		"alertname=KeycloakSlow accelerator=" + accelerator: "people",
	} {
		t.Run(labels, func(t *testing.T) {
			args := append([]string{"config", "routes", "test", "--config.file=" + file, "--verify.receivers=" + receivers}, strings.Fields(labels)...)
			run(t, program, args...)
		})
	}
}

func TestAmtoolTakesTheConfiguration(t *testing.T) {
	program, err := alertmanager.SetupTool(t.Context(), "")
	program = need(t, program, err)
	files, err := manifests.Prometheus(input("site-a", "site-b"))
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, manifests.AlertmanagerFile, files[manifests.AlertmanagerFile])
	if out := run(t, program, "check-config", file); !strings.Contains(out, "2 receivers") {
		t.Errorf("amtool says %s", out)
	}
	for alert, receivers := range map[string]string{"SiteOffline": "sitefence,people", "KeycloakSlow": "people"} {
		t.Run(alert, func(t *testing.T) {
			run(t, program, "config", "routes", "test", "--config.file="+file, "--verify.receivers="+receivers, "alertname="+alert)
		})
	}
}
