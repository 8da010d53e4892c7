// Package contract owns everything that passes between the parts of Sitefence:
// the event on the bus, the input and output of every step of the two state
// machines, the decisions and reason codes, and the three error types.
//
// Contracts only grow. A running or redriven execution keeps the definition it
// was started with but calls the code of today, so a new field is optional and
// its zero value is the safe choice; no field changes its meaning and none goes
// away. The golden inputs in testdata hold every earlier release to that.
package contract

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Version is the value of the event's version field.
const Version = "1"

// Source and the detail types name Sitefence's events on the bus.
const (
	Source                = "sitefence"
	DetailTypeSiteOffline = "Site Offline"
	// DetailTypeStillTrying says that a fence removed endpoints and cannot yet
	// take replication offline: writes at the survivor still fail.
	DetailTypeStillTrying = "Take Offline Still Trying"
	DetailTypeSiteFenced  = "Site Fenced"
	// DetailTypeSiteRejoined says that a fenced site is back in the accelerator.
	DetailTypeSiteRejoined = "Site Rejoined"
	// DetailTypeFenceIgnored says that a report needed nothing, or met a pause.
	DetailTypeFenceIgnored = "Fence Ignored"
	// DetailTypeFenceFailed says that a guard or a fence ended in a Fail state.
	DetailTypeFenceFailed = "Fence Failed"
)

// Operation is what an event asks for. The zero value is a fence.
type Operation string

// OperationRejoin puts a fenced site back into the accelerator. It takes its turn
// as a fence does, so that it never runs beside one.
const OperationRejoin Operation = "rejoin"

// Site is the name of a site: the value of its load balancer's `site` tag and
// its name in Infinispan's cross-site configuration.
type Site string

// NamePattern is what a site's or a deployment's name looks like. It is narrow
// on purpose: a name becomes part of a URL path and of resource names.
var NamePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// Limits of the fields that a stranger fills in.
const (
	FingerprintDigits = 16
	MaxGroupKey       = 256 // bytes
	MaxOrder          = 512 // bytes of who asks, and of why
	// MaxEndpoints bounds what one rejoin puts back: 10 listeners with a group in
	// each of 10 Regions with 10 endpoints would be more than any quota allows.
	MaxEndpoints = 1000
)

var fingerprintPattern = regexp.MustCompile(`^[0-9a-f]{16}$`)

// ValidFingerprint reports whether s is an Alertmanager fingerprint: 16 lower
// case hex digits (a 64 bit FNV hash of the labels).
func ValidFingerprint(s string) bool { return fingerprintPattern.MatchString(s) }

// Alert is what identifies the Alertmanager alert behind an event. It is for
// people and logs: nothing is decided by it but the age of the outage.
type Alert struct {
	Fingerprint string    `json:"fingerprint"`
	StartsAt    time.Time `json:"startsAt"`
	GroupKey    string    `json:"groupKey"`
}

// Event is the detail of a `Site Offline` event: reporter says that it cannot
// see site. It is also the input of the guard machine.
type Event struct {
	Version     string    `json:"version"`
	Deployment  string    `json:"deployment"`
	Accelerator string    `json:"accelerator"` // the label's DNS name, as configured
	Reporter    Site      `json:"reporter"`
	Site        Site      `json:"site"`
	Alert       Alert     `json:"alert"`
	ReceivedAt  time.Time `json:"receivedAt"`

	// DryRun makes a rehearsal of it: everything is read and decided, the writing
	// functions answer with their plan, nothing is changed. Only the label of a
	// drill's alert sets it, and nothing takes it away again.
	DryRun bool `json:"dryRun,omitempty"`
	// Operation is empty for a fence.
	Operation Operation `json:"operation,omitempty"`
	// Forced skips the question whether the site can be seen: a planned failover of
	// a healthy pair. Ingest never sets it, and the rule on the bus passes no event
	// that has it: only who may start the guard machine by IAM can.
	Forced bool `json:"forced,omitempty"`
	// Order is who asked for it and why, when no alert did.
	Order *Order `json:"order,omitempty"`
	// Endpoints are what a rejoin puts back, as the fence recorded them.
	Endpoints []Endpoint `json:"endpoints,omitempty"`
}

// Order is an operator's own wish. It is for people and logs; nothing is decided
// by it.
type Order struct {
	By     string `json:"by"`     // at most MaxOrder bytes
	Reason string `json:"reason"` // at most MaxOrder bytes
}

// Validate names every field that is not as it must be.
func (e Event) Validate() error {
	var problems []error
	want := func(ok bool, field, expected string, got any) {
		if !ok {
			problems = append(problems, fmt.Errorf("%s: got %.60q, want %s", field, fmt.Sprint(got), expected))
		}
	}
	want(e.Version == Version, "version", strconv.Quote(Version), e.Version)
	want(NamePattern.MatchString(e.Deployment), "deployment", "a deployment's name", e.Deployment)
	want(NamePattern.MatchString(string(e.Reporter)), "reporter", "a site's name", e.Reporter)
	want(NamePattern.MatchString(string(e.Site)), "site", "a site's name", e.Site)
	want(e.Reporter != e.Site || e.Site == "", "site", "another site than the reporter", e.Site)
	want(!e.ReceivedAt.IsZero(), "receivedAt", "the time the alert was received, RFC 3339", "")
	e.validateOrder(want)
	return errors.Join(problems...)
}

// validateOrder looks at the fields that no alert of a real outage has.
func (e Event) validateOrder(want func(ok bool, field, expected string, got any)) {
	rejoin := e.Operation == OperationRejoin
	want(rejoin || e.Operation == "", "operation", `nothing (a fence) or "rejoin"`, e.Operation)
	want(!rejoin || !e.DryRun && !e.Forced, "operation", "a rejoin without dryRun and forced", e.Operation)
	want(!e.DryRun || !e.Forced, "forced", "not beside dryRun", e.Forced)
	want(rejoin == (len(e.Endpoints) > 0), "endpoints", "the endpoints to put back with a rejoin, and none without", len(e.Endpoints))
	want(len(e.Endpoints) <= MaxEndpoints, "endpoints", fmt.Sprintf("at most %d", MaxEndpoints), len(e.Endpoints))
	if e.Order != nil {
		want(e.Order.By != "" && len(e.Order.By) <= MaxOrder, "order.by", fmt.Sprintf("a name of 1 to %d bytes", MaxOrder), e.Order.By)
		want(len(e.Order.Reason) <= MaxOrder, "order.reason", fmt.Sprintf("at most %d bytes", MaxOrder), e.Order.Reason)
	}
	want(e.Order != nil || !e.Forced && !rejoin, "order", "who asks for it and why", "")
}

// Generation is the number in a fence execution's name, its fencing token: a
// step of a lower generation than the highest one that exists must not act.
type Generation int

var generationPattern = regexp.MustCompile(`^fence-([1-9][0-9]{0,8})$`)

// ParseGeneration reads the generation from a fence execution's name. It is
// false for any name that the guard machine would not have given.
func ParseGeneration(execution string) (Generation, bool) {
	m := generationPattern.FindStringSubmatch(execution)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return Generation(n), err == nil
}

func (g Generation) String() string { return "fence-" + strconv.Itoa(int(g)) }
