package drift_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/drift"
)

const (
	siteA = contract.Site("site-a")
	siteB = contract.Site("site-b")
	siteC = contract.Site("site-c")
)

// well is a deployment of these sites as it should be: all in service, and each
// replicating to all others.
func well(sites ...contract.Site) *contract.Inspection {
	in := &contract.Inspection{
		Accelerator: contract.AcceleratorState{ARN: "arn:accelerator", Status: "DEPLOYED", Enabled: true, Listeners: 1},
		Rules:       []contract.RuleState{{Name: "kc-site-offline", State: "ENABLED"}, {Name: "site-fenced", State: "ENABLED"}},
	}
	for _, name := range sites {
		backups := map[contract.Site]string{}
		for _, other := range sites {
			if other != name {
				backups[other] = "online"
			}
		}
		in.Sites = append(in.Sites, contract.SiteState{Name: name,
			Standing:   contract.SiteEvidence{Endpoints: 1, Listeners: 1, InService: 1},
			Infinispan: &contract.ClusterState{Sees: sites, Backups: backups}})
	}
	return in
}

func site(in *contract.Inspection, name contract.Site) *contract.SiteState {
	return &in.Sites[slices.IndexFunc(in.Sites, func(s contract.SiteState) bool { return s.Name == name })]
}

// out takes a site out of the accelerator.
func out(name contract.Site) func(*contract.Inspection) {
	return func(in *contract.Inspection) { site(in, name).Standing = contract.SiteEvidence{} }
}

// towards sets the status of one direction of replication.
func towards(from, to contract.Site, status string) func(*contract.Inspection) {
	return func(in *contract.Inspection) { site(in, from).Infinispan.Backups[to] = status }
}

// deaf lets a site's Infinispan answer nothing.
func deaf(name contract.Site, p contract.Problem) func(*contract.Inspection) {
	return func(in *contract.Inspection) {
		i := site(in, name).Infinispan
		i.Problem, i.BackupsProblem, i.Sees, i.Backups = &p, &p, nil, nil
	}
}

func untagged(in *contract.Inspection) { in.Accelerator.Unattributed = []string{"arn:lb"} }

func noInfinispan(in *contract.Inspection) {
	for i := range in.Sites {
		in.Sites[i].Infinispan = nil
	}
}

func running(machine string) func(*contract.Inspection) {
	return func(in *contract.Inspection) { in.Running = []contract.Execution{{Machine: machine, Name: "x"}} }
}

func lost(p contract.Problem) func(*contract.Inspection) {
	return func(in *contract.Inspection) {
		in.Accelerator.Problem, in.Accelerator.Listeners = &p, 0
		for i := range in.Sites {
			in.Sites[i].Standing = contract.SiteEvidence{}
		}
	}
}

var (
	unreachable = contract.Problem{Type: "Transient", Reason: contract.ReporterUnreachable, Text: "no route"}
	badPassword = contract.Problem{Type: "Misconfigured", Reason: contract.BadCredentials, Text: "answers 401"}
	denied      = contract.Problem{Type: "Misconfigured", Reason: contract.AccessDenied, Text: "not authorized"}
	notThere    = contract.Problem{Type: "Misconfigured", Reason: contract.NotFound, Text: "no such thing"}
	throttled   = contract.Problem{Type: "Transient", Reason: contract.Unavailable, Text: "throttled"}
)

type changes = []func(*contract.Inspection)

