package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/history"
)

// noticed is how long a state that says nothing must take to be shown.
const noticed = 20 * time.Millisecond

func partOf(role string, e history.Execution, steps []history.Step, now time.Time) Part {
	p := Part{Role: role, ARN: e.ARN, Status: string(e.Status), Started: e.Started, Stopped: e.Stopped, Moments: []Moment{}, steps: steps}
	for i, s := range steps {
		last := i == len(steps)-1
		m := Moment{State: s.State, From: s.From, Seconds: s.Took(now).Seconds(), Text: textOf(s)}
		if last && e.Status != types.ExecutionStatusSucceeded {
			p.In = s.State
			m.Failed = e.Closed()
		}
		if last || m.Text != "" || s.Took(now) >= noticed {
			p.Moments = append(p.Moments, m)
		}
	}
	return p
}

// textOf is what came out of a step, in words.
func textOf(s history.Step) string {
	var words []string
	if s.Tries > 0 {
		words = append(words, fmt.Sprintf("%s failed, the last with %s", count(s.Tries, "try", "tries"), s.LastError))
	}
	if c, ok := s.Check(); ok {
		words = append(words, fmt.Sprintf("%s, %s", c.Decision, c.Reason))
		words = append(words, evidence(c)...)
	}
	if text := answer(s); text != "" {
		words = append(words, text)
	}
	return strings.Join(words, "; ")
}

// answer is what a step that acts (or would) said.
func answer(s history.Step) string {
	if s.Output == "" {
		return ""
	}
	switch s.State {
	case "UpdateAccelerator", "RehearseUpdate", "PutBack":
		var u contract.Update
		if json.Unmarshal([]byte(s.Output), &u) != nil {
			return ""
		}
		switch {
		case u.DryRun:
			return "would remove " + count(len(u.Planned), "endpoint", "endpoints")
		case s.State == "PutBack":
			return "put back " + count(len(u.Added), "endpoint", "endpoints")
		}
		return "removed " + count(len(u.Removed), "endpoint", "endpoints")
	case "TakeOffline", "KeepTakingOffline", "RehearseOffline":
		var o contract.Offline
		if json.Unmarshal([]byte(s.Output), &o) != nil || o.Backup == "" {
			return ""
		}
		if o.DryRun {
			return fmt.Sprintf("replication is %s; would stop for %s", o.Backup, list(o.Caches))
		}
		return fmt.Sprintf("replication is %s, proven; caches: %s", o.Backup, list(o.Caches))
	case "Check", "Clear", "Push", "Progress", "Finish", "AwaitKeycloak", "Undo":
		var r contract.Resync
		if json.Unmarshal([]byte(s.Output), &r) != nil {
			return ""
		}
		return resync(r)
	}
	return ""
}

func resync(r contract.Resync) string {
	var words []string
	for _, f := range r.Checks {
		mark := "ok"
		if !f.OK {
			mark = "NOT ok"
		}
		words = append(words, fmt.Sprintf("%s: %s (%s)", f.What, mark, f.Text))
	}
	if len(r.Caches) > 0 {
		words = append(words, "emptied "+list(r.Caches))
	}
	if p := r.Push; p != nil {
		words = append(words, fmt.Sprintf("%d of %d caches transferred", p.OK, p.Total))
	}
	for _, l := range r.Links {
		words = append(words, link(l))
	}
	return strings.Join(words, "; ")
}

func link(l contract.Link) string {
	seen := "sees it"
	if !l.Sees {
		seen = "does not see it"
	}
	return fmt.Sprintf("%s to %s: %s, %s", l.From, l.To, l.Backup, seen)
}

// evidence is what a decision rests on, in words.
func evidence(c contract.Check) (words []string) {
	e := c.Evidence
	for _, name := range slices.Sorted(maps.Keys(e.Sites)) {
		s := e.Sites[name]
		health := ""
		if s.Unhealthy {
			health = ", unhealthy"
		}
		words = append(words, fmt.Sprintf("%s: %s, in service in %d of %s%s", name, count(s.Endpoints, "endpoint", "endpoints"), s.InService, count(s.Listeners, "listener", "listeners"), health))
	}
	if e.Sees != nil {
		words = append(words, fmt.Sprintf("%s sees %s", c.Reporter, list(e.Sees)))
	}
	if e.Backup != "" {
		words = append(words, "replication to "+string(c.Site)+": "+e.Backup)
	}
	for _, l := range e.Links {
		words = append(words, link(l))
	}
	if len(e.Unattributed) > 0 {
		words = append(words, "of no site: "+list(e.Unattributed))
	}
	if e.Trouble != "" {
		words = append(words, e.Trouble)
	}
	if p := e.Pause; p != nil {
		words = append(words, fmt.Sprintf("paused by %s until %s: %s", p.By, clock(p.Until), p.Reason))
	}
	if len(c.PassedOver) > 0 {
		words = append(words, "passed over: "+list(c.PassedOver))
	}
	return words
}

// began reports whether a fence may have written something.
func (r *Report) began() bool {
	for _, p := range r.Parts {
		for _, s := range p.steps {
			switch s.State {
			case "UpdateAccelerator", "TakeOffline", "KeepTakingOffline":
				return true
			}
		}
	}
	return false
}

// lastRecord are the site's endpoints as the last check that saw any had them.
func (r *Report) lastRecord() []contract.Endpoint {
	for _, p := range slices.Backward(r.Parts) {
		for _, s := range slices.Backward(p.steps) {
			if c, ok := s.Check(); ok && len(c.Record) > 0 {
				return c.Record
			}
		}
	}
	return nil
}

// in is the state in which the deciding execution is or failed.
func (r *Report) in(arn string) string {
	for _, p := range r.Parts {
		if p.ARN == arn {
			return p.In
		}
	}
	return ""
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func list[T ~string](all []T) string {
	if len(all) == 0 {
		return "none"
	}
	var words []string
	for _, one := range all {
		words = append(words, string(one))
	}
	return strings.Join(words, ", ")
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
