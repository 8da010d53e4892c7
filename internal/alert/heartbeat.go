package alert

import (
	"slices"

	"github.com/sitefence/sitefence/internal/contract"
)

// Watchdog is the alertname of a heartbeat: an alert that always fires and goes
// the way that SiteOffline would go.
const Watchdog = "Watchdog"

// Heartbeat says that a site's Alertmanager reaches ingest with the right
// password. Its names are of the configuration, never of a label, so that they
// may name a metric.
type Heartbeat struct {
	Deployment string
	Reporter   contract.Site
}

// judgeHeartbeat makes a heartbeat of a Watchdog alert, or says why not. Many a
// Prometheus has a Watchdog of its own, without our labels: that is another alert.
func judgeHeartbeat(a one, deployments known) (Heartbeat, Reason) {
	switch {
	case a.status == "resolved":
		return Heartbeat{}, Resolved
	case a.status != "firing":
		return Heartbeat{}, BadStatus
	case a.labels.accelerator == "" && a.labels.reporter == "":
		return Heartbeat{}, OtherAlert
	}
	d, reason := deployments.find(a.labels.accelerator)
	if reason != "" {
		return Heartbeat{}, reason
	}
	if a.labels.reporter == "" {
		return Heartbeat{}, NoReporter
	}
	i := slices.Index(d.Sites, contract.Site(a.labels.reporter))
	if i < 0 {
		return Heartbeat{}, UnknownReporter
	}
	return Heartbeat{d.Name, d.Sites[i]}, ""
}
