package accelerator

import "github.com/sitefence/sitefence/internal/contract"

// Without is the state as it would be with the site's endpoints removed.
func (s State) Without(site contract.Site) State {
	var after State
	for _, l := range s.Listeners {
		left := Listener{ARN: l.ARN}
		for _, g := range l.Groups {
			left.Groups = append(left.Groups, Group{ARN: g.ARN, Dial: g.Dial, Endpoints: g.survivors(site)})
		}
		after.Listeners = append(after.Listeners, left)
	}
	return after
}
