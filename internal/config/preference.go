package config

import (
	"time"

	"github.com/sitefence/sitefence/internal/contract"
)

var preferenceRule = rule{"a number of seconds from 1s to 300s, as 10s", pattern(`^([1-9]|[1-9]\d|[12]\d\d|300)s$`), quote}

// preference reads which of the deployment's sites goes on when both could.
func preference(o object, d Deployment) (contract.Site, time.Duration) {
	f, delay := o.optional("preferred"), o.optional("preferenceDelay")
	site := contract.Site(f.match(nameRule))
	if _, known := d.Find(site); !known && site != "" {
		f.problem(quote(string(site)), "the name of one of the deployment's sites")
	}
	text := delay.match(preferenceRule)
	switch {
	case f.node == nil && delay.node != nil:
		delay.problem("a delay without preferred", "both of them, or none")
		return "", 0
	case f.node == nil:
		return "", 0
	case text == "":
		return site, DefaultPreferenceDelay
	}
	wait, _ := time.ParseDuration(text) // the rule allows nothing that fails
	return site, wait
}
