package checkhealth

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
)

const (
	siteA = contract.Site("site-a") // the reporter
	siteB = contract.Site("site-b") // reported offline
	siteC = contract.Site("site-c") // a witness
)

func endpoint(site contract.Site, change ...func(*accelerator.Endpoint)) accelerator.Endpoint {
	e := accelerator.Endpoint{ID: "lb-" + string(site), Weight: 128, Owner: accelerator.Owner{Site: site}}
	for _, f := range change {
		f(&e)
	}
	return e
}

func drained(e *accelerator.Endpoint) { e.Weight = 0 }
func sick(e *accelerator.Endpoint)    { e.Unhealthy = true }
func other(e *accelerator.Endpoint)   { e.ID += "-2" }

func untagged() accelerator.Endpoint {
	return accelerator.Endpoint{ID: "lb-untagged", Weight: 128, Owner: accelerator.Owner{Unattributed: true}}
}

func foreign() accelerator.Endpoint { return accelerator.Endpoint{ID: "eipalloc-1", Weight: 128} }

func group(endpoints ...accelerator.Endpoint) accelerator.Group {
	return accelerator.Group{ARN: "group", Dial: 100, Endpoints: endpoints}
}

func dialledOff(g accelerator.Group) accelerator.Group { g.Dial = 0; return g }

func listeners(ls ...[]accelerator.Group) accelerator.State {
	var s accelerator.State
	for _, groups := range ls {
		s.Listeners = append(s.Listeners, accelerator.Listener{ARN: "listener", Groups: groups})
	}
	return s
}

func one(endpoints ...accelerator.Endpoint) accelerator.State {
	return listeners([]accelerator.Group{group(endpoints...)})
}

// blind is the reporter's answer under a split.
func blind(backup infinispan.Status) *Answer {
	return &Answer{From: siteA, Sees: []contract.Site{siteA}, Backup: backup}
}

func sighted(backup infinispan.Status) *Answer {
	return &Answer{From: siteA, Sees: []contract.Site{siteA, siteB}, Backup: backup}
}

func silent() *Answer {
	return &Answer{From: siteA, Trouble: contract.TransientF(contract.ReporterUnreachable, "timeout")}
}

func locked() *Answer {
	return &Answer{From: siteA, Trouble: errors.Join(contract.TransientF(contract.Unavailable, "x"),
		contract.MisconfiguredF(contract.BadCredentials, "401"))}
}

type verdict struct {
	Decision contract.Decision
	Reason   contract.Reason
	Error    string // the Go type's name
}

func decide(reason contract.Reason, d contract.Decision) verdict { return verdict{d, reason, ""} }
func refused(r contract.Reason) verdict                          { return verdict{"", r, "Refused"} }
func misconf(r contract.Reason) verdict                          { return verdict{"", r, "Misconfigured"} }

