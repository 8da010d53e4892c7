package contract

import (
	"errors"
	"fmt"
	"time"
)

// Decision is what CheckHealth makes of the world.
type Decision string

// The decisions. Every Choice in the machines is over these.
const (
	Fence   Decision = "fence"   // remove the site, then take replication offline
	Ensure  Decision = "ensure"  // the site is gone already: take replication offline
	Ignore  Decision = "ignore"  // nothing to do, and that is fine
	Recheck Decision = "recheck" // may pass within minutes: look again
	// Rehearse is Fence or Ensure in a dry run. It is a word of its own, so that a
	// function of a release that knows no dry run refuses it instead of acting.
	Rehearse Decision = "rehearse"
	Rejoin   Decision = "rejoin" // put the site's endpoints back
)

// Reason is the stable code behind a decision or an error; operators search
// for it and the machines branch on it.
type Reason string

// The reasons of decisions.
const (
	Split                Reason = "split"
	FenceLost            Reason = "fence-lost"
	AlreadyFenced        Reason = "already-fenced"
	ReporterAbsent       Reason = "reporter-absent"
	SiteVisible          Reason = "site-visible"
	ReporterUnhealthy    Reason = "reporter-unhealthy"
	ReporterUnreachable  Reason = "reporter-unreachable"
	ReporterNotInService Reason = "reporter-not-in-service"
	WitnessUnreachable   Reason = "witness-unreachable" // more than two sites only
	UnattributedEndpoint Reason = "unattributed-endpoint"
	Paused               Reason = "paused" // the deployment is paused: nothing is begun
)

// The reasons of decisions about a rejoin.
const (
	InSync         Reason = "in-sync"         // rejoin: both sites replicate to each other
	AlreadyServing Reason = "already-serving" // ignore: nothing is left to put back
	Deploying      Reason = "deploying"       // recheck: put back, not yet deployed or healthy
	NotSeen        Reason = "not-seen"        // ignore: the sites do not see each other
	NotReplicating Reason = "not-replicating" // ignore: replication is not online in both directions
)

// The reasons of errors, beside those above.
const (
	WouldGoDark        Reason = "would-go-dark"         // Refused
	WentDark           Reason = "went-dark"             // Refused: seen by the read after the write
	Superseded         Reason = "superseded"            // Refused
	SitePresent        Reason = "site-present"          // Refused: takeoffline finds the site in the accelerator
	AlertTooOld        Reason = "alert-too-old"         // Refused: reporter without Infinispan
	BadInput           Reason = "bad-input"             // Misconfigured
	NoSiteAttributable Reason = "no-site-attributable"  // Misconfigured
	AccessDenied       Reason = "access-denied"         // Misconfigured: AWS
	NotFound           Reason = "not-found"             // Misconfigured: AWS
	SecretUnusable     Reason = "secret-unusable"       // Misconfigured
	BadCredentials     Reason = "bad-credentials"       // Misconfigured: Infinispan 401
	Forbidden          Reason = "forbidden"             // Misconfigured: Infinispan 403
	BackupUnknown      Reason = "backup-unknown"        // Misconfigured: Infinispan 404
	UntrustedCert      Reason = "untrusted-certificate" // Misconfigured
	WrongSite          Reason = "wrong-site"            // Misconfigured: the URL answers as another site
	StaleCheck         Reason = "stale-check"           // Transient
	NotProven          Reason = "not-proven"            // Transient: written, not yet seen
	Unavailable        Reason = "unavailable"           // Transient: throttled, timed out, 5xx
	NotFenced          Reason = "not-fenced"            // Refused: a restore of a site that is not fenced
	NothingToSync      Reason = "nothing-to-sync"       // Refused: a restore of sites without Infinispan needs no sync
	NotConfirmed       Reason = "not-confirmed"         // Refused: the operator did not confirm what only they can know
	BeingHandled       Reason = "being-handled"         // Refused: a guard, a fence or another restore is running
	PushFailed         Reason = "push-failed"           // Refused: state transfer to the site failed
	NotHealthy         Reason = "not-healthy"           // Transient: Keycloak at the site does not answer yet
)

// Endpoint is one endpoint of the record: enough to put it back by hand.
type Endpoint struct {
	Listener             string `json:"listener"` // ARN
	Group                string `json:"group"`    // ARN
	Endpoint             string `json:"endpoint"` // load balancer ARN
	Weight               int32  `json:"weight"`
	ClientIPPreservation bool   `json:"clientIPPreservation"`
}

// CheckInput is CheckHealth's input.
type CheckInput struct {
	Event
	// Execution is the asking execution's name, for the log.
	Execution string `json:"execution,omitempty"`
	// Begun is true once this fence execution may have written the accelerator.
	Begun bool `json:"begun,omitempty"`
}

