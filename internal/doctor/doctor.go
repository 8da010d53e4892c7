// Package doctor says whether a deployment is ready for the bad night: each thing
// that a fence needs is a row that is ok, a warning or failed, with what to do.
//
// Look reads everything side by side, each read with a bounded time, and changes
// nothing; Examine makes the rows of it and is a function of what was read.
package doctor

import (
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/release"
)

// Status is how a row ends.
type Status string

// The statuses, from the best to the worst. A warning is what does not stop a
// fence, or what could not be looked at.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Failed  Status = "failed"
)

// Check names what a row is about. The names are part of the JSON output: they stay.
type Check string

// The checks of the stack, of each deployment, and of each site.
//
//nolint:gosec // names, not credentials
const (
	WebhookSecret Check = "webhook-secret"
	IngestAccepts Check = "ingest-accepts"
	IngestRefuses Check = "ingest-refuses"
	Subscribed    Check = "topic-subscribed"
	Notices       Check = "notices-enabled"
	Release       Check = "release"

	Inspected     Check = "inspected"
	Accelerator   Check = "accelerator"
	Names         Check = "accelerator-names"
	Attributed    Check = "endpoints-attributed"
	Rule          Check = "rule-enabled"
	Pause         Check = "pause"
	Idle          Check = "idle"
	Configuration Check = "configuration"

	Serving     Check = "serving"
	Targets     Check = "targets"
	FenceState  Check = "fence-state"
	Secret      Check = "infinispan-secret"
	Reachable   Check = "infinispan-reachable"
	LocalSite   Check = "infinispan-local-site"
	Admin       Check = "infinispan-admin"
	Link        Check = "infinispan-link"
	Replication Check = "infinispan-replication"
)

// Row is one thing that was checked.
type Row struct {
	Deployment string        `json:"deployment,omitempty"` // empty: the stack
	Site       contract.Site `json:"site,omitempty"`
	Check      Check         `json:"check"`
	Status     Status        `json:"status"`
	Found      string        `json:"found"`
	Do         string        `json:"do,omitempty"` // empty when ok
}

// Report is the answer of the command, in the shape of its JSON output.
type Report struct {
	Version   string    `json:"version"` // of this shape
	Stack     string    `json:"stack"`
	Release   string    `json:"release"` // of the command
	CheckedAt time.Time `json:"checkedAt"`
	Status    Status    `json:"status"` // the worst of the rows
	Rows      []Row     `json:"rows"`
}

// NewReport sums rows up.
func NewReport(stack string, at time.Time, rows []Row) Report {
	r := Report{Version: "1", Stack: stack, Release: release.Version, CheckedAt: at.UTC(), Status: OK, Rows: rows}
	for _, row := range rows {
		if row.Status == Failed || row.Status == Warning && r.Status == OK {
			r.Status = row.Status
		}
	}
	return r
}

// ExitCode is what the command exits with: 0 all ok, 1 warnings, 2 something
// failed.
func (r Report) ExitCode() int {
	return map[Status]int{OK: 0, Warning: 1, Failed: 2}[r.Status]
}

// Count is how many rows have the status.
func (r Report) Count(s Status) (n int) {
	for _, row := range r.Rows {
		if row.Status == s {
			n++
		}
	}
	return n
}
