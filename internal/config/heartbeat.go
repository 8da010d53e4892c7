package config

import "time"

// heartbeat reads how long a site's Watchdog alert may stay away; 0 for no heartbeat.
func heartbeat(f field) time.Duration {
	o := f.object("silence")
	if f.node == nil {
		return 0
	}
	s := o.required("silence").match(silenceRule)
	d, _ := time.ParseDuration(s) // the rule allows nothing that fails; "" is reported
	return d
}

// silenceRule: an alarm counts whole minutes, and fewer than five would ring for
// a restart of Prometheus.
var silenceRule = rule{"a number of minutes from 5m to 120m, as 15m", pattern(`^([5-9]|[1-9]\d|1[01]\d|120)m$`), quote}
