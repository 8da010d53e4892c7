package contract

import "time"

// News is what the machines put on the bus about themselves. It is at least once
// and best effort: nothing of Sitefence waits for it. docs/events.md is for those
// who read it.
type News struct {
	Version    string `json:"version"`
	Deployment string `json:"deployment"`
	// Reporter and Site are the report's. In Fence Ignored and Fence Failed they are
	// absent when somebody gave the machine an input without.
	Reporter  Site   `json:"reporter,omitempty"`
	Site      Site   `json:"site,omitempty"`
	Execution string `json:"execution"` // ARN of the execution that puts it
}

// SiteFenced is the detail of `Site Fenced`.
type SiteFenced struct {
	News
	Reason Reason     `json:"reason,omitempty"` // of the last check
	Backup string     `json:"backup"`           // offline, or none without Infinispan: proven
	Record []Endpoint `json:"record"`           // what was removed; never null
}

// StillTrying is the detail of `Take Offline Still Trying`.
type StillTrying struct {
	News
	Error string `json:"error"`
	Cause string `json:"cause"` // at most 2000 characters
}

// SiteRejoined is the detail of `Site Rejoined`.
type SiteRejoined struct {
	News
	Order     *Order     `json:"order,omitempty"`
	Endpoints []Endpoint `json:"endpoints"` // what is back
}

// Machine is which machine it is about.
type Machine string

// The machines that put Ended.
const (
	GuardMachine Machine = "guard"
	FenceMachine Machine = "fence"
)

// Ended is what Fence Ignored and Fence Failed share: whose end it is, and what the
// last check said. Without an answered check there are no Reason, CheckedAt and
// Evidence; Evidence is absent too when it is longer than 20,000 characters.
type Ended struct {
	News
	Machine Machine `json:"machine"`
	// Guard is the ARN of the guard execution: what to replay.
	Guard     string     `json:"guard,omitempty"`
	DryRun    bool       `json:"dryRun"`              // a rehearsal
	Operation Operation  `json:"operation,omitempty"` // of a rejoin
	Reason    Reason     `json:"reason,omitempty"`
	CheckedAt *time.Time `json:"checkedAt,omitempty"`
	Evidence  *Evidence  `json:"evidence,omitempty"`
}

// FenceIgnored is the detail of `Fence Ignored`: a report was answered, and nothing
// was begun.
type FenceIgnored struct {
	Ended
	Outcome string `json:"outcome"` // Ignored, or Paused
}

// FenceFailed is the detail of `Fence Failed`: a guard or a fence ends in a Fail
// state, with this error and cause.
type FenceFailed struct {
	Ended
	End   string `json:"end"` // the Fail state's name
	Error string `json:"error,omitempty"`
	Cause string `json:"cause"`
}
