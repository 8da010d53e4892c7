package manifests

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// site is a checked Input with its defaults, and what its names stand for.
type site struct {
	Input
	deployment config.Deployment
	others     []contract.Site // whom this site may report
	noMetric   bool            // this site has no Infinispan to look at
}

// problems collects what is wrong with an Input, each with the flag's name.
type problems []error

func (p *problems) add(field, got, want string) {
	*p = append(*p, &config.Problem{Path: field, Got: got, Want: want})
}

// check fills in the defaults and returns every problem at once.
func (in Input) check() (site, error) {
	if in.Timing == (Timing{}) {
		in.Timing = Defaults()
	}
	if in.RunbookURL == "" {
		in.RunbookURL = in.Config.Notifications.Runbook("site-offline")
	}
	if in.PasswordFile == "" {
		in.PasswordFile = DefaultPasswordFile
	}
	var p problems
	s := site{Input: in}
	s.find(&p)
	checkURL(&p, "ingest-url", in.IngestURL)
	checkURL(&p, "runbook-url", in.RunbookURL)
	s.checkNames(&p)
	s.checkTiming(&p)
	return s, errors.Join(p...)
}

// find looks up the names in the configuration.
func (s *site) find(p *problems) {
	var names []string
	for _, d := range s.Config.Deployments {
		names = append(names, d.Name)
		if d.Name == s.Deployment || s.Deployment == "" && len(s.Config.Deployments) == 1 {
			s.deployment = d
		}
	}
	if s.deployment.Name == "" {
		p.add("deployment", quote(s.Deployment), "one of "+strings.Join(names, ", "))
		return
	}
	var sites []string
	for _, other := range s.deployment.Sites {
		sites = append(sites, string(other.Name))
		if other.Name != s.Site {
			s.others = append(s.others, other.Name)
		} else {
			s.noMetric = other.Infinispan == nil
		}
	}
	if _, ok := s.deployment.Find(s.Site); !ok {
		p.add("site", quote(string(s.Site)), "one of "+strings.Join(sites, ", "))
	}
}

// checkURL takes what credentials may be sent to: https, or a server on this
// machine. A URL may hold a credential, and then it is not shown.
func checkURL(p *problems, field, text string) {
	const want = "an https URL without user, query and fragment (http for a loopback address only)"
	u, err := url.Parse(text)
	switch {
	case text == "":
		p.add(field, "nothing", want)
	case strings.ContainsAny(text, "@?#"):
		p.add(field, "a URL with a user, a query or a fragment", want)
	case err != nil || u.Hostname() == "" || !validPort(u) || u.Opaque != "" || strings.ContainsFunc(text, unicode.IsSpace),
		// Schemas of objects have patterns that know lower case only.
		!strings.HasPrefix(text, "https://") && (!strings.HasPrefix(text, "http://") || !loopback(u.Hostname())):
		p.add(field, quote(text), want)
	}
}

// validPort reports whether the port is one, or left out.
func validPort(u *url.URL) bool {
	if !strings.HasSuffix(u.Host, ":") && u.Port() == "" {
		return true
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Kubernetes' rules for the names of namespaces and labels.
var (
	namespacePattern  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	labelKeyPattern   = regexp.MustCompile(`^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$`)
	labelValuePattern = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$`)
)

func (s *site) checkNames(p *problems) {
	if s.Platform != "" && s.Platform != OpenShift && s.Platform != Operator {
		p.add("platform", quote(string(s.Platform)), "openshift or operator")
	}
	if s.Namespace != "" && !namespacePattern.MatchString(s.Namespace) {
		p.add("namespace", quote(s.Namespace), "1 to 63 lower-case letters, digits and inner hyphens")
	}
	for _, key := range slices.Sorted(maps.Keys(s.Labels)) {
		if !labelKeyPattern.MatchString(key) || !labelValuePattern.MatchString(s.Labels[key]) {
			p.add("label", quote(key+"="+s.Labels[key]), "a Kubernetes label, key=value")
		}
	}
	if strings.ContainsFunc(s.PasswordFile, unicode.IsControl) {
		p.add("password-file", quote(s.PasswordFile), "a path")
	}
}

// checkTiming: zero is what Prometheus and Alertmanager allow for two of them.
func (s *site) checkTiming(p *problems) {
	const positive, notNegative = "whole milliseconds, more than 0", "whole milliseconds, 0 or more"
	for _, t := range []struct {
		field string
		d     time.Duration
		least time.Duration
		want  string
	}{
		{"interval", s.Timing.Interval, 1, positive},
		{"for", s.Timing.For, 0, notNegative},
		{"group-wait", s.Timing.GroupWait, 0, notNegative},
		{"group-interval", s.Timing.GroupInterval, 1, positive},
		{"repeat-interval", s.Timing.RepeatInterval, 1, positive},
	} {
		if t.d < t.least || t.d%time.Millisecond != 0 {
			p.add(t.field, t.d.String(), t.want)
		}
	}
}

// quote shortens a value for a message.
func quote(s string) string { return fmt.Sprintf("%.60q", s) }
