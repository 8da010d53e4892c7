package incident

import (
	"slices"
	"time"
)

// Span is a part of an outage: from one moment to another.
type Span struct {
	Name     string
	From, To string // moments
	Why      string // what it is made of
}

// Spans are the parts of an outage, one behind the other; together they are all
// of it.
var Spans = []Span{
	{"detection", MomentCut, MomentBlind, "JGroups' failure detection between the sites"},
	{"scrape", MomentBlind, MomentScraped, "Prometheus' scrape interval"},
	{"rule", MomentScraped, MomentPending, "the rule group's interval"},
	{"for", MomentPending, MomentFiring, "the rule's `for`"},
	{"alertmanager", MomentFiring, MomentWebhook, "Alertmanager's group_wait"},
	{"pipeline", MomentWebhook, MomentWritten, "ingest, guard, fence: up to the write of the accelerator"},
	{"offline", MomentWritten, MomentOffline, "replication taken offline"},
	{"write", MomentOffline, MomentWorking, "the next write works"},
}

// Durations are a timeline's spans by name. A rule without `for` has no moment
// between `rule` and `for`: then `for` is 0.
func Durations(line []Moment) map[string]time.Duration {
	at := map[string]time.Time{}
	for _, m := range line {
		at[m.Name] = m.At
	}
	if _, ok := at[MomentPending]; !ok {
		at[MomentPending] = at[MomentFiring]
	}
	all := map[string]time.Duration{}
	for _, s := range Spans {
		all[s.Name] = at[s.To].Sub(at[s.From])
	}
	return all
}

// Spread is how a duration varied over the runs.
type Spread struct{ Least, Median, Most time.Duration }

// SpreadOf is the zero Spread when there is nothing.
func SpreadOf(all []time.Duration) Spread {
	if len(all) == 0 {
		return Spread{}
	}
	all = slices.Clone(all)
	slices.Sort(all)
	n := len(all)
	return Spread{all[0], (all[(n-1)/2] + all[n/2]) / 2, all[n-1]}
}
