package incident

import "time"

// FirstWorking is when a write works again at a site where these were tried, after
// a break that began, was done and, if blind is not zero, took its sight.
func FirstWorking(began, done, blind time.Time, tries []Write) (time.Time, bool) {
	w := &World{writers: map[string]*writer{"site-a": {writes: tries}}, outage: outage{at: began, done: done, blind: map[string]time.Time{}}}
	if !blind.IsZero() {
		w.outage.blind["site-a"] = blind
	}
	return w.writers["site-a"].firstWorking(w.broken("site-a"))
}
