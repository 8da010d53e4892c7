package alert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// MaxAlerts bounds the alerts of one webhook. A body of the largest size, 1 MiB,
// cannot hold as many as Alertmanager writes them: each takes 170 bytes and more.
const MaxAlerts = 8192

// Webhook is a decoded body; its alerts are not looked at yet.
type Webhook struct {
	GroupKey string
	// Truncated is how many alerts Alertmanager left out (max_alerts).
	Truncated uint64
	alerts    [][]byte // parts of the body
}

// What is wrong with a body as a whole. The texts name no part of the body.
var (
	ErrNotJSON    = errors.New("the body is no JSON")
	ErrNotWebhook = errors.New(`the body is no Alertmanager webhook: want an object with version "4" and a list of alerts`)
	ErrVersion    = errors.New(`the webhook's version is not supported: want "4"`)
	ErrTooMany    = fmt.Errorf("the webhook holds too many alerts: want at most %d", MaxAlerts)
)

// Decode reads a webhook's body, which must not change afterwards: the webhook
// holds parts of it. Its errors are ErrNotJSON, ErrNotWebhook, ErrVersion and
// ErrTooMany.
func Decode(body []byte) (Webhook, error) {
	if !json.Valid(body) {
		return Webhook{}, ErrNotJSON
	}
	var (
		w             Webhook
		version, list []byte
	)
	for name, value := range members(bytes.Trim(body, space)) {
		ok := true
		switch string(name) {
		case "version":
			_, ok = text(value)
			version = value
		case "groupKey":
			w.GroupKey, ok = text(value)
		case "truncatedAlerts":
			w.Truncated, ok = count(value)
		case "alerts":
			ok = begins(value, '[') || isNull(value)
			list = value
		}
		if !ok {
			return Webhook{}, ErrNotWebhook
		}
	}
	if !begins(version, '"') || !begins(list, '[') {
		return Webhook{}, ErrNotWebhook
	}
	if v, _ := text(version); v != Version {
		return Webhook{}, ErrVersion
	}
	for value := range inside(list) {
		if len(w.alerts) == MaxAlerts {
			return Webhook{}, ErrTooMany
		}
		w.alerts = append(w.alerts, value)
	}
	return w, nil
}

func count(value []byte) (uint64, bool) {
	if isNull(value) {
		return 0, true
	}
	n, err := strconv.ParseUint(string(value[:min(len(value), 30)]), 10, 64)
	return n, err == nil
}

// one is an alert with what is needed of it; the rest may be of any type.
type one struct {
	status, startsAt, fingerprint string
	labels                        labels
}

// labels are those that are needed.
type labels struct {
	alertname, accelerator, reporter, site string
	drill                                  bool // it is there
}

// read is false for what is no alert. What could be read before the wrong type
// is not to be trusted.
func read(value []byte) (one, bool) {
	if !begins(value, '{') {
		return one{}, false
	}
	var a one
	for name, value := range members(value) {
		ok := true
		switch string(name) {
		case "status":
			a.status, ok = text(value)
		case "labels":
			// Should labels come twice, a drill stays one.
			drill := a.labels.drill
			a.labels, ok = readLabels(value)
			a.labels.drill = a.labels.drill || drill
		case "startsAt":
			a.startsAt, ok = text(value)
		case "fingerprint":
			a.fingerprint, ok = text(value)
		}
		if !ok {
			return one{}, false
		}
	}
	return a, true
}

// readLabels is false when any label is no text, whether it is needed or not.
func readLabels(value []byte) (l labels, ok bool) {
	if !begins(value, '{') {
		return l, isNull(value)
	}
	for name, value := range members(value) {
		ok := begins(value, '"') || isNull(value)
		switch string(name) {
		case "alertname":
			l.alertname, ok = text(value)
		case "accelerator":
			l.accelerator, ok = text(value)
		case "reporter":
			l.reporter, ok = text(value)
		case "site":
			l.site, ok = text(value)
		case DrillLabel:
			l.drill = true
		}
		if !ok {
			return labels{}, false
		}
	}
	return l, true
}
