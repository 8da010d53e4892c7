package infinispan

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/sitefence/sitefence/internal/contract"
)

// Status is the administrative state of replication towards a backup site. It
// says nothing about reachability: it stays online through a split.
type Status string

// The states a container reports. Mixed: some caches are online, some are not.
const (
	Online  Status = "online"
	Offline Status = "offline"
	Mixed   Status = "mixed"
)

// None stands in the evidence for a site that is configured without Infinispan.
const None Status = "none"

const containerPath = "rest/v2/container"

// What an answer may hold at most to be believed or shown. Infinispan has a
// handful of sites, and Keycloak fewer than twenty caches.
const (
	maxView   = 100
	maxCaches = 200
	maxName   = 128 // bytes of a site's name, characters of a cache's
)

// viewTries is how often Sees asks for a node that has a view.
const viewTries = 4

// Sees returns the sites that this site's cluster has in its cross-site view,
// itself included. It is Misconfigured if another site answers at this address.
//
// Only a relay node (RELAY2's site master) has a view; every other node of the
// cluster answers an empty one, as does a node whose relay is not up yet
// (Infinispan, JGroupsTransport.getSitesView). Empty must never read as "sees
// nobody": that is what a split looks like. So a view counts only if the site
// itself is in it, and another node is asked, over a new connection, if not.
func (c *Client) Sees(ctx context.Context) ([]contract.Site, error) {
	for try := 1; ; try++ {
		view, err := c.view(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the sites view: %w", err)
		}
		if slices.Contains(view, c.site) {
			return view, nil
		}
		if try == viewTries {
			return nil, contract.TransientF(contract.ReporterUnreachable,
				"Infinispan of %s has not itself in its sites view %.300s: cross-site replication is not up there, "+
					"or none of the nodes that answered is a relay node (raise maxRelayNodes to the number of nodes)", c.site, fmt.Sprintf("%q", view))
		}
	}
}

func (c *Client) view(ctx context.Context) ([]contract.Site, error) {
	a, err := c.call(ctx, get(containerPath))
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusNotFound {
		return nil, contract.TransientF(contract.ReporterUnreachable, "Infinispan of %s has no cache container yet", c.site)
	}
	const what = "the cache container"
	o, err := c.decode(a, what)
	if err != nil {
		return nil, err
	}
	var local contract.Site
	var view []contract.Site
	if err := errors.Join(o.read("local_site", &local), o.read("sites_view", &view)); err != nil {
		return nil, c.unexpected(what, err)
	}
	if local != "" && local != c.site {
		return nil, contract.MisconfiguredF(contract.WrongSite,
			"the Infinispan configured for %s says it is %.40q; correct infinispan.url and deploy", c.site, local)
	}
	if local == "" {
		return nil, contract.TransientF(contract.ReporterUnreachable, "Infinispan of %s names no local_site", c.site)
	}
	// A name that cannot be one might stand for a site that is seen.
	bad := func(name contract.Site) bool { return name == "" || len(name) > maxName }
	if len(view) > maxView || slices.ContainsFunc(view, bad) {
		return nil, c.unexpected("the sites view", fmt.Errorf("got %d names, want at most %d, each of 1 to %d bytes", len(view), maxView, maxName))
	}
	return view, nil
}

// callBackup calls the resource of a backup site, with an action by POST. The
// name becomes a part of the path, so it must be a site's name and nothing else (I7).
func (c *Client) callBackup(ctx context.Context, action string, backup contract.Site) (answer, error) {
	if !contract.NamePattern.MatchString(string(backup)) {
		return answer{}, contract.MisconfiguredF(contract.BadInput, "site: got %.60q, want a site's name", backup)
	}
	path := []string{containerPath, "x-site", "backups", string(backup)}
	if action == "" {
		return c.call(ctx, get(path...))
	}
	return c.call(ctx, post(action, path...))
}

