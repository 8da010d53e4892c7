package infra

import (
	"time"

	emf "github.com/sitefence/sitefence/internal/metric"
)

// own is a metric that a function counts in its log by itself.
func own(function *string, name string) metric {
	return metric{emf.Namespace, name, "Sum", map[string]*string{emf.Dimension: function}}
}

// throttleAlarms are one for each function of a fence. What a throttle stops is
// tried again by the machines, but it says that the account runs out of concurrency,
// and the next minute a fence may need it.
//
// Resync and Inspect have none: a restore that is throttled for long fails, which
// pages; checks for drift that do not run page; and a person who calls sees it.
func throttleAlarms(d Deployment) []alarm {
	var all []alarm
	for _, name := range fenceSteps() {
		a := alarm{
			name: d.Name + "-" + name + "-throttled", runbook: "function-throttled",
			do: "See whether the account is out of concurrency: Lambda refused to run " + name + " of " + d.Name + ", which a fence may need now.",
			metric: metric{"AWS/Lambda", "Throttles", "Sum", map[string]*string{
				"FunctionName": d.Functions[name].FunctionName(),
			}},
			recovers: true,
		}
		// It runs once at a time, so that two executions wait for each other by
		// design: a throttle is news when it lasts.
		if name == "updateaccelerator" {
			a.minutes = 3
		}
		all = append(all, a)
	}
	return all
}

// pauseAlarm: a pause that does not hold is not what its maker believes.
func pauseAlarm(d Deployment) alarm {
	return alarm{
		name: d.Name + "-pause-broken", runbook: "pause-broken",
		do:     "Run `sitefence resume`, or pause anew: the pause of " + d.Name + " cannot be read, so nothing is paused, and a report that comes now fences.",
		metric: own(d.Functions["checkhealth"].FunctionName(), emf.BrokenPauses),
	}
}

// silentAlarms are one for each site of a deployment with a heartbeat. Minutes
// without a heartbeat have no data, which is what is bad.
func silentAlarms(i Ingest, d Deployment) []alarm {
	if d.HeartbeatSilence == 0 {
		return nil
	}
	var all []alarm
	for _, site := range d.Sites {
		m := own(i.Function.FunctionName(), emf.Heartbeats)
		name, reporter := d.Name, string(site)
		m.dimensions[emf.Deployment], m.dimensions[emf.Reporter] = &name, &reporter
		all = append(all, alarm{
			name: d.Name + "-" + reporter + "-silent", runbook: "site-silent",
			do: "Find out why " + reporter + " of " + d.Name + " is silent: no heartbeat of its Alertmanager was heard for " +
				minutesText(d.HeartbeatSilence) + ", so a report of it would not be heard either.",
			metric: m, silence: true, periods: int(d.HeartbeatSilence / time.Minute), recovers: true,
		})
	}
	return all
}
