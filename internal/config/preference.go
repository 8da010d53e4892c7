package config

import (
	"fmt"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
)

var preferenceRule = rule{"a number of seconds from 1s to 300s, as 10s", pattern(`^([1-9]|[1-9]\d|[12]\d\d|300)s$`), quote}

// preference reads which of the deployment's sites goes on when both could.
func preference(o object, d Deployment) (contract.Site, time.Duration) {
	f := o.optional("preferred")
	delay := o.optional("preferenceDelay")
	text := delay.match(preferenceRule)
	if f.node == nil {
		if delay.node != nil {
			delay.problem("a delay without preferred", "both of them, or none")
		}
		return "", 0
	}
	site := contract.Site(f.match(nameRule))
	if _, known := d.Find(site); !known && site != "" {
		f.problem(quote(string(site)), fmt.Sprintf("the name of one of the deployment's %d sites", len(d.Sites)))
	}
	if text == "" {
		return site, DefaultPreferenceDelay
	}
	wait, _ := time.ParseDuration(text) // the rule allows nothing that fails
	return site, wait
}
