// Package storm simulates many deployments of one account that all lose a link in
// the same second, against AWS's quotas: the functions' handlers over the SDK's
// real clients with their own retries, the machines as their files say.
//
// It must run in a bubble of testing/synctest, so that its minutes take seconds.
package storm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// EnvReport names the file that takes the reports of all Regions.
const EnvReport = "SITEFENCE_STORM_REPORT"

// Report is what was seen. Times are in seconds after the alerts.
type Report struct {
	Region      string         `json:"region"`
	Deployments int            `json:"deployments"`
	Alerts      int            `json:"alerts"`
	Fenced      int            `json:"fenced"`  // one site out, replication to it offline
	ByFirst     int            `json:"byFirst"` // of them by a guard that one of the first alerts started
	Early       int            `json:"early"`   // of them before any alert was repeated
	Rounds      int            `json:"rounds"`  // how often the alerts were posted
	GaveUp      int            `json:"gaveUp"`  // executions that failed, and page
	Writes      int            `json:"writes"`  // of endpoint groups
	Written     Spread         `json:"written"`
	Proven      Spread         `json:"proven"`
	Outcomes    map[string]int `json:"outcomes"` // of all executions
	Quotas      []Use          `json:"quotas"`
	Concurrent  int            `json:"concurrent"` // functions at once, at most, of those that share
	Pool        int            `json:"pool"`       // what those may be at once
	Invocations int            `json:"invocations"`
	Throttled   int            `json:"throttled"` // invocations
	Problems    []string       `json:"problems,omitempty"`
}

// Spread is how a time varied over the deployments.
type Spread struct {
	Least  float64 `json:"least"`
	Median float64 `json:"median"`
	Most   float64 `json:"most"`
}

func spreadOf(all []float64) Spread {
	if len(all) == 0 {
		return Spread{}
	}
	slices.Sort(all)
	return Spread{all[0], all[len(all)/2], all[len(all)-1]}
}

func (s Spread) String() string { return fmt.Sprintf("%.1f (%.1f to %.1f)", s.Median, s.Least, s.Most) }

// Markdown is reports for a reader.
func Markdown(all []Report) string {
	var b strings.Builder
	b.WriteString("| Region | deployments fenced | by the first alerts | within three minutes | alerts posted, times | accelerator written, s | replication offline, s | slowest, s | functions without a reservation, at once | executions that gave up | all executions |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, r := range all {
		var ends []string
		for _, name := range slices.Sorted(maps.Keys(r.Outcomes)) {
			ends = append(ends, fmt.Sprintf("%d %s", r.Outcomes[name], name))
		}
		fmt.Fprintf(&b, "| %s | %d of %d (%d alerts) | %d | %d | %d | %s | %s | %.1f | %d | %d | %s |\n", r.Region, r.Fenced, r.Deployments, r.Alerts, r.ByFirst, r.Early, r.Rounds, r.Written, r.Proven,
			r.Proven.Most, r.Concurrent, r.GaveUp, strings.Join(ends, ", "))
	}
	b.WriteString("\n| quota | bucket, refill a second | calls, of them throttled | source |\n| --- | --- | --- | --- |\n")
	for _, r := range all {
		if r.Rounds == Once {
			continue // the other run of this Region asks for more
		}
		fmt.Fprintf(&b, "| Lambda functions at once in %s, without a reservation | %d | %d at most; %d, %d | Lambda quotas: %d, of which %d are reserved |\n", r.Region, r.Pool, r.Concurrent, r.Invocations, r.Throttled, Concurrency, Concurrency-r.Pool)
		quotas := slices.SortedFunc(slices.Values(r.Quotas), func(a, b Use) int { return cmp.Or(-cmp.Compare(a.Refused, b.Refused), cmp.Compare(a.Name, b.Name)) })
		for _, q := range quotas {
			fmt.Fprintf(&b, "| %s in %s | %.0f, %.0f | %d, %d | %s |\n", q.Name, r.Region, q.Bucket, q.Refill, q.Calls, q.Refused, q.Source)
		}
	}
	return b.String()
}
