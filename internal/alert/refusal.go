package alert

import "log/slog"

// Reason is the stable code for why an alert made no event.
type Reason string

// The reasons for which there is nothing to do, and that is fine.
const (
	Resolved   Reason = "resolved"
	OtherAlert Reason = "other-alert" // alertname is not SiteOffline
	Duplicate  Reason = "duplicate"   // another alert of this webhook says the same
)

// The reasons that an operator must look into: a firing alert that ends in
// nothing.
const (
	Malformed          Reason = "malformed"  // no object, or a field of the wrong type
	BadStatus          Reason = "bad-status" // neither firing nor resolved
	NoAccelerator      Reason = "no-accelerator-label"
	NoReporter         Reason = "no-reporter-label"
	NoSite             Reason = "no-site-label"
	UnknownAccelerator Reason = "unknown-accelerator"
	UnknownReporter    Reason = "unknown-reporter"
	UnknownSite        Reason = "unknown-site"
	ReporterIsSite     Reason = "reporter-is-site"
	BadFingerprint     Reason = "bad-fingerprint" // want 16 lower-case hex digits
	BadStartsAt        Reason = "bad-starts-at"   // want RFC 3339, since 1970, at most MaxAhead from now
)

// Reasons are all reasons, for tests and documents.
var Reasons = []Reason{
	Resolved, OtherAlert, Duplicate, Malformed, BadStatus, NoAccelerator, NoReporter, NoSite,
	UnknownAccelerator, UnknownReporter, UnknownSite, ReporterIsSite, BadFingerprint, BadStartsAt,
}

// Harmless reports whether the reason means that there was nothing to do.
func (r Reason) Harmless() bool { return r == Resolved || r == OtherAlert || r == Duplicate }

// maxLogged bounds a label's value in a log, in bytes. A name of a site or an
// accelerator is shorter.
const maxLogged = 128

// Refusal is an alert that made no event. Its texts come from a stranger: they
// are cut, and must only be logged by a handler that escapes.
type Refusal struct {
	Index       int // of the alert in the webhook
	Reason      Reason
	Alert       string // alertname
	Accelerator string
	Reporter    string
	Site        string
	Fingerprint string
}

func refuse(index int, a one, reason Reason) Refusal {
	return Refusal{
		Index: index, Reason: reason,
		Alert:       cut(a.labels.alertname, maxLogged),
		Accelerator: cut(a.labels.accelerator, maxLogged),
		Reporter:    cut(a.labels.reporter, maxLogged),
		Site:        cut(a.labels.site, maxLogged),
		Fingerprint: cut(a.fingerprint, maxLogged),
	}
}

// Harmless reports whether nobody needs to look into it. A Watchdog that is no
// heartbeat is harmless: where one is awaited its silence has an alarm, and where
// none is, it would page every few minutes for nothing.
func (r Refusal) Harmless() bool { return r.Reason.Harmless() || r.Alert == Watchdog }

// Attrs are the refusal's fields under the log's fixed keys.
func (r Refusal) Attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("reason", string(r.Reason)), slog.Int("index", r.Index), slog.String("alert", r.Alert),
		slog.String("accelerator", r.Accelerator), slog.String("reporter", r.Reporter), slog.String("site", r.Site),
		slog.String("fingerprint", r.Fingerprint),
	}
}
