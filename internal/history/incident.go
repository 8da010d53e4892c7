package history

import (
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/sitefence/sitefence/internal/contract"
)

// Kind is how an incident (or a restore) ended, in one word.
type Kind string

// The kinds. Undecided and KindFailed changed nothing or not all: a human must act.
const (
	Running       Kind = "running"
	Waiting       Kind = "waiting" // for its turn, or to look again
	Fenced        Kind = "fenced"
	Rejoined      Kind = "rejoined"
	Rehearsed     Kind = "rehearsed"
	Ignored       Kind = "ignored"
	Paused        Kind = "paused"
	Undecided     Kind = "undecided"
	KindFailed    Kind = "failed"
	InSync        Kind = "in-sync"        // a restore: the data is equal
	RejoinStarted Kind = "rejoin-started" // a restore: the rest is a guard's incident of its own
	Undone        Kind = "undone"         // a restore: replication to the site is offline again
	Unknown       Kind = "unknown"        // not one of ours, or it could not be read
)

// Output is what the machines' Succeed states put out, of all three machines.
type Output struct {
	Outcome     string              `json:"outcome"`
	Deployment  string              `json:"deployment"`
	Survivor    contract.Site       `json:"survivor"`
	Site        contract.Site       `json:"site"`
	Reason      contract.Reason     `json:"reason"`
	Evidence    contract.Evidence   `json:"evidence"`
	PassedOver  []contract.Reason   `json:"passedOver"`
	Update      *contract.Update    `json:"update"`
	Replication *contract.Offline   `json:"replication"`
	Record      []contract.Endpoint `json:"record"`
	Endpoints   []contract.Endpoint `json:"endpoints"`
	Fence       string              `json:"fence"` // of a guard: ARN of the fence execution
	Guard       string              `json:"guard"` // of a restore: ARN of the guard execution
	Caches      []string            `json:"caches"`
	Links       []contract.Link     `json:"links"`
}

// Out is the execution's output, as far as it is one of ours.
func (e Execution) Out() (o Output) {
	if e.Status == types.ExecutionStatusSucceeded {
		lenient(e.Output, &o)
	}
	return o
}

// Input is what the machines are started with: an event, and what the guard adds
// for a fence, or the command for a restore.
type Input struct {
	contract.RestoreInput
	Guard string `json:"guard"` // of a fence: ARN of the guard execution
}

// In is the execution's input, as far as it is one of ours.
func (e Execution) In() (in Input) {
	lenient(e.Input, &in)
	return in
}

// lenient decodes what can be decoded: a field that is not as it must be leaves
// only that field (or a part of it) empty.
func lenient(text string, into any) {
	if json.Unmarshal([]byte(text), into) == nil {
		return
	}
	var fields map[string]json.RawMessage
	_ = json.Unmarshal([]byte(text), &fields)
	for name, value := range fields {
		one, err := json.Marshal(map[string]json.RawMessage{name: value})
		if err == nil {
			_ = json.Unmarshal(one, into)
		}
	}
}

var outcomes = map[string]Kind{
	"Fenced": Fenced, "Rejoined": Rejoined, "Rehearsed": Rehearsed, "Ignored": Ignored, "Paused": Paused,
	"InSync": InSync, "RejoinStarted": RejoinStarted, "Undone": Undone,
}

// Kind is how this one execution ended. A guard that started a fence is Running:
// its incident is not over before the fence is.
func (e Execution) Kind() Kind {
	switch {
	case !e.Closed():
		return Running
	case e.Status == types.ExecutionStatusFailed && e.Error == "Undecided":
		return Undecided
	case e.Status != types.ExecutionStatusSucceeded:
		return KindFailed
	}
	out := e.Out()
	if out.Outcome == "FenceStarted" {
		return Running
	}
	if kind, ok := outcomes[out.Outcome]; ok {
		return kind
	}
	return Unknown
}

// Incident is a guard execution and the fence execution that it started.
type Incident struct {
	Guard *Execution // nil when only the fence is known
	Fence *Execution // nil when the guard started none, or it is unknown
}

// Last is the execution that decides how the incident ended.
func (i Incident) Last() Execution {
	switch {
	case i.Fence != nil:
		return *i.Fence
	case i.Guard != nil:
		return *i.Guard
	}
	return Execution{}
}

// Kind is how the incident ended.
func (i Incident) Kind() Kind {
	last := i.Last()
	if i.Fence == nil && last.Out().Outcome == "FenceStarted" {
		return Unknown // its fence could not be read
	}
	return last.Kind()
}

// EndedWell reports whether the incident is over and nobody has to act because
// something failed.
func (k Kind) EndedWell() bool {
	switch k {
	case Fenced, Rejoined, Rehearsed, Ignored, Paused, InSync, RejoinStarted, Undone:
		return true
	}
	return false
}