// TestJudge: each finding in both directions, each state that only looks like
// one, and the way of a fence and of a restore from beginning to end.
func TestJudge(t *testing.T) {
	const aAlone = "one-site-left site-a"
	bFenced := changes{out(siteB), towards(siteA, siteB, "offline")}
	for name, tc := range map[string]struct {
		sites   []contract.Site // site-a and site-b if none
		changes changes
		want    []string
	}{
		"as it should be":    {},
		"without Infinispan": {changes: changes{noInfinispan}},

		// A fence of site-b by site-a, and its restore.
		"fence: endpoints removed":        {changes: changes{out(siteB), running("fence")}, want: []string{aAlone}},
		"fence: taken offline":            {changes: append(changes{running("fence")}, bFenced...), want: []string{aAlone}},
		"fenced":                          {changes: bFenced, want: []string{aAlone}},
		"fenced, the other way round":     {changes: changes{out(siteA), towards(siteB, siteA, "offline")}, want: []string{"one-site-left site-b"}},
		"fenced, the site is dead":        {changes: append(slices.Clone(bFenced), deaf(siteB, unreachable)), want: []string{aAlone}},
		"fenced, its password is wrong":   {changes: append(slices.Clone(bFenced), deaf(siteB, badPassword)), want: []string{"cannot-look site-b", aAlone}},
		"fenced without Infinispan":       {changes: changes{out(siteB), noInfinispan}, want: []string{aAlone}},
		"restore: emptied at the site":    {changes: append(slices.Clone(bFenced), towards(siteB, siteA, "offline"), running("restore")), want: []string{aAlone}},
		"restore: pushed":                 {changes: changes{out(siteB), running("restore")}, want: []string{aAlone}},
		"restore: rejoined":               {changes: changes{running("fence"), running("restore")}},
		"restore: left half-way":          {changes: changes{out(siteB)}, want: []string{"replicates-to-absent-site site-b", aAlone}},
		"emptied by hand, then forgotten": {changes: append(slices.Clone(bFenced), towards(siteB, siteA, "offline")), want: []string{aAlone}},

		// A fenced site that something put back.
		"back":                        {changes: changes{towards(siteA, siteB, "offline")}, want: []string{"fenced-site-back site-b"}},
		"back, the other way round":   {changes: changes{towards(siteB, siteA, "offline")}, want: []string{"fenced-site-back site-a"}},
		"back, both offline":          {changes: changes{towards(siteA, siteB, "offline"), towards(siteB, siteA, "offline")}, want: []string{"fenced-site-back site-b", "fenced-site-back site-a"}},
		"back, some caches":           {changes: changes{towards(siteA, siteB, "mixed")}, want: []string{"fenced-site-back site-b"}},
		"back beside a running fence": {changes: changes{towards(siteA, siteB, "offline"), running("fence")}, want: []string{"fenced-site-back site-b"}},
		"back with weight 0": {changes: changes{towards(siteA, siteB, "offline"), func(in *contract.Inspection) { site(in, siteB).Standing.InService = 0 }},
			want: []string{"fenced-site-back site-b", aAlone}},
		"back while paused": {changes: changes{towards(siteA, siteB, "offline"), func(in *contract.Inspection) { in.Pause = &contract.Pause{By: "ann", Until: time.Now()} }},
			want: []string{"fenced-site-back site-b"}},

		// Replication that a restarted Infinispan switched on again.
		"forgot":                          {changes: changes{out(siteB), towards(siteA, siteB, "online")}, want: []string{"replicates-to-absent-site site-b", aAlone}},
		"forgot, the other way round":     {changes: changes{out(siteA)}, want: []string{"replicates-to-absent-site site-a", "one-site-left site-b"}},
		"forgot, some caches":             {changes: changes{out(siteB), towards(siteA, siteB, "mixed")}, want: []string{"replicates-to-absent-site site-b", aAlone}},
		"never set up":                    {changes: changes{out(siteB), func(in *contract.Inspection) { delete(site(in, siteA).Infinispan.Backups, siteB) }}, want: []string{aAlone}},
		"the survivor is not to be asked": {changes: changes{out(siteB), deaf(siteA, unreachable)}, want: []string{"cannot-look site-a", aAlone}},
		"the URL answers as another site": {changes: changes{out(siteB), func(in *contract.Inspection) {
			site(in, siteA).Infinispan.Problem = &contract.Problem{Type: "Misconfigured", Reason: contract.WrongSite}
		}}, want: []string{"cannot-look site-a", aAlone}},
		"the survivor's backups alone are not to be read": {changes: changes{out(siteB), func(in *contract.Inspection) {
			site(in, siteA).Infinispan.BackupsProblem, site(in, siteA).Infinispan.Backups = &badPassword, nil
		}}, want: []string{"cannot-look site-a", aAlone}},

		// Three sites.
		"of three, one fenced":            {sites: []contract.Site{siteA, siteB, siteC}, changes: changes{out(siteC), towards(siteA, siteC, "offline"), towards(siteB, siteC, "offline")}},
		"of three, one of two still does": {sites: []contract.Site{siteA, siteB, siteC}, changes: changes{out(siteC), towards(siteA, siteC, "offline")}, want: []string{"replicates-to-absent-site site-c"}},
		"of three, two fenced":            {sites: []contract.Site{siteA, siteB, siteC}, changes: changes{out(siteB), out(siteC), towards(siteA, siteB, "offline"), towards(siteA, siteC, "offline")}, want: []string{aAlone}},

		// Who serves.
		"one drained": {changes: changes{func(in *contract.Inspection) { site(in, siteB).Standing.InService = 0 }}, want: []string{aAlone}},
		"all out":     {changes: changes{out(siteA), out(siteB)}, want: []string{"no-site-left"}},

		// A load balancer that might be any site's.
		"untagged":              {changes: changes{untagged}, want: []string{"untagged-endpoint"}},
		"a site lost its tag":   {changes: changes{out(siteB), untagged}, want: []string{"untagged-endpoint"}},
		"both sites lost it":    {changes: changes{out(siteA), out(siteB), untagged}, want: []string{"untagged-endpoint"}},
		"untagged and one back": {changes: changes{towards(siteA, siteB, "offline"), untagged}, want: []string{"untagged-endpoint", "fenced-site-back site-b"}},

		// What cannot be read.
		"accelerator gone":      {changes: changes{lost(notThere)}, want: []string{"accelerator-not-found"}},
		"accelerator denied":    {changes: changes{lost(denied)}, want: []string{"cannot-look"}},
		"accelerator throttled": {changes: changes{lost(throttled)}, want: []string{"cannot-look"}},
		"only its description": {changes: changes{out(siteB), func(in *contract.Inspection) { in.Accelerator.Problem = &denied }},
			want: []string{"cannot-look", "replicates-to-absent-site site-b", aAlone}},
		"nothing at all":        {changes: changes{lost(throttled), deaf(siteA, unreachable), deaf(siteB, unreachable)}, want: []string{"cannot-look", "cannot-look site-a", "cannot-look site-b"}},
		"a serving site silent": {changes: changes{deaf(siteB, unreachable)}, want: []string{"cannot-look site-b"}},
		"the pause parameter":   {changes: changes{func(in *contract.Inspection) { in.PauseProblem = "malformed" }}, want: []string{"cannot-look"}},
		"what runs": {changes: changes{out(siteB), func(in *contract.Inspection) { in.RunningProblem = &throttled }},
			want: []string{"replicates-to-absent-site site-b", aAlone, "cannot-look"}},

		// Rules.
		"rule disabled":   {changes: changes{func(in *contract.Inspection) { in.Rules[1].State = "DISABLED" }}, want: []string{"rule-disabled"}},
		"rule gone":       {changes: changes{func(in *contract.Inspection) { in.Rules[0] = contract.RuleState{Name: "r", Problem: &notThere} }}, want: []string{"rule-disabled"}},
		"rule unreadable": {changes: changes{func(in *contract.Inspection) { in.Rules[0] = contract.RuleState{Name: "r", Problem: &denied} }}, want: []string{"cannot-look"}},
		"rule enabled in another way": {changes: changes{func(in *contract.Inspection) {
			in.Rules[0].State = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.sites == nil {
				tc.sites = []contract.Site{siteA, siteB}
			}
			in := well(tc.sites...)
			for _, change := range tc.changes {
				change(in)
			}
			var got []string
			for _, f := range drift.Judge(*in) {
				got = append(got, strings.TrimSpace(string(f.Reason)+" "+string(f.Site)))
				if f.Evidence == "" {
					t.Errorf("%s has no evidence", f.Reason)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestEvidence: a line says what was seen, by name, so that nobody has to look
// again to know where to begin.
func TestEvidence(t *testing.T) {
	for name, tc := range map[string]struct {
		changes changes
		want    string
	}{
		"back":      {changes{towards(siteA, siteB, "offline")}, "site-b is in the accelerator (in service in 1 of 1 listeners) while site-a's replication towards it is offline"},
		"forgot":    {changes{out(siteB)}, "site-a's replication towards site-b is online, but site-b is not in the accelerator: writes at site-a fail when the link does"},
		"untagged":  {changes{untagged}, "arn:lb has no tag `site`"},
		"gone":      {changes{lost(notThere)}, "arn:accelerator: no such thing"},
		"disabled":  {changes{func(in *contract.Inspection) { in.Rules[0].State = "DISABLED" }}, "the rule kc-site-offline is DISABLED: the events that it matches are lost"},
		"rule gone": {changes{func(in *contract.Inspection) { in.Rules[0].Problem = &notThere }}, "the rule kc-site-offline is gone"},
		"silent":    {changes{deaf(siteB, unreachable)}, "Infinispan of site-b cannot be read: no route"},
		"all out":   {changes{out(siteA), out(siteB)}, "no site is in service in the accelerator"},
	} {
		t.Run(name, func(t *testing.T) {
			in := well(siteA, siteB)
			for _, change := range tc.changes {
				change(in)
			}
			got := drift.Judge(*in)
			if len(got) == 0 || !strings.Contains(got[0].Evidence, tc.want) {
				t.Errorf("got %+v, want %q", got, tc.want)
			}
		})
	}
}

// TestSplit: one site left is counted by itself, all else together.
func TestSplit(t *testing.T) {
	in := well(siteA, siteB)
	out(siteB)(in)
	drifted, oneLeft := drift.Split(drift.Judge(*in))
	if len(drifted) != 1 || drifted[0].Reason != contract.ReplicatesToAbsentSite || len(oneLeft) != 1 || oneLeft[0].Reason != contract.OneSiteLeft {
		t.Errorf("got %+v and %+v", drifted, oneLeft)
	}
	if drifted, oneLeft = drift.Split(nil); drifted != nil || oneLeft != nil {
		t.Error("something of nothing")
	}
}

// TestOrder: the same world reads the same, whatever a map's order: alarms and
// people compare lines.
func TestOrder(t *testing.T) {
	in := well(siteA, siteB, siteC)
	for _, s := range in.Sites {
		for other := range maps.Keys(s.Infinispan.Backups) {
			s.Infinispan.Backups[other] = "offline"
		}
	}
	first := drift.Judge(*in)
	for range 20 {
		if diff := cmp.Diff(first, drift.Judge(*in)); diff != "" {
			t.Fatal(diff)
		}
	}
	if len(first) != 6 {
		t.Errorf("%d findings of 6 directions", len(first))
	}
}
