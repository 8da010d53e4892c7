package config

import "time"

// Drift is the scheduled check of each deployment: has anything put a fenced site
// back, or switched replication on again?
type Drift struct {
	Enabled bool `json:"enabled"` // default true
	// OneSiteLeftAfter is how long one site may serve alone before an alarm says so:
	// default DefaultOneSiteLeft, whole hours up to a week.
	OneSiteLeftAfter time.Duration `json:"oneSiteLeftAfter"`
}

// DefaultOneSiteLeft leaves a night and a working day to bring a site back.
const DefaultOneSiteLeft = 24 * time.Hour

// A CloudWatch alarm looks back over seven days at most, in periods of an hour
// (PutMetricAlarm, Period).
var oneSiteLeftRule = rule{"a number of hours from 1h to 168h, as 24h", pattern(`^([1-9]|[1-9]\d|1[0-5]\d|16[0-8])h$`), quote}

func (l *loader) drift(f field) Drift {
	o := f.object("enabled", "oneSiteLeftAfter")
	d := Drift{Enabled: o.optional("enabled").boolean(true), OneSiteLeftAfter: DefaultOneSiteLeft}
	if s := o.optional("oneSiteLeftAfter").match(oneSiteLeftRule); s != "" {
		d.OneSiteLeftAfter, _ = time.ParseDuration(s) // the rule allows nothing that fails
	}
	return d
}
