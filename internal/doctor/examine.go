package doctor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/release"
)

// Examine makes the rows: first the stack's, then each deployment's. What nothing
// is known of, because of a row that failed, has no row.
func Examine(f Facts) []Row {
	rows := []Row{webhookSecret(f), ingestAccepts(f), ingestRefuses(f), subscribed(f), notices(f), sameRelease(f)}
	for _, d := range f.Deployments {
		own := []Row{busRule(d, f.Rules), idle(d)}
		if err := d.Inspection.Err; err != nil {
			own = append(own, failed(Inspected, "deploy this release of the stack, allow yourself lambda:InvokeFunction on its Inspect function, and read that function's log",
				"the Inspect function did not answer: %v", err))
		} else {
			own = append(own, inspection(d.Inspection.Value, f.Config)...)
		}
		for _, row := range own {
			row.Deployment = d.Name
			rows = append(rows, row)
		}
	}
	return rows
}

func ok(c Check, format string, args ...any) Row {
	return Row{Check: c, Status: OK, Found: fmt.Sprintf(format, args...)}
}

func warning(c Check, do, format string, args ...any) Row {
	return Row{Check: c, Status: Warning, Found: fmt.Sprintf(format, args...), Do: do}
}

func failed(c Check, do, format string, args ...any) Row {
	return Row{Check: c, Status: Failed, Found: fmt.Sprintf(format, args...), Do: do}
}

// unread is a warning: what the operator may not see need not be wrong.
func unread(c Check, action string, err error) Row {
	do := "try again"
	if denied(err) {
		do = "allow yourself " + action + ", or ask somebody who may"
	}
	return warning(c, do, "could not be looked at: %s", awserr.Plain(err.Error()))
}

func denied(err error) bool {
	return contract.ReasonOf(awserr.Sort(err, "")) == contract.AccessDenied || contract.ReasonOf(err) == contract.AccessDenied
}

func webhookSecret(f Facts) Row {
	const do = "put the webhook's password into the secret as plain text, and give Alertmanager the same"
	err := f.Secret.Err
	_, misconfigured := errors.AsType[*contract.Misconfigured](err)
	switch {
	case err == nil:
		return ok(WebhookSecret, "the secret is there and can be a password")
	case denied(err):
		return unread(WebhookSecret, "secretsmanager:GetSecretValue on the webhook's secret", err)
	case misconfigured:
		return failed(WebhookSecret, do, "%s", awserr.Plain(err.Error()))
	}
	return unread(WebhookSecret, "", err)
}

func ingestAccepts(f Facts) Row {
	const c = IngestAccepts
	switch {
	case f.Secret.Err != nil:
		return warning(c, "let somebody run it who may read the webhook's secret", "not tried: the webhook's password is not known")
	case f.User == "":
		return warning(c, "name the configuration with --config", "not tried: the webhook's user is not known")
	case f.Accepts.Err != nil:
		return failed(c, "look whether the ingest URL can be reached from where Alertmanager runs", "ingest did not answer: %v", f.Accepts.Err)
	case f.Accepts.Value == 204:
		return ok(c, "a webhook without an alert, with the webhook's password, is answered 204")
	case f.Accepts.Value == 401:
		return failed(c, "wait a minute if the secret was changed just now; else deploy the configuration whose webhook.user and passwordSecret Alertmanager has",
			"ingest refuses user %q with the secret's password (401)", f.User)
	}
	return failed(c, "read ingest's log (docs/runbooks/ingest-failing.md)", "a webhook without an alert is answered %d, want 204", f.Accepts.Value)
}

func ingestRefuses(f Facts) Row {
	const c = IngestRefuses
	switch {
	case f.Refuses.Err != nil:
		return failed(c, "look whether the ingest URL can be reached from where Alertmanager runs", "ingest did not answer: %v", f.Refuses.Err)
	case f.Refuses.Value == 401:
		return ok(c, "a user that is not configured is answered 401")
	}
	return failed(c, "read ingest's log; anybody might be let in", "a user that is not configured is answered %d, want 401", f.Refuses.Value)
}

