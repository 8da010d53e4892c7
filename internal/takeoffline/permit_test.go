package takeoffline

import (
	"testing"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/contract"
)

// TestPermitSeenIsNotRemoved: that this execution has seen the site's endpoints
// does not excuse an untagged load balancer while it has removed nothing itself:
// somebody else removed them, and the untagged one may be the site's new one.
func TestPermitSeenIsNotRemoved(t *testing.T) {
	state := accelerator.State{Listeners: []accelerator.Listener{{ARN: "l", Groups: []accelerator.Group{{ARN: "g", Dial: 100,
		Endpoints: []accelerator.Endpoint{
			{ID: "lb-a", Weight: 1, Owner: accelerator.Owner{Site: "site-a"}},
			{ID: "lb-x", Weight: 1, Owner: accelerator.Owner{Unattributed: true}},
		}}}}}}
	in := contract.ActInput{Event: contract.Event{Reporter: "site-a", Site: "site-b"}, Record: []contract.Endpoint{{Endpoint: "lb-b"}},
		Repeated: true, Unattributed: []string{"lb-x"}}
	if err := Permit(state, in); contract.ReasonOf(err) != contract.UnattributedEndpoint || err == nil {
		t.Errorf("got %v, want unattributed-endpoint", err)
	}
	in.Removed = true
	if err := Permit(state, in); err != nil {
		t.Errorf("after its own removal: %v", err)
	}
}

// TestPermit is invariant I2, case by case.
func TestPermit(t *testing.T) {
	a := accelerator.Endpoint{ID: "lb-a", Weight: 1, Owner: accelerator.Owner{Site: "site-a"}}
	b := accelerator.Endpoint{ID: "lb-b", Weight: 1, Owner: accelerator.Owner{Site: "site-b"}}
	drainedB, drainedA := b, a
	drainedB.Weight, drainedA.Weight = 0, 0
	untagged := accelerator.Endpoint{ID: "lb-x", Weight: 1, Owner: accelerator.Owner{Unattributed: true}}
	foreign := accelerator.Endpoint{ID: "eipalloc-1", Weight: 1}
	seen := []contract.Endpoint{{Endpoint: "lb-b"}}
	tests := map[string]struct {
		endpoints []accelerator.Endpoint
		record    []contract.Endpoint
		want      contract.Reason // "" = permitted
	}{
		"site absent":                          {[]accelerator.Endpoint{a}, nil, ""},
		"foreign endpoint beside":              {[]accelerator.Endpoint{a, foreign}, nil, ""},
		"site serves":                          {[]accelerator.Endpoint{a, b}, seen, contract.SitePresent},
		"site there but drained":               {[]accelerator.Endpoint{a, drainedB}, seen, contract.SitePresent},
		"reporter drained":                     {[]accelerator.Endpoint{drainedA}, seen, contract.ReporterNotInService},
		"empty accelerator":                    {nil, seen, contract.ReporterNotInService},
		"untagged, nothing removed by us":      {[]accelerator.Endpoint{a, untagged}, nil, contract.UnattributedEndpoint},
		"untagged, but we removed the site":    {[]accelerator.Endpoint{a, untagged}, seen, ""},
		"untagged, and came after the write":   {[]accelerator.Endpoint{a, {ID: "lb-y", Weight: 1, Owner: accelerator.Owner{Unattributed: true}}}, seen, contract.UnattributedEndpoint},
		"untagged since we saw it":             {[]accelerator.Endpoint{a, {ID: "lb-b", Weight: 1, Owner: accelerator.Owner{Unattributed: true}}}, seen, contract.UnattributedEndpoint},
		"its balancer is gone since":           {[]accelerator.Endpoint{a, {ID: "lb-b", Weight: 1}, untagged}, seen, ""},
		"untagged only, nothing else in there": {[]accelerator.Endpoint{untagged}, seen, contract.ReporterNotInService},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			state := accelerator.State{Listeners: []accelerator.Listener{{ARN: "l",
				Groups: []accelerator.Group{{ARN: "g", Dial: 100, Endpoints: tc.endpoints}}}}}
			in := contract.ActInput{Event: contract.Event{Reporter: "site-a", Site: "site-b"}, Record: tc.record,
				Repeated: tc.record != nil, Removed: tc.record != nil, Unattributed: []string{"lb-x"}}
			err := Permit(state, in)
			var got contract.Reason
			if err != nil {
				got = contract.ReasonOf(err)
			}
			if got != tc.want {
				t.Errorf("got %q (%v), want %q", got, err, tc.want)
			}
		})
	}
}
