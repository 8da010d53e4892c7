// Package status makes one screen of what was read of a deployment: who serves,
// who replicates to whom, what runs, and in one sentence what is the matter. It
// reads nothing itself. What could not be read is named as such and never taken
// for good.
package status

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/history"
)

// Input is what was read.
type Input struct {
	Deployment string
	// Flags are what the commands in the texts need to reach the same deployment,
	// with a space before them, such as ` --deployment main`.
	Flags      string
	At         time.Time
	Inspection *contract.Inspection // nil: Problems say why
	Running    []history.Row
	LastFence  *history.Row
	Problems   []string // what could not be read
}

// Level is how bad it is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning" // works, but not as it should
	Bad     Level = "bad"     // users notice, or will at the next failure
)

// Status is one deployment's screen, and its JSON.
type Status struct {
	Deployment   string                     `json:"deployment"`
	At           time.Time                  `json:"at"`
	Level        Level                      `json:"level"`
	Headline     string                     `json:"headline"`
	Release      string                     `json:"release,omitempty"`
	Accelerator  *contract.AcceleratorState `json:"accelerator,omitempty"`
	Sites        []Site                     `json:"sites"`
	Pause        *contract.Pause            `json:"pause,omitempty"`
	PauseProblem string                     `json:"pauseProblem,omitempty"`
	Running      []history.Row              `json:"running"`
	LastFence    *history.Row               `json:"lastFence,omitempty"`
	Problems     []string                   `json:"problems"`
}

// Place is where a site stands in the accelerator.
type Place string

// The places.
const (
	In        Place = "in"         // in service in every listener
	Partly    Place = "partly"     // in service in some listeners only
	NoTraffic Place = "no-traffic" // present, in service nowhere: weight or traffic dial 0
	Out       Place = "out"
	NotKnown  Place = "unknown"
)

// Health is what the accelerator says of a site's endpoints.
type Health string

// The healths. One of a site that is not in service says nothing: it is empty.
const (
	Healthy   Health = "healthy"
	Unhealthy Health = "unhealthy"
)

// Site is one site.
type Site struct {
	Name        contract.Site     `json:"name"`
	Accelerator Place             `json:"accelerator"`
	Health      Health            `json:"health,omitempty"`
	Weights     []int32           `json:"weights"`
	Targets     *contract.Targets `json:"targets,omitempty"`
	Replication []Replication     `json:"replication"` // by the other site's name
	Problem     string            `json:"problem,omitempty"`
}

// Replication is one direction between two sites, read at the first.
type Replication struct {
	To     contract.Site `json:"to"`
	Backup Backup        `json:"backup"`
	Sees   Sight         `json:"sees"`
}

// Backup is what a site was told about replicating to another.
type Backup string

// The states of a backup.
const (
	Online        Backup = "online"
	Offline       Backup = "offline"
	Mixed         Backup = "mixed" // some caches online, some offline
	NoBackup      Backup = "none"
	UnknownBackup Backup = "unknown"
)

// Sight is whether a site sees another. What is not known is neither yes nor no.
type Sight string

// The sights.
const (
	Seen         Sight = "yes"
	NotSeen      Sight = "no"
	UnknownSight Sight = "unknown"
)

// Make puts the screen together.
func Make(in Input) Status {
	s := Status{Deployment: in.Deployment, At: in.At, Sites: []Site{}, Running: in.Running, LastFence: in.LastFence, Problems: slices.Clone(in.Problems)}
	if s.Running == nil {
		s.Running = []history.Row{}
	}
	if s.Problems == nil {
		s.Problems = []string{}
	}
	if i := in.Inspection; i != nil {
		s.Release, s.Accelerator, s.Pause, s.PauseProblem = i.Release, &i.Accelerator, i.Pause, i.PauseProblem
		for _, site := range i.Sites {
			s.Sites = append(s.Sites, siteOf(site, i))
		}
	}
	s.Level, s.Headline = headline(s, in.Flags)
	if p := s.Pause; p != nil {
		s.Headline += fmt.Sprintf(" PAUSED until %s: no alert fences; end it with `sitefence resume%s`.", clock(p.Until), in.Flags)
		s.Level = worse(s.Level, Warning)
	}
	return s
}

func siteOf(site contract.SiteState, i *contract.Inspection) Site {
	s := Site{Name: site.Name, Accelerator: place(site, i.Accelerator), Targets: site.Targets, Weights: []int32{}, Replication: []Replication{}}
	for _, e := range site.Endpoints {
		if !slices.Contains(s.Weights, e.Weight) {
			s.Weights = append(s.Weights, e.Weight)
		}
	}
	slices.Sort(s.Weights)
	if s.Accelerator == In || s.Accelerator == Partly {
		s.Health = Healthy
		if site.Standing.Unhealthy {
			s.Health = Unhealthy
		}
	}
	var problems []string
	if site.TargetsProblem != nil {
		problems = append(problems, site.TargetsProblem.Text)
	}
	if c := site.Infinispan; c != nil {
		for _, p := range []*contract.Problem{c.Problem, c.BackupsProblem} {
			if p != nil && !slices.Contains(problems, p.Text) {
				problems = append(problems, p.Text)
			}
		}
		s.Replication = replication(site.Name, c, i.Sites)
	}
	s.Problem = strings.Join(problems, "; ")
	return s
}

// replication is towards every other site that has an Infinispan, or that this
// one has a backup to.
func replication(from contract.Site, c *contract.ClusterState, sites []contract.SiteState) []Replication {
	all := []Replication{}
	for _, other := range sites {
		backup, has := c.Backups[other.Name]
		if other.Name == from || other.Infinispan == nil && !has {
			continue
		}
		r := Replication{To: other.Name, Backup: Backup(backup), Sees: NotSeen}
		switch {
		case c.BackupsProblem != nil:
			r.Backup = UnknownBackup
		case !has:
			r.Backup = NoBackup
		}
		switch {
		case c.Problem != nil:
			r.Sees = UnknownSight
		case slices.Contains(c.Sees, other.Name):
			r.Sees = Seen
		}
		all = append(all, r)
	}
	return all
}

func place(site contract.SiteState, a contract.AcceleratorState) Place {
	switch {
	case !placed(a):
		return NotKnown
	case site.Standing.Endpoints == 0:
		return Out
	case site.Standing.InService == 0:
		return NoTraffic
	case site.Standing.InService < a.Listeners:
		return Partly
	}
	return In
}

// placed reports whether it could be read who stands in the accelerator: what it
// holds is one thing, what it says of itself another.
func placed(a contract.AcceleratorState) bool { return a.Problem == nil || a.Listeners > 0 }

func worse(a, b Level) Level {
	rank := []Level{OK, Warning, Bad}
	return rank[max(slices.Index(rank, a), slices.Index(rank, b))]
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
