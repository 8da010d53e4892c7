package contract

import "time"

// InspectInput asks the Inspect function for all there is to see of its
// deployment.
type InspectInput struct {
	Version    string `json:"version"`
	Deployment string `json:"deployment"`
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
	// PauseProblem says that the pause parameter is broken: nothing is paused.
	PauseProblem string `json:"pauseProblem,omitempty"`
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
	Listeners    int      `json:"listeners"`
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
	Problem  *Problem `json:"problem,omitempty"`
	Verified bool     `json:"verified"` // its certificate is verified
	Sees     []Site   `json:"sees"`     // itself included
	// Backups are the sites that it replicates to: online, offline, mixed.
	Backups map[Site]string `json:"backups"`
	// Caches are those that have a backup, each with the status by site.
	Caches map[string]map[Site]string `json:"caches"`
}
