package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sitefence/sitefence/internal/contract"
)

// infinispan makes the rows of one site's cluster, in the order in which one
// thing needs the other: the secret, a trusted connection, the right site, ADMIN,
// and what it says of its replication.
func infinispan(s contract.SiteState, in contract.Inspection) []Row {
	c := s.Infinispan
	all := []*contract.Problem{c.Problem, c.BackupsProblem, c.CachesProblem}
	if p := first(all, contract.SecretUnusable, contract.AccessDenied, contract.NotFound); p != nil {
		return []Row{failed(Secret, "put the password into the secret that passwordSecret names, as plain text", "%s", said(p))}
	}
	rows := []Row{ok(Secret, "the secret is there and can be a password")}
	if p := first(all, contract.UntrustedCert); p != nil {
		return append(rows, failed(Reachable, "put the CA that signs its certificate into caFile and deploy, or into the secret that caSecret names", "%s", said(p)))
	}
	if p := first(all, contract.ReporterUnreachable, contract.Unavailable); p != nil && silent(all) {
		return append(rows, failed(Reachable, "look whether it runs, and whether the functions reach its URL: without `network` they stand outside of any VPC; with it, docs/network.md has what must be reachable", "%s", said(p)))
	}
	if c.Verified {
		rows = append(rows, ok(Reachable, "answers over TLS with a certificate that is verified"))
	} else {
		rows = append(rows, warning(Reachable, "give it caFile or caSecret instead of insecureSkipVerify and deploy", "answers, but nobody verifies its certificate: whoever is in between can read its password"))
	}
	rows = append(rows, localSite(s)...)
	return append(rows, backups(s, in)...)
}

// silent says that nothing answered: no part of it, not even with a refusal.
func silent(all []*contract.Problem) bool {
	return !slices.ContainsFunc(all, func(p *contract.Problem) bool {
		return p == nil || p.Type == "Misconfigured"
	})
}

func first(all []*contract.Problem, reasons ...contract.Reason) *contract.Problem {
	for _, p := range all {
		if p != nil && slices.Contains(reasons, p.Reason) {
			return p
		}
	}
	return nil
}

// localSite makes the rows of what needs no ADMIN: who it is and whom it sees.
func localSite(s contract.SiteState) []Row {
	p := s.Infinispan.Problem
	switch {
	case p == nil:
		return []Row{ok(LocalSite, "its local_site is %s", s.Name)}
	case p.Reason == contract.WrongSite:
		return []Row{failed(LocalSite, "correct infinispan.url, or the site's name, and deploy", "%s", said(p))}
	case p.Reason == contract.BadCredentials:
		return nil // told with ADMIN
	}
	return []Row{failed(LocalSite, "look at its cross-site view (RELAY2) and at maxRelayNodes", "%s", said(p))}
}

// backups makes the rows of what needs ADMIN.
func backups(s contract.SiteState, in contract.Inspection) []Row {
	c := s.Infinispan
	if p := first([]*contract.Problem{c.Problem, c.BackupsProblem, c.CachesProblem}, contract.BadCredentials, contract.Forbidden); p != nil {
		do := "give the user a role with the ADMIN permission"
		if p.Reason == contract.BadCredentials {
			do = "compare the user and the secret's password with the server's"
		}
		return []Row{failed(Admin, do, "%s", said(p))}
	}
	for _, p := range []*contract.Problem{c.BackupsProblem, c.CachesProblem} {
		if p != nil {
			return []Row{failed(Replication, "look at the server's log, and run this again", "%s", said(p))}
		}
	}
	rows := []Row{ok(Admin, "the user may administer replication")}
	others := peers(s, in)
	if c.Problem == nil {
		rows = append(rows, link(c, others))
	}
	return append(rows, replication(c, others))
}

// peers are the other sites that have an Infinispan.
func peers(s contract.SiteState, in contract.Inspection) (others []contract.Site) {
	for _, o := range in.Sites {
		if o.Name != s.Name && o.Infinispan != nil {
			others = append(others, o.Name)
		}
	}
	return others
}

func link(c *contract.ClusterState, others []contract.Site) Row {
	var missed []string
	for _, o := range others {
		if !slices.Contains(c.Sees, o) {
			missed = append(missed, string(o))
		}
	}
	if len(missed) > 0 {
		return failed(Link, "look at the network between the sites, and at the other site", "does not see %s: an alert should be firing", strings.Join(missed, ", "))
	}
	return ok(Link, "sees every other site")
}

// replication holds each cache that has a backup against the sites that it must
// have one to.
func replication(c *contract.ClusterState, others []contract.Site) Row {
	if len(c.Caches) == 0 {
		return failed(Replication, "give Keycloak's caches a backup to the other site, failure policy FAIL", "no cache has a backup: nothing is replicated")
	}
	var missing, offline, foreign []string
	for _, cache := range slices.Sorted(maps.Keys(c.Caches)) {
		for _, o := range others {
			switch status, has := c.Caches[cache][o]; {
			case !has:
				missing = append(missing, fmt.Sprintf("%s to %s", cache, o))
			case status != "online":
				offline = append(offline, fmt.Sprintf("%s to %s (%s)", cache, o, status))
			}
		}
		for _, o := range slices.Sorted(maps.Keys(c.Caches[cache])) {
			if !slices.Contains(others, o) {
				foreign = append(foreign, fmt.Sprintf("%s to %s", cache, o))
			}
		}
	}
	switch {
	case len(missing) > 0:
		return failed(Replication, "give the cache a backup to every other site, or to none; compare the sites' names", "no backup of %s", some(missing))
	case len(offline) > 0:
		return failed(Replication, "if its site is not fenced, bring the data up to date: sitefence restore", "not online: %s", some(offline))
	case len(foreign) > 0:
		return warning(Replication, "compare the sites' names: nobody fences or restores such a site", "backed up to a site that is not configured: %s", some(foreign))
	}
	return ok(Replication, "%s, each online to %s", count(len(c.Caches), "cache"), joined(others))
}

func joined(sites []contract.Site) string {
	var all []string
	for _, s := range sites {
		all = append(all, string(s))
	}
	return strings.Join(all, ", ")
}
