package contract

import (
	"errors"
	"fmt"
	"regexp"
)

// Phase is what a restore execution is started for.
type Phase string

// The phases of a restore. Sync brings the fenced site's data up to the
// survivor's; Rejoin, once Keycloak runs there again, puts it back into the
// accelerator; Undo stops replication to it again after a sync that did not end.
const (
	PhaseSync   Phase = "sync"
	PhaseRejoin Phase = "rejoin"
	PhaseUndo   Phase = "undo"
)

// Action is one step of a restore.
type Action string

// The actions of the Resync function. Only Clear, Push, Finish and Undo change
// something, and only in Infinispan.
const (
	ActionCheck    Action = "check"    // may a restore begin (or go on)?
	ActionClear    Action = "clear"    // empty the fenced site's caches
	ActionPush     Action = "push"     // start the state transfer
	ActionProgress Action = "progress" // how far is it?
	ActionFinish   Action = "finish"   // replication online in both directions, proven
	ActionReady    Action = "ready"    // is Keycloak healthy at the site, so that it may rejoin?
	ActionUndo     Action = "undo"     // stop replication to the site again
)

var restorePattern = regexp.MustCompile(`^restore-(0|[1-9][0-9]{0,8})-[1-9][0-9]{0,3}$`)

// ValidRestoreName reports whether an execution's name is one that the command
// gives: restore-<generation>-<attempt>.
func ValidRestoreName(execution string) bool { return restorePattern.MatchString(execution) }

// RestoreInput is the input of the restore machine, of which every step gets a
// copy. Its Reporter is the survivor; its Operation is OperationRejoin.
type RestoreInput struct {
	Event
	Phase Phase `json:"phase"`
	// Since is the newest fence execution's name when the restore was started, ""
	// if there was none. One that comes later ends the restore.
	Since string `json:"since"`
	// KeycloakStopped is the operator's word that nothing writes at the site.
	KeycloakStopped bool `json:"keycloakStopped,omitempty"`
}

// ResyncInput is the input of the Resync function.
type ResyncInput struct {
	RestoreInput
	Execution string `json:"execution"` // the restore execution's name
	Action    Action `json:"action"`
	// Caches are those that Clear answered.
	Caches []string `json:"caches,omitempty"`
	// Repeated is true when Finish was called before by the same state, so that the
	// call may finish what an earlier one began.
	Repeated bool `json:"repeated,omitempty"`
}

// Validate names every field that is not as it must be.
func (in ResyncInput) Validate() error {
	problems := []error{in.Event.Validate()}
	want := func(ok bool, field, expected string, got any) {
		if !ok {
			problems = append(problems, fmt.Errorf("%s: got %.60q, want %s", field, fmt.Sprint(got), expected))
		}
	}
	_, since := ParseGeneration(in.Since)
	want(since || in.Since == "", "since", "the name of a fence execution, fence-<n>, or nothing", in.Since)
	want(ValidRestoreName(in.Execution), "execution", "restore-<generation>-<attempt>", in.Execution)
	want(in.Operation == OperationRejoin, "operation", `"rejoin"`, in.Operation)
	want(in.Phase == PhaseSync || in.Phase == PhaseRejoin || in.Phase == PhaseUndo, "phase", "sync, rejoin or undo", in.Phase)
	return errors.Join(problems...)
}

// Resync is the Resync function's output.
type Resync struct {
	Version string    `json:"version"`
	Action  Action    `json:"action"`
	Checks  []Finding `json:"checks,omitempty"` // what Check and Ready looked at
	Caches  []string  `json:"caches,omitempty"` // Clear: those that were emptied
	// Push is the state of the transfer, of Push and Progress.
	Push *Push `json:"push,omitempty"`
	// Links are the proof of Finish and Undo.
	Links []Link `json:"links,omitempty"`
}

// Finding is one condition of a restore.
type Finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Text string `json:"text"` // what was seen and, if not OK, what to do
}

// Push is how far a state transfer is, in caches.
type Push struct {
	Done    bool     `json:"done"` // every cache has ended well
	Total   int      `json:"total"`
	OK      int      `json:"ok"`
	Sending []string `json:"sending,omitempty"`
}