func TestDecide(t *testing.T) {
	both := one(endpoint(siteA), endpoint(siteB))
	onlyA := one(endpoint(siteA))
	tests := map[string]struct {
		state     accelerator.State
		asked     *Answer
		witnesses []Answer
		age       time.Duration
		begun     bool
		want      verdict
	}{
		"split":                         {both, blind(infinispan.Online), nil, 0, false, decide(contract.Split, contract.Fence)},
		"split, offline already":        {both, blind(infinispan.Offline), nil, 0, false, decide(contract.Split, contract.Fence)},
		"site drained is fenced too":    {one(endpoint(siteA), endpoint(siteB, drained)), blind(infinispan.Online), nil, 0, false, decide(contract.Split, contract.Fence)},
		"untagged beside present site":  {one(endpoint(siteA), endpoint(siteB), untagged()), blind(infinispan.Online), nil, 0, false, decide(contract.Split, contract.Fence)},
		"one sick endpoint of two":      {one(endpoint(siteA, sick), endpoint(siteA, other), endpoint(siteB)), blind(infinispan.Online), nil, 0, false, decide(contract.Split, contract.Fence)},
		"sick but drained beside a fit": {one(endpoint(siteA, sick, drained), endpoint(siteA, other), endpoint(siteB)), blind(infinispan.Online), nil, 0, false, decide(contract.Split, contract.Fence)},
		"an old alert, confirmed":       {both, blind(infinispan.Online), nil, time.Hour, false, decide(contract.Split, contract.Fence)},

		"site visible":                     {both, sighted(infinispan.Online), nil, 0, false, decide(contract.SiteVisible, contract.Recheck)},
		"site visible beats going dark":    {one(endpoint(siteA, drained), endpoint(siteB)), sighted(infinispan.Online), nil, 0, false, decide(contract.SiteVisible, contract.Recheck)},
		"reporter silent":                  {both, silent(), nil, 0, false, decide(contract.ReporterUnreachable, contract.Recheck)},
		"reporter unhealthy":               {one(endpoint(siteA, sick), endpoint(siteB)), blind(infinispan.Online), nil, 0, false, decide(contract.ReporterUnhealthy, contract.Recheck)},
		"reporter unhealthy in one listen": {listeners([]accelerator.Group{group(endpoint(siteA), endpoint(siteB))}, []accelerator.Group{group(endpoint(siteA, sick), endpoint(siteB))}), blind(infinispan.Online), nil, 0, false, decide(contract.ReporterUnhealthy, contract.Recheck)},

		"reporter drained":               {one(endpoint(siteA, drained), endpoint(siteB)), blind(infinispan.Online), nil, 0, false, refused(contract.WouldGoDark)},
		"reporter's group dialled off":   {listeners([]accelerator.Group{dialledOff(group(endpoint(siteA))), group(endpoint(siteB))}), blind(infinispan.Online), nil, 0, false, refused(contract.WouldGoDark)},
		"reporter missing in a listener": {listeners([]accelerator.Group{group(endpoint(siteA), endpoint(siteB))}, []accelerator.Group{group(endpoint(siteB))}), blind(infinispan.Online), nil, 0, false, refused(contract.WouldGoDark)},
		"reporter in another group":      {listeners([]accelerator.Group{group(endpoint(siteA)), group(endpoint(siteB))}), blind(infinispan.Online), nil, 0, false, decide(contract.Split, contract.Fence)},
		"both out of service":            {one(endpoint(siteB, drained)), blind(infinispan.Online), nil, 0, false, refused(contract.WouldGoDark)},

		"already fenced":                      {onlyA, blind(infinispan.Offline), nil, 0, false, decide(contract.AlreadyFenced, contract.Ignore)},
		"already fenced, link healed":         {onlyA, sighted(infinispan.Offline), nil, 0, false, decide(contract.AlreadyFenced, contract.Ignore)},
		"fence lost":                          {onlyA, blind(infinispan.Online), nil, 0, false, decide(contract.FenceLost, contract.Ensure)},
		"fence lost in one cache":             {onlyA, blind(infinispan.Mixed), nil, 0, false, decide(contract.FenceLost, contract.Ensure)},
		"fence lost, foreign endpoint beside": {one(endpoint(siteA), foreign()), blind(infinispan.Online), nil, 0, false, decide(contract.FenceLost, contract.Ensure)},
		"coming back by hand":                 {onlyA, sighted(infinispan.Online), nil, 0, false, decide(contract.SiteVisible, contract.Recheck)},
		"untagged may be the absent site's":   {one(endpoint(siteA), untagged()), blind(infinispan.Online), nil, 0, false, decide(contract.UnattributedEndpoint, contract.Recheck)},
		"absent, reporter drained":            {one(endpoint(siteA, drained)), blind(infinispan.Online), nil, 0, false, decide(contract.ReporterNotInService, contract.Recheck)},
		"absent, reporter silent":             {onlyA, silent(), nil, 0, false, decide(contract.ReporterUnreachable, contract.Recheck)},

		"reporter was fenced":              {one(endpoint(siteB)), blind(infinispan.Online), nil, 0, false, decide(contract.ReporterAbsent, contract.Ignore)},
		"reporter was fenced, and is dead": {one(endpoint(siteB)), silent(), nil, 0, false, decide(contract.ReporterAbsent, contract.Ignore)},
		"reporter was fenced, locked out":  {one(endpoint(siteB)), locked(), nil, 0, false, decide(contract.ReporterAbsent, contract.Ignore)},
		"nobody is there":                  {one(foreign(), untagged()), blind(infinispan.Online), nil, 0, false, misconf(contract.NoSiteAttributable)},
		"empty accelerator":                {accelerator.State{}, blind(infinispan.Online), nil, 0, false, misconf(contract.NoSiteAttributable)},
		"wrong credentials":                {both, locked(), nil, 0, false, misconf(contract.BadCredentials)},
		"wrong credentials, site absent":   {onlyA, locked(), nil, 0, false, misconf(contract.BadCredentials)},

		"no infinispan":                 {both, nil, nil, time.Minute, false, decide(contract.Split, contract.Fence)},
		"no infinispan, two minutes":    {both, nil, nil, 2 * time.Minute, false, decide(contract.Split, contract.Fence)},
		"no infinispan, old alert":      {both, nil, nil, 2*time.Minute + 1, false, refused(contract.AlertTooOld)},
		"no infinispan, old, but begun": {both, nil, nil, time.Hour, true, decide(contract.Split, contract.Fence)},
		"no infinispan, site absent":    {onlyA, nil, nil, time.Hour, false, decide(contract.AlreadyFenced, contract.Ignore)},
		"no infinispan, unhealthy":      {one(endpoint(siteA, sick), endpoint(siteB)), nil, nil, 0, false, decide(contract.ReporterUnhealthy, contract.Recheck)},

		"witness sees it":            {one(endpoint(siteA), endpoint(siteB), endpoint(siteC)), blind(infinispan.Online), []Answer{{From: siteC, Sees: []contract.Site{siteB}}}, 0, false, decide(contract.SiteVisible, contract.Recheck)},
		"witness misses it too":      {one(endpoint(siteA), endpoint(siteB), endpoint(siteC)), blind(infinispan.Online), []Answer{{From: siteC, Sees: []contract.Site{siteC}}}, 0, false, decide(contract.Split, contract.Fence)},
		"witness silent":             {one(endpoint(siteA), endpoint(siteB), endpoint(siteC)), blind(infinispan.Online), []Answer{{From: siteC, Trouble: errors.New("x")}}, 0, false, decide(contract.WitnessUnreachable, contract.Recheck)},
		"witness silent, unhealthy":  {one(endpoint(siteA), endpoint(siteB), endpoint(siteC, sick)), blind(infinispan.Online), []Answer{{From: siteC, Trouble: errors.New("x")}}, 0, false, decide(contract.Split, contract.Fence)},
		"witness silent, out itself": {both, blind(infinispan.Online), []Answer{{From: siteC, Trouble: errors.New("x")}}, 0, false, decide(contract.Split, contract.Fence)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d, r, err := Decide(Facts{Reporter: siteA, Site: siteB, State: tc.state, Asked: tc.asked,
				Witnesses: tc.witnesses, AlertAge: tc.age, Begun: tc.begun})
			got := verdict{Decision: d, Reason: r}
			if err != nil {
				got = verdict{Reason: contract.ReasonOf(err), Error: typeName(contract.Edge(err))}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("decision (-want +got):\n%s\nerror: %v", diff, err)
			}
		})
	}
}

func typeName(err error) string {
	// As the Lambda runtime names it: by the outermost type, unwrapped.
	return reflect.TypeOf(err).Elem().Name()
}
