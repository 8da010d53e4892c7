package contract

import (
	"errors"
	"fmt"
	"time"
)

// InspectInput asks the Inspect function for all there is to see of its
// deployment.
type InspectInput struct {
	Version    string `json:"version"`
	Deployment string `json:"deployment"`
	// Drift asks for a check by the schedule: only what drift is judged by is read,
	// and what is found is counted, for the alarms.
	Drift bool `json:"drift,omitempty"`
}

// Inspection is a deployment as it is now. What could not be read has a Problem
// in its place; the rest is there nevertheless.
type Inspection struct {
	Version     string           `json:"version"`
	Deployment  string           `json:"deployment"`
	Release     string           `json:"release"` // of the function
	InspectedAt time.Time        `json:"inspectedAt"`
	Accelerator AcceleratorState `json:"accelerator"`
	Sites       []SiteState      `json:"sites"` // in the configuration's order
	Pause       *Pause           `json:"pause,omitempty"`
	// WebhookUser is who may post alerts, as deployed; no secret.
	WebhookUser string `json:"webhookUser,omitempty"`
	// PauseProblem says that the pause parameter is broken: nothing is paused.
	PauseProblem string `json:"pauseProblem,omitempty"`
	// Rules are the stack's rules on the bus that concern this deployment.
	Rules []RuleState `json:"rules,omitempty"`
	// Running are the fences and restores that run; RunningProblem why some are unknown.
	Running        []Execution `json:"running,omitempty"`
	RunningProblem *Problem    `json:"runningProblem,omitempty"`
	// Drift is what all of the above is judged to mean; empty when it is as it should be.
	Drift []DriftFinding `json:"drift,omitempty"`
}

// Problem is one of the contract's errors.
type Problem struct {
	Type   string `json:"type"` // Transient, Refused or Misconfigured
	Reason Reason `json:"reason"`
	Text   string `json:"text"`
}

// AcceleratorState is the accelerator as a whole.
type AcceleratorState struct {
	ARN      string   `json:"arn"`
	DNSNames []string `json:"dnsNames"` // as AWS names them
	Status   string   `json:"status"`   // DEPLOYED or IN_PROGRESS
	Enabled  bool     `json:"enabled"`
	// Listeners is their number.
	Listeners int `json:"listeners"`
	// Configured are the names that the deployed configuration expects: what an
	// alert's label may say.
	Configured   []string `json:"configured,omitempty"`
	Unattributed []string `json:"unattributed,omitempty"` // load balancers of no configured site
	Problem      *Problem `json:"problem,omitempty"`
}

// SiteState is one site.
type SiteState struct {
	Name      Site         `json:"name"`
	Standing  SiteEvidence `json:"standing"`
	Endpoints []Endpoint   `json:"endpoints"` // in the accelerator; never null
	// Targets are the target groups' healthy and registered targets behind the
	// site's load balancers in the accelerator; TargetsProblem why they are unknown.
	Targets        *Targets `json:"targets,omitempty"`
	TargetsProblem *Problem `json:"targetsProblem,omitempty"`
	// Infinispan is absent for a site without one.
	Infinispan *ClusterState `json:"infinispan,omitempty"`
}

// Targets counts load balancer targets.
type Targets struct {
	Healthy int `json:"healthy"`
	Total   int `json:"total"`
}

// ClusterState is one site's Infinispan.
type ClusterState struct {
	// Problem is why its sites view could not be read: reached, trusted, let in,
	// and the site that it is configured as.
	Problem  *Problem `json:"problem,omitempty"`
	Verified bool     `json:"verified"` // its certificate is verified
	Sees     []Site   `json:"sees"`     // itself included
	// Backups are the sites that it replicates to: online, offline, mixed. Of a
	// configured site that it does not replicate to there is nothing.
	Backups map[Site]string `json:"backups"`
	// BackupsProblem is why they are unknown. What needs no ADMIN may be readable
	// nevertheless.
	BackupsProblem *Problem `json:"backupsProblem,omitempty"`
	// Caches are those that have a backup, each with the status by site.
	Caches map[string]map[Site]string `json:"caches"`
	// CachesProblem is why they are unknown.
	CachesProblem *Problem `json:"cachesProblem,omitempty"`
}

// Validate names every field that is not as it must be.
func (in InspectInput) Validate() error {
	var problems []error
	if in.Version != Version {
		problems = append(problems, fmt.Errorf("version: got %.60q, want %q", in.Version, Version))
	}
	if !NamePattern.MatchString(in.Deployment) {
		problems = append(problems, fmt.Errorf("deployment: got %.60q, want a deployment's name", in.Deployment))
	}
	return errors.Join(problems...)
}

// ProblemOf is a Problem in place of an error, nil for nil. An error of none of
// the contract's types is Transient, as at a handler's edge.
func ProblemOf(err error) *Problem {
	switch e := Edge(err).(type) { //nolint:errorlint // Edge gives exactly one of the three, unwrapped
	case *Misconfigured:
		return &Problem{"Misconfigured", e.Reason, e.Text}
	case *Refused:
		return &Problem{"Refused", e.Reason, e.Text}
	case *Transient:
		return &Problem{"Transient", e.Reason, e.Text}
	}
	return nil
}