// Check is CheckHealth's output.
type Check struct {
	Version    string     `json:"version"`
	Deployment string     `json:"deployment"`
	Reporter   Site       `json:"reporter"`
	Site       Site       `json:"site"`
	Decision   Decision   `json:"decision"`
	Reason     Reason     `json:"reason"`
	Present    bool       `json:"present"` // the site has an endpoint in the accelerator
	Record     []Endpoint `json:"record"`  // the site's endpoints, empty when absent; never null
	Evidence   Evidence   `json:"evidence"`
	CheckedAt  time.Time  `json:"checkedAt"` // when the look began
	// Yield is how many seconds the guard waits before its turn, because the report
	// is against the preferred site, and then looks again.
	Yield int `json:"yield,omitempty"`
	// PassedOver are the reasons that a rehearsal or a forced fence went over.
	PassedOver []Reason `json:"passedOver,omitempty"`
}

// Evidence is what the decision rests on, for the log and the console.
type Evidence struct {
	Sites        map[Site]SiteEvidence `json:"sites"`
	Unattributed []string              `json:"unattributed,omitempty"` // load balancers of no configured site
	// Sees is what the reporter's Infinispan has in its sites view.
	Sees []Site `json:"sees,omitempty"`
	// Backup is the status of the site's backup at the reporter: online,
	// offline, mixed, or "none" for a reporter without Infinispan.
	Backup string `json:"backup,omitempty"`
	// Trouble is why the reporter (or a witness) could not be asked.
	Trouble string `json:"trouble,omitempty"`
	// Pause is why nothing is begun.
	Pause *Pause `json:"pause,omitempty"`
	// Links are what a rejoin rests on: each site's view of, and replication
	// towards, the other.
	Links []Link `json:"links,omitempty"`
}

// Link is one direction between two sites.
type Link struct {
	From   Site   `json:"from"`
	To     Site   `json:"to"`
	Sees   bool   `json:"sees"`
	Backup string `json:"backup"` // status at From of its backup To
}

// SiteEvidence is one site's standing in the accelerator.
type SiteEvidence struct {
	Endpoints int  `json:"endpoints"`
	Listeners int  `json:"listeners"` // listeners in which it has an endpoint
	InService int  `json:"inService"` // listeners in which it is in service
	Unhealthy bool `json:"unhealthy"`
}

// ActInput is the input of UpdateAccelerator and TakeOffline. Execution is the
// fence execution's name; it carries the generation.
type ActInput struct {
	Event
	Execution string     `json:"execution"`
	Decision  Decision   `json:"decision"`
	CheckedAt time.Time  `json:"checkedAt"`
	Record    []Endpoint `json:"record"`
	// Repeated is true once UpdateAccelerator was called before in this
	// execution, so that the call may finish what an earlier one began.
	Repeated bool `json:"repeated,omitempty"`
	// Removed is true once UpdateAccelerator has said in this execution that it
	// removed something: in its output, or by RemovedSome in its error.
	Removed bool `json:"removed,omitempty"`
	// Unattributed are the load balancers of no site that the last check before
	// the first write saw.
	Unattributed []string `json:"unattributed,omitempty"`
}

// RemovedSome is in the text of an error of UpdateAccelerator that failed after
// it had removed something. The fence machine looks for it.
const RemovedSome = "this call removed endpoints"

// Validate names every field that is not as it must be.
func (in ActInput) Validate() error {
	problems := []error{in.Event.Validate()}
	if _, ok := ParseGeneration(in.Execution); !ok {
		problems = append(problems, fmt.Errorf(
			"execution: got %.60q, want the name of a fence execution that the guard started, fence-<n>", in.Execution))
	}
	if in.DryRun != (in.Decision == Rehearse) {
		problems = append(problems, fmt.Errorf(
			"decision: got %.40q with dryRun %t, want %q in a dry run and nowhere else", in.Decision, in.DryRun, Rehearse))
	}
	return errors.Join(problems...)
}

// Update is UpdateAccelerator's output.
type Update struct {
	Version string     `json:"version"`
	Removed []Endpoint `json:"removed"` // what this call removed; empty when all was gone before; never null
	// Added is what a rejoin put back.
	Added []Endpoint `json:"added,omitempty"`
	// DryRun says that nothing was written, and Planned what would have been removed.
	DryRun  bool       `json:"dryRun,omitempty"`
	Planned []Endpoint `json:"planned,omitempty"`
}

// Offline is TakeOffline's output.
type Offline struct {
	Version string `json:"version"`
	// Backup is the proven status of the site's backup at the reporter:
	// "offline", or "none" for a reporter without Infinispan.
	Backup string   `json:"backup"`
	Caches []string `json:"caches"` // the caches that no longer replicate
	// DryRun says that nothing was done: Backup is the status as it is, Caches are
	// those that would stop replicating, and Notes say what would have been refused.
	DryRun bool     `json:"dryRun,omitempty"`
	Notes  []string `json:"notes,omitempty"`
}
