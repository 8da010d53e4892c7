package checkhealth

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
)

// ordered is what Judge says, in words.
type ordered struct {
	Verdict    verdict
	PassedOver []contract.Reason
	Yield      time.Duration
}

func over(v verdict, reasons ...contract.Reason) ordered { return ordered{v, reasons, 0} }

func TestOrders(t *testing.T) {
	both := one(endpoint(siteA), endpoint(siteB))
	three := one(endpoint(siteA), endpoint(siteB), endpoint(siteC))
	onlyA := one(endpoint(siteA))
	dry, forced := Orders{DryRun: true}, Orders{Forced: true}
	paused := func(o Orders) Orders { o.Pause = &contract.Pause{Reason: "x"}; return o }
	prefer := func(site contract.Site) Orders { return Orders{Preferred: site, Delay: 10 * time.Second} }
	sees, blindC, mute := []Answer{{From: siteC, Sees: []contract.Site{siteB}}}, []Answer{{From: siteC}}, []Answer{{From: siteC, Trouble: errors.New("x")}}
	fence, ensure := decide(contract.Split, contract.Fence), decide(contract.FenceLost, contract.Ensure)
	rehearse := decide(contract.Split, contract.Rehearse)
	visible, held := decide(contract.SiteVisible, contract.Recheck), decide(contract.Paused, contract.Ignore)
	yield := func(v verdict) ordered { return ordered{v, nil, 10 * time.Second} }

	for name, tc := range map[string]struct {
		state     accelerator.State
		asked     *Answer
		witnesses []Answer
		orders    Orders
		age       time.Duration
		begun     bool
		want      ordered
	}{
		"no order": {both, blind(infinispan.Online), nil, Orders{}, 0, false, over(fence)},

		"drill of a healthy pair":           {both, sighted(infinispan.Online), nil, dry, 0, false, over(rehearse, contract.SiteVisible)},
		"drill under a split":               {both, blind(infinispan.Online), nil, dry, 0, false, over(rehearse)},
		"drill, a witness sees it":          {three, blind(infinispan.Online), sees, dry, 0, false, over(rehearse, contract.SiteVisible)},
		"drill, both see it":                {three, sighted(infinispan.Online), sees, dry, 0, false, over(rehearse, contract.SiteVisible)},
		"drill, a witness is silent":        {three, sighted(infinispan.Online), mute, dry, 0, false, over(decide(contract.WitnessUnreachable, contract.Recheck))},
		"drill, reporter silent":            {both, silent(), nil, dry, 0, false, over(decide(contract.ReporterUnreachable, contract.Recheck))},
		"drill, reporter unhealthy":         {one(endpoint(siteA, sick), endpoint(siteB)), sighted(infinispan.Online), nil, dry, 0, false, over(decide(contract.ReporterUnhealthy, contract.Recheck))},
		"drill, would go dark":              {one(endpoint(siteA, drained), endpoint(siteB)), sighted(infinispan.Online), nil, dry, 0, false, over(refused(contract.WouldGoDark))},
		"drill, locked out":                 {both, locked(), nil, dry, 0, false, over(misconf(contract.BadCredentials))},
		"drill, fenced already":             {onlyA, sighted(infinispan.Offline), nil, dry, 0, false, over(decide(contract.AlreadyFenced, contract.Ignore))},
		"drill, fence lost":                 {onlyA, blind(infinispan.Online), nil, dry, 0, false, over(decide(contract.FenceLost, contract.Rehearse))},
		"drill, out by hand":                {onlyA, sighted(infinispan.Online), nil, dry, 0, false, over(decide(contract.FenceLost, contract.Rehearse), contract.SiteVisible)},
		"drill, untagged beside":            {one(endpoint(siteA), untagged()), blind(infinispan.Online), nil, dry, 0, false, over(decide(contract.UnattributedEndpoint, contract.Recheck))},
		"drill, reporter absent":            {one(endpoint(siteB)), blind(infinispan.Online), nil, dry, 0, false, over(decide(contract.ReporterAbsent, contract.Ignore))},
		"drill, stateless":                  {both, nil, nil, dry, time.Minute, false, over(rehearse)},
		"drill, stateless, old":             {both, nil, nil, dry, time.Hour, false, over(refused(contract.AlertTooOld))},
		"drill, paused":                     {both, sighted(infinispan.Online), nil, paused(dry), 0, false, over(held)},
		"drill, fence lost, paused":         {onlyA, blind(infinispan.Online), nil, paused(dry), 0, false, over(decide(contract.FenceLost, contract.Rehearse))},
		"drill against the preferred":       {both, blind(infinispan.Online), nil, Orders{DryRun: true, Preferred: siteB, Delay: time.Second}, 0, false, over(rehearse)},
		"drill, said to have begun":         {both, sighted(infinispan.Online), nil, dry, 0, true, over(rehearse, contract.SiteVisible)},
		"drill, paused, said to have begun": {both, sighted(infinispan.Online), nil, paused(dry), 0, true, over(rehearse, contract.SiteVisible)},

		"forced, a healthy pair":           {both, sighted(infinispan.Online), nil, forced, 0, false, over(fence, contract.SiteVisible)},
		"forced under a split":             {both, blind(infinispan.Online), nil, forced, 0, false, over(fence)},
		"forced, a witness sees it":        {three, blind(infinispan.Online), sees, forced, 0, false, over(fence, contract.SiteVisible)},
		"forced, a witness is silent":      {three, sighted(infinispan.Online), mute, forced, 0, false, over(fence, contract.SiteVisible, contract.WitnessUnreachable)},
		"forced, a witness that is out":    {both, sighted(infinispan.Online), mute, forced, 0, false, over(fence, contract.SiteVisible)},
		"forced, reporter silent":          {both, silent(), nil, forced, 0, false, over(decide(contract.ReporterUnreachable, contract.Recheck))},
		"forced, reporter unhealthy":       {one(endpoint(siteA, sick), endpoint(siteB)), sighted(infinispan.Online), nil, forced, 0, false, over(decide(contract.ReporterUnhealthy, contract.Recheck))},
		"forced, would go dark":            {one(endpoint(siteA, drained), endpoint(siteB)), sighted(infinispan.Online), nil, forced, 0, false, over(refused(contract.WouldGoDark))},
		"forced, dark in one listener":     {listeners([]accelerator.Group{group(endpoint(siteA), endpoint(siteB))}, []accelerator.Group{group(endpoint(siteB))}), sighted(infinispan.Online), nil, forced, 0, false, over(refused(contract.WouldGoDark))},
		"forced, locked out":               {both, locked(), nil, forced, 0, false, over(misconf(contract.BadCredentials))},
		"forced, fenced already":           {onlyA, sighted(infinispan.Offline), nil, forced, 0, false, over(decide(contract.AlreadyFenced, contract.Ignore))},
		"forced, out by hand":              {onlyA, sighted(infinispan.Online), nil, forced, 0, false, over(ensure, contract.SiteVisible)},
		"forced, out, untagged beside":     {one(endpoint(siteA), untagged()), sighted(infinispan.Online), nil, forced, 0, false, over(decide(contract.UnattributedEndpoint, contract.Recheck))},
		"forced, out, reporter drained":    {one(endpoint(siteA, drained)), sighted(infinispan.Online), nil, forced, 0, false, over(decide(contract.ReporterNotInService, contract.Recheck))},
		"forced, reporter absent":          {one(endpoint(siteB)), sighted(infinispan.Online), nil, forced, 0, false, over(decide(contract.ReporterAbsent, contract.Ignore))},
		"forced, nobody is there":          {one(foreign()), sighted(infinispan.Online), nil, forced, 0, false, over(misconf(contract.NoSiteAttributable))},
		"forced, stateless, old":           {both, nil, nil, forced, time.Hour, false, over(refused(contract.AlertTooOld))},
		"forced, hours ago":                {both, sighted(infinispan.Online), nil, forced, 121 * time.Minute, false, over(refused(contract.AlertTooOld))},
		"forced, hours ago, paused":        {both, blind(infinispan.Online), nil, paused(forced), 3 * time.Hour, false, over(refused(contract.AlertTooOld))},
		"forced, hours ago, split":         {both, blind(infinispan.Online), nil, forced, 3 * time.Hour, false, over(fence)},
		"forced, hours ago, fence lost":    {onlyA, blind(infinispan.Online), nil, forced, 3 * time.Hour, false, over(ensure)},
		"forced, hours ahead":              {both, sighted(infinispan.Online), nil, forced, -121 * time.Minute, false, over(refused(contract.AlertTooOld))},
		"forced, it waited for its turn":   {both, sighted(infinispan.Online), nil, forced, 119 * time.Minute, false, over(fence, contract.SiteVisible)},
		"forced hours ago, and begun":      {both, sighted(infinispan.Online), nil, forced, 3 * time.Hour, true, over(fence, contract.SiteVisible)},
		"forced hours ago, fenced already": {onlyA, sighted(infinispan.Offline), nil, forced, 3 * time.Hour, false, over(decide(contract.AlreadyFenced, contract.Ignore))},
		"forced, paused":                   {both, sighted(infinispan.Online), nil, paused(forced), 0, false, over(fence, contract.SiteVisible, contract.Paused)},
		"forced against the preferred":     {both, sighted(infinispan.Online), nil, Orders{Forced: true, Preferred: siteB, Delay: time.Second}, 0, false, over(fence, contract.SiteVisible)},
		"forced and begun, the site is in": {both, sighted(infinispan.Online), nil, forced, 0, true, over(fence, contract.SiteVisible)},

		"paused":                        {both, blind(infinispan.Online), nil, paused(Orders{}), 0, false, over(held)},
		"paused, begun":                 {both, blind(infinispan.Online), nil, paused(Orders{}), 0, true, over(fence)},
		"paused, fence lost":            {onlyA, blind(infinispan.Online), nil, paused(Orders{}), 0, false, over(ensure)},
		"paused, visible":               {both, sighted(infinispan.Online), nil, paused(Orders{}), 0, false, over(visible)},
		"paused, fenced already":        {onlyA, blind(infinispan.Offline), nil, paused(Orders{}), 0, false, over(decide(contract.AlreadyFenced, contract.Ignore))},
		"paused, would go dark":         {one(endpoint(siteA, drained), endpoint(siteB)), blind(infinispan.Online), nil, paused(Orders{}), 0, false, over(refused(contract.WouldGoDark))},
		"paused, against the preferred": {both, blind(infinispan.Online), nil, paused(prefer(siteB)), 0, false, over(held)},

		"against the preferred":                  {both, blind(infinispan.Online), nil, prefer(siteB), 0, false, yield(fence)},
		"by the preferred":                       {both, blind(infinispan.Online), nil, prefer(siteA), 0, false, over(fence)},
		"against the preferred, begun":           {both, blind(infinispan.Online), nil, prefer(siteB), 0, true, over(fence)},
		"against the preferred, sick":            {one(endpoint(siteA), endpoint(siteB, sick)), blind(infinispan.Online), nil, prefer(siteB), 0, false, over(fence)},
		"against the preferred, sick in part":    {one(endpoint(siteA), endpoint(siteB, sick), endpoint(siteB, other)), blind(infinispan.Online), nil, prefer(siteB), 0, false, yield(fence)},
		"against the preferred, drained":         {one(endpoint(siteA), endpoint(siteB, drained)), blind(infinispan.Online), nil, prefer(siteB), 0, false, over(fence)},
		"against the preferred, the site is out": {onlyA, blind(infinispan.Online), nil, prefer(siteB), 0, false, over(ensure)},
		"against the preferred, visible":         {both, sighted(infinispan.Online), nil, prefer(siteB), 0, false, over(visible)},
		"a third site is preferred":              {three, blind(infinispan.Online), blindC, prefer(siteC), 0, false, over(fence)},
		"stateless, against the preferred":       {both, nil, nil, prefer(siteB), 0, false, yield(fence)},
		"stateless, and the alert is not new":    {both, nil, nil, Orders{Preferred: siteB, Delay: 5 * time.Minute}, 20 * time.Second, false, ordered{fence, nil, 40 * time.Second}},
		"stateless, and the alert is too old":    {both, nil, nil, prefer(siteB), time.Minute, false, over(fence)},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := Judge(Facts{Reporter: siteA, Site: siteB, State: tc.state, Asked: tc.asked,
				Witnesses: tc.witnesses, AlertAge: tc.age, Begun: tc.begun, Orders: tc.orders})
			got := ordered{verdict{Decision: v.Decision, Reason: v.Reason}, v.PassedOver, v.Yield}
			if err != nil {
				got = ordered{Verdict: verdict{Reason: contract.ReasonOf(err), Error: typeName(contract.Edge(err))}}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\nerror: %v", diff, err)
			}
		})
	}
}
