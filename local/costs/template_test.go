package costs_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// counts is how many there are of what costs money while nothing happens, and how
// much concurrency is reserved.
type counts struct{ alarms, metrics, dashboards, secrets, keys, schedules, reserved int }

func (c counts) plus(o counts, times int) counts {
	return counts{c.alarms + times*o.alarms, c.metrics + times*o.metrics, c.dashboards + times*o.dashboards,
		c.secrets + times*o.secrets, c.keys + times*o.keys, c.schedules + times*o.schedules, c.reserved + times*o.reserved}
}

type resource struct {
	Type       string
	Properties map[string]any
}

// deployed counts what the golden template has for the stack as a whole, and for
// one deployment, eu-prod, which has Infinispan at both sites; and it reads the
// functions' memory in GB.
func deployed(t *testing.T) (shared, each counts, memory float64) {
	t.Helper()
	data, err := os.ReadFile("../../infra/testdata/full.template.json")
	if err != nil {
		t.Fatal(err)
	}
	var template struct{ Resources map[string]resource }
	if err := json.Unmarshal(data, &template); err != nil {
		t.Fatal(err)
	}
	shared.metrics, each.metrics = series(t)
	for _, id := range slices.Sorted(maps.Keys(template.Resources)) {
		r := template.Resources[id]
		of := &shared
		switch {
		case strings.Contains(id, "shop"):
			continue // the other deployment
		case strings.Contains(id, "euprod"):
			of = &each
		}
		switch r.Type {
		case "AWS::CloudWatch::Alarm":
			of.alarms++
		case "AWS::CloudWatch::Dashboard":
			of.dashboards++
		case "AWS::SecretsManager::Secret":
			of.secrets++
		case "AWS::KMS::Key":
			of.keys++
		case "AWS::Scheduler::Schedule":
			of.schedules++
			if rate := r.Properties["ScheduleExpression"]; rate != "rate(5 minutes)" {
				t.Errorf("%s: schedule %v: the document reckons with rate(5 minutes)", id, rate)
			}
		case "AWS::Lambda::Function":
			if n, ok := r.Properties["ReservedConcurrentExecutions"].(float64); ok {
				of.reserved += int(n)
			}
			memory = max(memory, r.Properties["MemorySize"].(float64)/1024)
		}
	}
	return shared, each, memory
}