func subscribed(f Facts) Row {
	const c, do = Subscribed, "subscribe what pages you to the stack's topic (output TopicArn)"
	if f.Topic.Err != nil {
		return unread(c, "sns:ListSubscriptionsByTopic on the stack's topic", f.Topic.Err)
	}
	var pending []string
	confirmed := 0
	for _, s := range f.Topic.Value {
		if s.Pending {
			pending = append(pending, s.Protocol+" "+s.Endpoint)
		} else {
			confirmed++
		}
	}
	switch {
	case confirmed == 0 && len(pending) > 0:
		return failed(c, "confirm it: the message with the link is with the subscriber", "nobody hears of alarms and fences; not confirmed: %s", strings.Join(pending, ", "))
	case confirmed == 0:
		return failed(c, do, "nobody hears of alarms and fences: the topic has no subscription")
	case len(pending) > 0:
		return warning(c, "confirm it, or remove it", "%d confirmed; not confirmed: %s", confirmed, strings.Join(pending, ", "))
	}
	return ok(c, "%d confirmed", confirmed)
}

// ruleName is the name that infra gives the rule that starts a deployment's guard.
func ruleName(deployment string) string { return deployment + "-site-offline" }

func busRule(d Deployment, rules Answer[[]BusRule]) Row {
	name := ruleName(d.Name)
	if rules.Err != nil {
		return unread(Rule, "events:ListRules on the stack's bus", rules.Err)
	}
	for _, r := range rules.Value {
		switch {
		case r.Name != name:
		case !r.Enabled:
			return failed(Rule, "enable it: aws events enable-rule, or deploy again", "rule %s is disabled: no alert starts the guard", name)
		default:
			return ok(Rule, "rule %s is enabled", name)
		}
	}
	return failed(Rule, "deploy the stack again", "the bus has no rule %s: no alert starts the guard", name)
}

// notices looks at the rules that tell people of fences: all that no deployment has.
func notices(f Facts) Row {
	if f.Rules.Err != nil {
		return unread(Notices, "events:ListRules on the stack's bus", f.Rules.Err)
	}
	var disabled []string
	enabled := 0
	for _, r := range f.Rules.Value {
		switch {
		case strings.HasSuffix(r.Name, ruleName("")):
		case !r.Enabled:
			disabled = append(disabled, r.Name)
		default:
			enabled++
		}
	}
	switch {
	case len(disabled) > 0:
		return failed(Notices, "enable them: aws events enable-rule, or deploy again", "disabled, so that nobody is told: %s", strings.Join(disabled, ", "))
	case enabled == 0:
		return failed(Notices, "deploy the stack again", "the bus has no rule that tells people of a fence")
	}
	return ok(Notices, "%d rules tell people of fences", enabled)
}

// sameRelease compares what is deployed with itself and with the command.
func sameRelease(f Facts) Row {
	if f.Releases.Err != nil {
		return unread(Release, "cloudformation:ListStackResources, states:ListTagsForResource and lambda:ListTags", f.Releases.Err)
	}
	by := map[string][]string{} // what is of each release
	for name, r := range f.Releases.Value {
		by[r] = append(by[r], name)
	}
	for _, d := range f.Deployments {
		if d.Inspection.Err == nil {
			r := d.Inspection.Value.Release
			by[r] = append(by[r], "the Inspect function's code of "+d.Name)
		}
	}
	switch _, same := by[release.Version]; {
	case len(by) == 0:
		return failed(Release, "deploy the stack again", "the stack has no machine and no function")
	case len(by) == 1 && same:
		return ok(Release, "everything is of release %s", release.Version)
	case len(by) == 1:
		return warning(Release, "use the command of the deployed release, or deploy this one",
			"everything deployed is of release %s, this command is of %s", named(slices.Collect(maps.Keys(by))[0]), release.Version)
	}
	var parts []string
	for _, r := range slices.Sorted(maps.Keys(by)) {
		slices.Sort(by[r])
		parts = append(parts, fmt.Sprintf("of release %s: %s", named(r), some(by[r])))
	}
	return failed(Release, "deploy the stack again: a deployment did not end", "%s", strings.Join(parts, "; "))
}

func named(r string) string {
	if r == "" {
		return "unknown"
	}
	return r
}

// some names at most three.
func some(names []string) string {
	if len(names) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}

func idle(d Deployment) Row {
	var busy []string
	for _, machine := range slices.Sorted(maps.Keys(d.Running)) {
		a := d.Running[machine]
		if a.Err != nil {
			return unread(Idle, "states:ListExecutions on the "+machine+" machine", a.Err)
		}
		for _, name := range a.Value {
			busy = append(busy, machine+" "+name)
		}
	}
	if len(busy) > 0 {
		return warning(Idle, "look what it does: sitefence status", "running: %s", some(busy))
	}
	return ok(Idle, "no guard, fence or restore is running")
}
