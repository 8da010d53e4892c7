package config

import (
	"fmt"
	"regexp"
	"time"
)

// GuardLimits are the guard machine's numbers that a team may have its own mind
// about. A field that is zero has its default.
type GuardLimits struct {
	// Rechecks and RecheckWait are how often, and after what wait each, the guard
	// looks again at what may pass within minutes: 2 to 60 times, 5 to 60 s, and
	// 1 to 15 minutes in all.
	Rechecks    int           `json:"rechecks"`
	RecheckWait time.Duration `json:"recheckWait"`
	// AlertAge is how long an alert may have fired when it was received and still
	// count as healed when the site is visible; an older one contradicts REST, and a
	// human must look: 5 minutes to a day.
	AlertAge time.Duration `json:"alertAge"`
	// GiveUpAfter is how long the guard waits for its turn: 15 to 90 minutes.
	GiveUpAfter time.Duration `json:"giveUpAfter"`
}

// FenceLimits are the fence machine's. They hold the turn: a report that comes
// meanwhile waits.
type FenceLimits struct {
	// Rechecks and RecheckWait are those before the first write: 1 to 12 times, 1 to
	// 15 s, and a minute in all at most.
	Rechecks    int           `json:"rechecks"`
	RecheckWait time.Duration `json:"recheckWait"`
	// HalfwayRechecks are those, each after 15 s, of a site that is there in part
	// once the fence has begun: 4 to 40.
	HalfwayRechecks int `json:"halfwayRechecks"`
	// UpdateTries is how often an accelerator that refuses writes for a while is
	// tried again, after 5, 10, 20 and then 30 s: 6 to 60.
	UpdateTries int `json:"updateTries"`
	// DeployWait is how long a rejoin waits for the accelerator to deploy and to
	// find the endpoints healthy: 2 minutes to an hour.
	DeployWait time.Duration `json:"deployWait"`
}

// DefaultGuardLimits and DefaultFenceLimits are the design's.
var (
	DefaultGuardLimits = GuardLimits{Rechecks: 8, RecheckWait: 15 * time.Second, AlertAge: 10 * time.Minute, GiveUpAfter: time.Hour}
	DefaultFenceLimits = FenceLimits{Rechecks: 3, RecheckWait: 5 * time.Second, HalfwayRechecks: 8, UpdateTries: 12, DeployWait: 10 * time.Minute}
)

const wholeNumber = "a whole number"

// durationRule is a time as a person writes it, without fractions and sums.
var durationRule = rule{"a time as 15s, 10m or 1h", pattern(`^[1-9][0-9]{0,4}[smh]$`), quote}

func (l *loader) guardLimits(f field) GuardLimits {
	o := f.object("rechecks", "recheckWait", "alertAge", "giveUpAfter")
	g := DefaultGuardLimits
	g.Rechecks = o.optional("rechecks").whole(g.Rechecks, 2, 60, wholeNumber)
	g.RecheckWait = o.optional("recheckWait").lasting(g.RecheckWait, 5*time.Second, time.Minute)
	g.AlertAge = o.optional("alertAge").lasting(g.AlertAge, 5*time.Minute, 24*time.Hour)
	// Its pauses alone are counted, not the looks between them. Longer, and the
	// machine's own timeout of three hours could end it in its place.
	g.GiveUpAfter = o.optional("giveUpAfter").lasting(g.GiveUpAfter, 15*time.Minute, 90*time.Minute)
	// Infinispan notices a split, or that it is over, within 45 s by default: fewer
	// would end before the sites agree on what they see. More, and the news is old.
	o.together(g.Rechecks, g.RecheckWait, time.Minute, 15*time.Minute)
	return g
}

func (l *loader) fenceLimits(f field) FenceLimits {
	o := f.object("rechecks", "recheckWait", "halfwayRechecks", "updateTries", "deployWait")
	e := DefaultFenceLimits
	e.Rechecks = o.optional("rechecks").whole(e.Rechecks, 1, 12, wholeNumber)
	e.RecheckWait = o.optional("recheckWait").lasting(e.RecheckWait, time.Second, 15*time.Second)
	e.HalfwayRechecks = o.optional("halfwayRechecks").whole(e.HalfwayRechecks, 4, 40, wholeNumber)
	// Six last two minutes, twice the writer's timeout: with one call at a time, a
	// call may be refused because of one that hangs.
	e.UpdateTries = o.optional("updateTries").whole(e.UpdateTries, 6, 60, wholeNumber)
	e.DeployWait = o.optional("deployWait").lasting(e.DeployWait, 2*time.Minute, time.Hour)
	o.together(e.Rechecks, e.RecheckWait, time.Second, time.Minute)
	return e
}

// together bounds the time that all rechecks last. It says nothing where nothing
// was set: then one of the two has been reported already.
func (o object) together(rechecks int, wait, least, most time.Duration) {
	if all := time.Duration(rechecks) * wait; all < least || all > most {
		o.problem(fmt.Sprintf("%d rechecks of %s, %s in all", rechecks, short(wait), short(all)),
			fmt.Sprintf("rechecks × recheckWait from %s to %s", short(least), short(most)))
	}
}

// lasting reads a time from least to most.
func (f field) lasting(otherwise, least, most time.Duration) time.Duration {
	text := f.match(durationRule)
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		f.problem(quote(text), "a time from "+short(least)+" to "+short(most))
		return otherwise
	}
	return d
}

var zeroes = regexp.MustCompile(`([hm])0[ms](0s)?$`)

// short is a duration as the file has it: 10m, not 10m0s.
func short(d time.Duration) string { return zeroes.ReplaceAllString(d.String(), "$1") }
