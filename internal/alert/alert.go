// Package alert reads what Alertmanager posts and decides which of it is a
// site offline that this configuration knows. No content of a webhook makes it
// fail as a whole once the webhook is one: a bad alert beside a good one never
// stops the good one.
package alert

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// Version is the webhook's version that is understood, the only one since
// Alertmanager 0.15.
const Version = "4"

// Name is the alertname of the alert that fences.
const Name = "SiteOffline"

// DrillLabel marks an alert of a drill. Its presence alone counts, whatever its
// value ("false" too): what might be a rehearsal must never fence.
const DrillLabel = "drill"

// MaxAhead is how far in the future an alert may have started: clocks differ,
// but a start beyond that would make the outage look young for ever.
const MaxAhead = 24 * time.Hour

// Select makes one event for each (deployment, reporter, site) of the webhook
// that is firing, in the order in which they first appear; of several alerts
// about the same the one that began first is kept. A drill is never about the
// same as a real outage: neither swallows the other. The heartbeats among the
// alerts are in beats, each once. Every alert that makes neither an event nor a
// heartbeat of its own is in refused, in order, with its reason.
func Select(w Webhook, deployments []config.IngestDeployment, receivedAt time.Time) (events []contract.Event, refused []Refusal, beats []Heartbeat) {
	type key struct {
		deployment     string
		reporter, site contract.Site
		dryRun         bool
	}
	type candidate struct {
		index int
		event contract.Event
		alert one
	}
	var kept []candidate
	// Once: it may be as long as the body, and there may be many alerts.
	groupKey := cut(w.GroupKey, contract.MaxGroupKey)
	at, heard, byName := map[key]int{}, map[Heartbeat]bool{}, knownOf(deployments)
	for i, raw := range w.alerts {
		a, ok := read(raw)
		if !ok {
			refused = append(refused, refuse(i, one{}, Malformed))
			continue
		}
		if a.labels.alertname == Watchdog {
			beat, reason := judgeHeartbeat(a, byName)
			if reason == "" && heard[beat] {
				reason = Duplicate
			}
			if reason != "" {
				refused = append(refused, refuse(i, a, reason))
			} else {
				beats, heard[beat] = append(beats, beat), true
			}
			continue
		}
		event, reason := judge(a, byName, receivedAt)
		if reason != "" {
			refused = append(refused, refuse(i, a, reason))
			continue
		}
		event.Alert.GroupKey = groupKey
		c := candidate{i, event, a}
		k := key{event.Deployment, event.Reporter, event.Site, event.DryRun}
		if n, seen := at[k]; !seen {
			at[k] = len(kept)
			kept = append(kept, c)
		} else {
			if before(event.Alert, kept[n].event.Alert) {
				kept[n], c = c, kept[n]
			}
			refused = append(refused, refuse(c.index, c.alert, Duplicate))
		}
	}
	for _, c := range kept {
		events = append(events, c.event)
	}
	slices.SortFunc(refused, func(a, b Refusal) int { return a.Index - b.Index })
	return events, refused, beats
}

// before orders alerts about the same outage, whatever their order in the body.
func before(a, b contract.Alert) bool {
	if c := a.StartsAt.Compare(b.StartsAt); c != 0 {
		return c < 0
	}
	return a.Fingerprint < b.Fingerprint
}

// judge makes an event of an alert, or says why not. Names in the event come
// from the configuration, never from a label.
func judge(a one, deployments known, receivedAt time.Time) (contract.Event, Reason) {
	switch {
	case a.status == "resolved":
		return contract.Event{}, Resolved
	case a.status != "firing":
		return contract.Event{}, BadStatus
	case a.labels.alertname != Name:
		return contract.Event{}, OtherAlert
	}
	event := contract.Event{
		Version: contract.Version, Accelerator: a.labels.accelerator,
		Reporter: contract.Site(a.labels.reporter), Site: contract.Site(a.labels.site),
		Alert: contract.Alert{Fingerprint: a.fingerprint}, ReceivedAt: stamp(receivedAt),
		DryRun: a.labels.drill,
	}
	d, reason := deployments.find(event.Accelerator)
	if reason != "" {
		return contract.Event{}, reason
	}
	event.Deployment = d.Name
	if reason := judgeSites(event, d.Sites); reason != "" {
		return contract.Event{}, reason
	}
	if !contract.ValidFingerprint(a.fingerprint) {
		return contract.Event{}, BadFingerprint
	}
	startsAt, err := time.Parse(time.RFC3339Nano, a.startsAt)
	// Go's zero time is how Alertmanager writes "no time".
	if err != nil || startsAt.Before(time.Unix(0, 0)) || startsAt.After(receivedAt.Add(MaxAhead)) {
		return contract.Event{}, BadStartsAt
	}
	event.Alert.StartsAt = stamp(startsAt)
	return event, ""
}

// known are the deployments by the names of their accelerators: looked up, so that an
// alert costs the same however many there are.
type known map[string]config.IngestDeployment

func knownOf(deployments []config.IngestDeployment) known {
	all := known{}
	for _, d := range deployments {
		for _, name := range d.DNSNames {
			if _, taken := all[name]; !taken { // the stack's names are unique over its deployments
				all[name] = d
			}
		}
	}
	return all
}

// find returns the deployment that an accelerator belongs to.
func (k known) find(accelerator string) (config.IngestDeployment, Reason) {
	if accelerator == "" {
		return config.IngestDeployment{}, NoAccelerator
	}
	d, ok := k[accelerator]
	if !ok {
		return config.IngestDeployment{}, UnknownAccelerator
	}
	return d, ""
}

func judgeSites(e contract.Event, sites []contract.Site) Reason {
	switch {
	case e.Reporter == "":
		return NoReporter
	case e.Site == "":
		return NoSite
	case !slices.Contains(sites, e.Reporter):
		return UnknownReporter
	case !slices.Contains(sites, e.Site):
		return UnknownSite
	case e.Reporter == e.Site:
		return ReporterIsSite
	}
	return ""
}

// stamp is a time as every reader of the event understands it: UTC and whole
// milliseconds (JSONata's $toMillis).
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// cut shortens s to at most n bytes without breaking a character.
func cut(s string, n int) string {
	// What is far beyond the cut is not looked at.
	s = strings.ToValidUTF8(s[:min(len(s), n+utf8.UTFMax)], "\uFFFD")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
