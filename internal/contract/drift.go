package contract

// DriftReason is the stable code of what a check for drift found.
type DriftReason string

// What a check finds. internal/drift says when, and what is left alone.
const (
	// FencedSiteBack: a site is in the accelerator while another one there does not
	// replicate to it. Users at one of them do not see what users at the other do.
	FencedSiteBack DriftReason = "fenced-site-back"
	// ReplicatesToAbsentSite: a site in the accelerator still replicates to one that
	// is not, so its writes fail with the link.
	ReplicatesToAbsentSite DriftReason = "replicates-to-absent-site"
	OneSiteLeft            DriftReason = "one-site-left"
	NoSiteLeft             DriftReason = "no-site-left"
	UntaggedEndpoint       DriftReason = "untagged-endpoint"
	AcceleratorNotFound    DriftReason = "accelerator-not-found"
	RuleDisabled           DriftReason = "rule-disabled" // or gone
	CannotLook             DriftReason = "cannot-look"
)

// DriftFinding is one thing that is not as it should be.
type DriftFinding struct {
	Reason DriftReason `json:"reason"`
	// Site is whom it is about, if it is about one.
	Site     Site   `json:"site,omitempty"`
	Evidence string `json:"evidence"`
}

// RuleState is one of the stack's rules on the bus.
type RuleState struct {
	Name    string   `json:"name"`
	State   string   `json:"state"` // as EventBridge says it; empty if it could not be read
	Problem *Problem `json:"problem,omitempty"`
}

// Execution is an execution that runs now.
type Execution struct {
	Machine string `json:"machine"` // fence or restore
	Name    string `json:"name"`
}