// Backup returns the status of replication from this site towards the backup
// site. It is Misconfigured if this site does not know the backup.
func (c *Client) Backup(ctx context.Context, backup contract.Site) (Status, error) {
	a, err := c.callBackup(ctx, "", backup)
	if err != nil {
		return "", fmt.Errorf("reading the status of backup %s: %w", backup, err)
	}
	if a.status == http.StatusNotFound {
		return "", contract.MisconfiguredF(contract.BackupUnknown,
			"Infinispan of %s knows no backup site %s; compare the sites' names with its caches' backups", c.site, backup)
	}
	const what = "the backup's status"
	o, err := c.decode(a, what)
	if err != nil {
		return "", err
	}
	var status Status
	if err := o.read("status", &status); err != nil {
		return "", c.unexpected(what, err)
	}
	switch status {
	case Online, Offline, Mixed:
		return status, nil
	default:
		return "", contract.TransientF(contract.ReporterUnreachable,
			"Infinispan of %s: the backup's status is %.40q, want online, offline or mixed", c.site, status)
	}
}

// TakeOffline stops replication from this site towards the backup and proves
// it: every cache must answer ok, and the status read afterwards must be
// offline. It is idempotent. It returns the caches, sorted, as far as they can be
// shown: a step's output may hold 256 KiB.
func (c *Client) TakeOffline(ctx context.Context, backup contract.Site) ([]string, error) {
	caches, err := c.switchTo(ctx, Offline, backup)
	if err != nil {
		return nil, err
	}
	return shown(caches), nil
}

// switchTo makes replication towards the backup offline or online, for every
// cache that has one, and proves it. It returns all caches, sorted.
func (c *Client) switchTo(ctx context.Context, want Status, backup contract.Site) ([]string, error) {
	action := map[Status]string{Offline: "take-offline", Online: "bring-online"}[want]
	caches, err := c.onBackup(ctx, action, backup)
	if err != nil {
		return nil, err
	}
	status, err := c.Backup(ctx, backup)
	if contract.ReasonOf(err) == contract.BackupUnknown {
		// It was known when the fence was decided: a cluster on its way up.
		return nil, contract.TransientF(contract.NotProven, "backup %s is not known at %s after %s", backup, c.site, action)
	}
	if err != nil {
		return nil, fmt.Errorf("proving that backup %s is %s: %w", backup, want, err)
	}
	if status != want {
		return nil, contract.TransientF(contract.NotProven, "backup %s at %s is %s after %s", backup, c.site, status, action)
	}
	return caches, nil
}

// failures are how an action on a backup fails: for all caches, and for some.
var failures = map[string]struct{ none, some string }{
	"take-offline":      {"took no cache offline", "did not take all caches offline"},
	"bring-online":      {"brought no cache online", "did not bring all caches online"},
	"start-push-state":  {"started no state transfer", "did not start all state transfers"},
	"cancel-push-state": {"canceled no state transfer", "did not cancel all state transfers"},
}

// onBackup does an action on the backup of every cache that has one. Each must
// answer ok: the server says 200 for error texts and for no cache at all.
func (c *Client) onBackup(ctx context.Context, action string, backup contract.Site) ([]string, error) {
	a, err := c.callBackup(ctx, action, backup)
	if err != nil {
		return nil, fmt.Errorf("%s of backup %s: %w", action, backup, err)
	}
	if a.status == http.StatusNotFound {
		return nil, contract.TransientF(contract.ReporterUnreachable, "Infinispan of %s answers 404 to %s of %s", c.site, action, backup)
	}
	what := "the answer to " + action
	results, err := c.decode(a, what)
	if err != nil {
		return nil, err
	}
	if len(results) == 0 {
		return nil, contract.TransientF(contract.NotProven, "Infinispan of %s %s: its answer is empty", c.site, failures[action].none)
	}
	caches := slices.Sorted(maps.Keys(results))
	var failed []string
	for _, cache := range caches {
		var result string
		if err := results.read(cache, &result); err != nil {
			return nil, c.unexpected(what, err)
		}
		if result != "ok" {
			failed = append(failed, fmt.Sprintf("%.60s: %.100s", cache, result))
		}
	}
	if len(failed) > 0 {
		return nil, contract.TransientF(contract.NotProven, "Infinispan of %s %s: %s", c.site, failures[action].some, fmt.Sprintf("%.2000s", strings.Join(failed, "; ")))
	}
	return caches, nil
}

// shown bounds a list of caches for a step's output.
func shown(caches []string) []string {
	list := make([]string, 0, min(len(caches), maxCaches+1))
	for i, cache := range caches {
		if i == maxCaches {
			return append(list, fmt.Sprintf("and %d more", len(caches)-i))
		}
		list = append(list, fmt.Sprintf("%.*s", maxName, cache))
	}
	return list
}
