package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/sitefence/sitefence/internal/contract"
)

// What a file may hold at most. Every list is cut at its limit before it is
// walked, so that aliases cannot multiply the work.
const (
	maxFileBytes     = 256 << 10
	maxFields        = 64 // of one mapping
	maxProblems      = 100
	maxDeployments   = 8 // CloudFormation's 500 resources a stack
	minSites         = 2
	maxSites         = 4
	maxDNSNames      = 16
	maxLoadBalancers = 32
	maxEmails        = 20
	maxSecretKeys    = 16
	maxTags          = 40 // of AWS's 50; the stack adds its own
)

// Load reads and validates the configuration file. It returns every problem at
// once (the first hundred of them): it wraps an errors.Join of *Problem, in the order of the
// file's fields. A value that might be a secret is never part of a problem's text.
func Load(path string) (Config, error) {
	data, err := readBounded(path, maxFileBytes)
	if err != nil {
		return Config{}, fmt.Errorf("reading the configuration: %w", err)
	}
	c, err := read(data, filepath.Dir(path))
	if err != nil {
		return Config{}, fmt.Errorf("the configuration %s: %w", path, err)
	}
	return c, nil
}

// read validates the text of a configuration file that lies in dir.
func read(data []byte, dir string) (Config, error) {
	root, err := parse(data)
	if err != nil {
		return Config{}, err
	}
	l := &loader{dir: dir}
	c := l.config(field{l, "", root})
	if err := errors.Join(l.problems...); err != nil {
		return Config{}, err
	}
	return c, nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	// A pipe could block for ever.
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: want a regular file", path)
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: larger than %d KiB", path, limit>>10)
	}
	return data, nil
}

