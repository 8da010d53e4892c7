package drilling

import (
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/history"
)

// Result is what a rehearsal has shown.
type Result struct {
	Reporter contract.Site `json:"reporter"`
	Site     contract.Site `json:"site"`
	// Rehearsed says that a real alert would have fenced the site.
	Rehearsed bool            `json:"rehearsed"`
	Outcome   history.Kind    `json:"outcome"`
	Reason    contract.Reason `json:"reason,omitempty"`
	// PassedOver is what would have held a real alert back now: a rehearsal of a
	// healthy pair passes over that the sites see each other.
	PassedOver []contract.Reason   `json:"passedOver"`
	Removed    []contract.Endpoint `json:"removed"`          // would be taken out of the accelerator
	Backup     string              `json:"backup,omitempty"` // replication to the site, as it is now
	Caches     []string            `json:"caches"`           // would stop replicating
	Notes      []string            `json:"notes"`
	Error      string              `json:"error,omitempty"`
	Cause      string              `json:"cause,omitempty"`
	Guard      string              `json:"guard"`           // execution name
	Fence      string              `json:"fence,omitempty"` // execution name
	Parts      []Part              `json:"parts"`
}

// Part is how long one part took.
type Part struct {
	What    string  `json:"what"`
	Seconds float64 `json:"seconds"`
}

// Clock notes when what happened; its zero value has seen nothing.
type Clock struct {
	Posting, Posted time.Time // by the clock of this machine
	write           time.Time
}

// Note is told of every event.
func (c *Clock) Note(e history.Event) {
	if e.Kind == history.Entered && e.State == "RehearseUpdate" && c.write.IsZero() {
		c.write = e.At
	}
}

// Judge makes the result of what came of the alert.
func Judge(a Alert, i history.Incident, c Clock) Result {
	last := i.Last()
	out := last.Out()
	r := Result{
		Reporter: a.Reporter, Site: a.Site, Outcome: i.Kind(), Rehearsed: i.Kind() == history.Rehearsed,
		Reason: out.Reason, PassedOver: out.PassedOver, Error: last.Error, Cause: last.Cause,
	}
	if out.Update != nil {
		r.Removed = out.Update.Planned
	}
	if out.Replication != nil {
		r.Backup, r.Caches, r.Notes = out.Replication.Backup, out.Replication.Caches, out.Replication.Notes
	}
	if i.Fence != nil {
		r.Fence = i.Fence.Name
	}
	if i.Guard != nil {
		r.Guard = i.Guard.Name
	}
	r.PassedOver, r.Removed = append([]contract.Reason{}, r.PassedOver...), append([]contract.Endpoint{}, r.Removed...)
	r.Caches, r.Notes = append([]string{}, r.Caches...), append([]string{}, r.Notes...)
	r.Parts = parts(i, c)
	return r
}

// parts leaves out what is not known.
func parts(i history.Incident, c Clock) []Part {
	all := []Part{}
	add := func(what string, from, to time.Time) {
		if !from.IsZero() && !to.IsZero() {
			all = append(all, Part{what, max(0, to.Sub(from).Seconds())})
		}
	}
	add("ingest took the alert", c.Posting, c.Posted)
	if i.Guard == nil {
		return all
	}
	received := i.Guard.In().ReceivedAt
	add("the bus started the guard", received, i.Guard.Started)
	add("the guard looked and took its turn", i.Guard.Started, i.Guard.Stopped)
	if i.Fence != nil {
		add("the fence rehearsed", i.Fence.Started, i.Fence.Stopped)
	}
	add("from the alert to where the first write would be", received, c.write)
	return all
}
