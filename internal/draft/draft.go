// Package draft writes the first sitefence.yaml from what AWS knows: the
// accelerator, its load balancers with their site tags, and the names of secrets.
// What AWS cannot know is a gap: it is marked, and the configuration is refused,
// by the field's name, until it is filled in. Nothing is guessed silently.
package draft

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sitefence/sitefence/internal/contract"
)

// Facts are what was read.
type Facts struct {
	Accelerator Accelerator
	Sites       []Site // by name
	Secrets     []Secret
	// Region is where the stack will be: a secret of another one goes by its ARN.
	Region string
}

// Accelerator is the accelerator as AWS describes it.
type Accelerator struct {
	ARN, Name string
	DNSNames  []string
}

// Site is a site by its load balancers' tags.
type Site struct {
	Name      contract.Site
	Balancers []string // ARNs, sorted
}

// Secret is the name of a secret, never its value.
type Secret struct{ Name, ARN, Region string }

// id is how the configuration names a secret.
func (s Secret) id(region string) string {
	if s.Region == region {
		return s.Name
	}
	return s.ARN
}

// Pattern says by their names which secrets may be meant.
type Pattern string

// DefaultPattern is for the sites' Infinispan.
const DefaultPattern Pattern = "*infinispan*{site}*"

// Validate wants the pattern to tell the sites apart.
func (p Pattern) Validate() error {
	if !strings.Contains(string(p), siteWord) {
		return fmt.Errorf("got %.100q, want a pattern that holds %s, in which * stands for anything", string(p), siteWord)
	}
	return nil
}

const siteWord = "{site}"

// matches ignores the case. The default also takes the words the other way round.
func (p Pattern) matches(name string, site contract.Site) bool {
	if p == DefaultPattern && match("*{site}*infinispan*", name, site) {
		return true
	}
	return match(string(p), name, site)
}

func match(pattern, name string, site contract.Site) bool {
	var b strings.Builder
	b.WriteString("(?is)^")
	for i, part := range strings.Split(pattern, "*") {
		if i > 0 {
			b.WriteString(".*")
		}
		for j, text := range strings.Split(part, siteWord) {
			if j > 0 {
				b.WriteString(regexp.QuoteMeta(string(site)))
			}
			b.WriteString(regexp.QuoteMeta(text))
		}
	}
	return regexp.MustCompile(b.String() + "$").MatchString(name)
}

// candidates are the secrets that a site's Infinispan may have, by their names.
func (f Facts) candidates(p Pattern, site contract.Site) (ids []string) {
	return f.named(func(name string) bool { return p.matches(name, site) })
}

// webhook are the secrets that may hold the webhook's password.
func (f Facts) webhook() []string {
	return f.named(func(name string) bool { return strings.Contains(strings.ToLower(name), "webhook") })
}

func (f Facts) named(meant func(string) bool) (ids []string) {
	for _, s := range f.Secrets {
		if meant(s.Name) {
			ids = append(ids, s.id(f.Region))
		}
	}
	slices.Sort(ids)
	return ids
}

// regions says whether the sites' load balancers are in more than one Region.
func (f Facts) regions() int {
	var all []string
	for _, s := range f.Sites {
		for _, b := range s.Balancers {
			all = append(all, strings.Split(b, ":")[3])
		}
	}
	slices.Sort(all)
	return len(slices.Compact(all))
}

// name is the deployment's name that the accelerator's suggests, or "".
func (f Facts) name() string {
	name := strings.Trim(notName.ReplaceAllString(strings.ToLower(f.Accelerator.Name), "-"), "-")
	if !contract.NamePattern.MatchString(name) {
		return ""
	}
	return name
}

var notName = regexp.MustCompile(`[^a-z0-9]+`)

// sortSites puts what was read into an order that does not change.
func (f *Facts) sortSites() {
	slices.SortFunc(f.Sites, func(a, b Site) int { return cmp.Compare(a.Name, b.Name) })
	for i := range f.Sites {
		slices.Sort(f.Sites[i].Balancers)
	}
}