// parse returns the root of the one document in data; nil when it is empty.
func parse(data []byte) (*yaml.Node, error) {
	// None is needed, and the parser looks at all of them again for each.
	if at := directive.FindIndex(data); at != nil {
		return nil, fmt.Errorf("a YAML directive, want none (line %d)", 1+bytes.Count(data[:at[1]], []byte("\n")))
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, located(data, err)
	}
	if err := dec.Decode(&second); err == nil {
		return nil, fmt.Errorf("more than one YAML document, want one (line %d)", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, located(data, err)
	}
	if len(doc.Content) != 1 {
		return nil, nil
	}
	return doc.Content[0], nil
}

var directive = regexp.MustCompile(`(^|[\n\r\x{85}\x{2028}\x{2029}])\x{FEFF}?%`)

var lineNumber = regexp.MustCompile(`\bline [0-9]+\b`)

// located adds the line to those of the parser's errors that lack it: it names
// none for what it finds in the first one, for a character that it cannot read
// and for an unknown anchor.
func located(data []byte, err error) error {
	if lineNumber.MatchString(err.Error()) {
		return err
	}
	at := bytes.IndexFunc(data, func(r rune) bool {
		return r == utf8.RuneError || unicode.IsControl(r) && !strings.ContainsRune("\t\n\r", r)
	})
	if _, rest, ok := strings.Cut(err.Error(), "unknown anchor '"); ok {
		name, _, _ := strings.Cut(rest, "'")
		at = bytes.Index(data, []byte("*"+name))
		// The name might be a password that begins with a star.
		err = errors.New("an alias (*) of an anchor (&) that is not there; put it in quotes if it is meant as text")
	}
	return fmt.Errorf("%w (line %d)", err, 1+bytes.Count(data[:max(at, 0)], []byte("\n")))
}

func (l *loader) config(f field) Config {
	o := f.object("webhook", "deployments", "notifications", "drift", "tuning", "tags")
	return Config{
		Webhook:       l.webhook(o.required("webhook")),
		Deployments:   l.deployments(o.required("deployments")),
		Notifications: l.notifications(o.optional("notifications")),
		Drift:         l.drift(o.optional("drift")),
		Tuning:        l.tuning(o.optional("tuning")),
		Tags:          l.tags(o.optional("tags")),
	}
}

func (l *loader) webhook(f field) Webhook {
	o := f.object("user", "passwordSecret")
	return Webhook{
		User:           o.required("user").match(userRule),
		PasswordSecret: o.optional("passwordSecret").match(secretRule),
	}
}

func (l *loader) deployments(f field) []Deployment {
	items := f.list(1, maxDeployments, "1 to 8 deployments a stack (CloudFormation's limit of resources); put the others into another file and deploy that as another stack: npx cdk deploy -c config=more.yaml -c stack=sitefence-more")
	names, arns, dns := once("deployment"), once("deployment"), once("deployment")
	var all []Deployment
	for _, item := range items {
		o := item.object("name", "accelerator", "sites", "preferred", "preferenceDelay", "network", "heartbeat")
		d := Deployment{Name: o.required("name").match(nameRule)}
		names.see(o.optional("name"), d.Name)

		a := o.required("accelerator").object("arn", "dnsNames")
		d.Accelerator.ARN = a.required("arn").match(acceleratorRule)
		arns.see(a.optional("arn"), d.Accelerator.ARN)
		for _, n := range a.required("dnsNames").list(1, maxDNSNames, "1 to 16 DNS names of the accelerator, as in the alert's label") {
			name := n.match(hostRule)
			dns.see(n, name)
			d.Accelerator.DNSNames = append(d.Accelerator.DNSNames, name)
		}
		d.Sites = l.sites(o.required("sites"))
		d.Preferred, d.PreferenceDelay = preference(o, d)
		d.Network = l.network(o.optional("network"))
		d.HeartbeatSilence = heartbeat(o.optional("heartbeat"))
		all = append(all, d)
	}
	return all
}

func (l *loader) sites(f field) []Site {
	items := f.list(minSites, maxSites, "2 to 4 sites")
	// Two sites with one Infinispan or one load balancer are a slip of copy and
	// paste that would fence the wrong one.
	names, balancers, urls, health := once("site"), once("site"), once("site"), once("site")
	var all []Site
	for _, item := range items {
		o := item.object("name", "infinispan", "loadBalancerArns", "healthUrl")
		s := Site{Name: contract.Site(o.required("name").match(nameRule))}
		names.see(o.optional("name"), string(s.Name))
		s.Infinispan = l.infinispan(o.requiredAs("infinispan", "a mapping with url, user and passwordSecret, or the word none"), urls)
		for _, b := range o.optional("loadBalancerArns").list(1, maxLoadBalancers, "1 to 32 load balancer ARNs, or no such field") {
			arn := b.match(loadBalancerRule)
			balancers.see(b, arn)
			s.LoadBalancerARNs = append(s.LoadBalancerARNs, arn)
		}
		s.HealthURL = o.optional("healthUrl").match(healthRule)
		health.see(o.optional("healthUrl"), s.HealthURL)
		all = append(all, s)
	}
	return all
}

// infinispan is nil for `none`, which must be said: silence might be a slip,
// and a fence without Infinispan leaves replication on.
func (l *loader) infinispan(f field, urls seen) *Infinispan {
	if f.node == nil {
		return nil
	}
	if f.node.Kind == yaml.ScalarNode {
		if f.node.Value != "none" {
			f.problem(kind(f.node), "`none`, or a mapping with url, user and passwordSecret")
		}
		return nil
	}
	o := f.object("url", "user", "passwordSecret", "caFile", "caSecret", "insecureSkipVerify")
	i := &Infinispan{
		URL:                o.required("url").match(urlRule),
		User:               o.required("user").match(userRule),
		PasswordSecret:     o.required("passwordSecret").match(secretRule),
		CA:                 o.optional("caFile").certificates(l.dir),
		CASecret:           o.optional("caSecret").match(secretRule),
		InsecureSkipVerify: o.optional("insecureSkipVerify").boolean(false),
	}
	urls.see(o.optional("url"), strings.TrimSuffix(strings.ToLower(i.URL), ":443"))
	alone(o, i.InsecureSkipVerify)
	return i
}

// alone wants one way at most to verify an endpoint.
func alone(o object, unverified bool) {
	file, secret := o.optional("caFile"), o.optional("caSecret")
	switch {
	case file.node != nil && secret.node != nil:
		secret.problem("a CA beside caFile", "one of the two")
	case unverified && file.node != nil:
		o.optional("insecureSkipVerify").problem("true beside caFile", "one of the two: without verification the CA is not used")
	case unverified && secret.node != nil:
		o.optional("insecureSkipVerify").problem("true beside caSecret", "one of the two: without verification the CA is not used")
	}
}

func (l *loader) tags(f field) map[string]string {
	o := f.anyObject(maxTags, "at most 40 tags")
	var tags map[string]string
	for _, m := range o.members {
		if !tagKeyRule.ok(m.name) {
			m.problem(quote(m.name), tagKeyRule.want)
			continue
		}
		if tags == nil {
			tags = map[string]string{}
		}
		tags[m.name] = m.match(tagValueRule)
	}
	return tags
}
