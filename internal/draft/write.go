package draft

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Mark begins the comment above each gap.
const Mark = "# FILL IN:"

// gap is what stands in a gap: no field takes it, because of the colon and the
// spaces, and whoever reads the error knows what it is.
func gap(what string) string { return strconv.Quote("<FILL IN: " + what + ">") }

// writer collects the lines of the file and counts its gaps.
type writer struct {
	strings.Builder
	gaps int
}

func (w *writer) line(indent int, format string, args ...any) {
	_, _ = w.WriteString(strings.Repeat("  ", indent) + fmt.Sprintf(format, args...) + "\n")
}

// gap writes a field, or an item of a list, that somebody must fill in.
func (w *writer) gap(indent int, field, placeholder, why string) {
	w.gaps++
	w.line(indent, "%s %s", Mark, why)
	w.line(indent, "%s %s", field, gap(placeholder))
}

// Write makes the file, and says how many gaps it has. The schema is where an
// editor finds it: a path as seen from the file, or a URL.
func Write(f Facts, secrets Pattern, schema string) (text []byte, gaps int) {
	f.sortSites()
	var w writer
	w.line(0, "# yaml-language-server: $schema=%s", schema)
	w.line(0, `# Written by "sitefence init" from what AWS knows. What it cannot know is marked`)
	w.line(0, `# with FILL IN: until each is filled in, the file is refused, naming the field.`)
	w.line(0, `# docs/configuration.md says what every field means, and has more of them.`)
	w.line(0, "")
	f.writeWebhook(&w)
	w.line(0, "")
	f.writeDeployment(&w, secrets)
	w.line(0, "")
	w.line(0, "notifications:")
	w.line(1, "emails:")
	w.gap(2, "-", "an address",
		"who hears of alarms and fences. Remove notifications if\n    # something else is to be subscribed to the stack's topic (output TopicArn).")
	return []byte(w.String()), w.gaps
}

func (f Facts) writeWebhook(w *writer) {
	w.line(0, "# Who may post alerts: Alertmanager, with Basic authentication.")
	w.line(0, "webhook:")
	w.line(1, "user: alertmanager")
	w.line(1, "# The secret that holds its password. Without this line the stack makes one.")
	found := f.webhook()
	for _, id := range found {
		w.line(1, "# passwordSecret: %s  # found by its name", secretID(id))
	}
	if len(found) == 0 {
		w.line(1, "# passwordSecret: keycloak/alertmanager-webhook")
	}
}

func (f Facts) writeDeployment(w *writer, secrets Pattern) {
	w.line(0, "deployments:")
	const field = "- name:"
	if name := f.name(); name != "" {
		w.line(1, "# The accelerator's name. It is part of the names of the state machines.")
		w.line(1, "%s %s", field, scalar(name))
	} else {
		w.gap(1, field, "a name", "a name of letters, digits and hyphens, for the state machines.")
	}
	w.line(2, "accelerator:")
	w.line(3, "arn: %s", f.Accelerator.ARN)
	w.line(3, "# What the alert's label `accelerator` may say.")
	w.line(3, "dnsNames:")
	for _, n := range f.Accelerator.DNSNames {
		w.line(4, "- %s", n)
	}
	w.line(2, "# By the tag `site` of the load balancers in the accelerator.")
	w.line(2, "sites:")
	for _, s := range f.Sites {
		f.writeSite(w, s, secrets)
	}
}

func (f Facts) writeSite(w *writer, s Site, secrets Pattern) {
	w.line(3, "- name: %s", scalar(string(s.Name)))
	w.line(4, "# Or `infinispan: none`, if this site has none.")
	w.line(4, "infinispan:")
	w.gap(5, "url:", "its REST endpoint", "https://host or https://host:port, nothing behind it; the functions must reach it.")
	w.gap(5, "user:", "its user", "a user with the ADMIN permission.")
	const field = "passwordSecret:"
	switch found := f.candidates(secrets, s.Name); len(found) {
	case 1:
		w.line(5, "# Found by its name; its whole string must be the password.")
		w.line(5, "%s %s", field, secretID(found[0]))
	case 0:
		w.gap(5, field, "a secret", "the name or ARN of the secret that holds its password; no secret's name fits.")
	default:
		w.gap(5, field, "a secret", "which of these secrets holds its password? "+strings.Join(found, ", "))
	}
	w.line(5, "# The CA of its certificate, a PEM file beside this one, unless it is a public CA.")
	w.line(5, "# caFile: %s-ca.pem", s.Name)
	if f.regions() < 2 {
		return
	}
	w.line(4, "# Listed, so that no tag is read: the sites are in different Regions, and one that")
	w.line(4, "# is down must not stand in the way of its own fencing.")
	w.line(4, "loadBalancerArns:")
	for _, b := range s.Balancers {
		w.line(5, "- %s", b)
	}
}

// scalar quotes what YAML would take for something else than text: a number, a
// date, a truth, or the beginning of a list or an anchor.
func scalar(text string) string {
	if bare.MatchString(text) && !reserved[strings.ToLower(text)] {
		return text
	}
	return strconv.Quote(text)
}

// secretID is a secret's name or ARN, which is text as it is.
func secretID(id string) string {
	if strings.HasPrefix(id, "arn:") {
		return id
	}
	return scalar(id)
}

var bare = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9/_.-]*$`)

// reserved are the words that YAML 1.1 or 1.2 reads as something else.
var reserved = map[string]bool{"true": true, "false": true, "yes": true, "no": true, "on": true, "off": true,
	"null": true, "y": true, "n": true}
