package infinispan

import (
	"context"
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
				"Infinispan of %s has not itself in its sites view %q: cross-site replication is not up there, "+
					"or none of the nodes that answered is a relay node (raise maxRelayNodes to the number of nodes)", c.site, view)
		}
	}
}

func (c *Client) view(ctx context.Context) ([]contract.Site, error) {
	a, err := c.call(ctx, http.MethodGet, containerPath)
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusNotFound {
		return nil, contract.TransientF(contract.ReporterUnreachable, "Infinispan of %s has no cache container yet", c.site)
	}
	type container struct {
		LocalSite contract.Site   `json:"local_site"`
		SitesView []contract.Site `json:"sites_view"`
	}
	v, err := decode[container](c, a, "the cache container")
	if err != nil {
		return nil, err
	}
	if v.LocalSite != "" && v.LocalSite != c.site {
		return nil, contract.MisconfiguredF(contract.WrongSite,
			"the Infinispan configured for %s says it is %.40q; correct infinispan.url and deploy", c.site, v.LocalSite)
	}
	if v.LocalSite == "" {
		return nil, contract.TransientF(contract.ReporterUnreachable, "Infinispan of %s names no local_site", c.site)
	}
	return v.SitesView, nil
}

// callBackup calls the resource of a backup site. The name becomes a part of
// the path, so it must be a site's name and nothing else (I7).
func (c *Client) callBackup(ctx context.Context, method string, backup contract.Site) (answer, error) {
	if !contract.NamePattern.MatchString(string(backup)) {
		return answer{}, contract.MisconfiguredF(contract.BadInput, "site: got %.60q, want a site's name", backup)
	}
	return c.call(ctx, method, containerPath, "x-site", "backups", string(backup))
}

// Backup returns the status of replication from this site towards the backup
// site. It is Misconfigured if this site does not know the backup.
func (c *Client) Backup(ctx context.Context, backup contract.Site) (Status, error) {
	a, err := c.callBackup(ctx, http.MethodGet, backup)
	if err != nil {
		return "", fmt.Errorf("reading the status of backup %s: %w", backup, err)
	}
	if a.status == http.StatusNotFound {
		return "", contract.MisconfiguredF(contract.BackupUnknown,
			"Infinispan of %s knows no backup site %s; compare the sites' names with its caches' backups", c.site, backup)
	}
	type status struct {
		Status Status `json:"status"`
	}
	v, err := decode[status](c, a, "the backup's status")
	if err != nil {
		return "", err
	}
	switch v.Status {
	case Online, Offline, Mixed:
		return v.Status, nil
	default:
		return "", contract.TransientF(contract.ReporterUnreachable,
			"Infinispan of %s: the backup's status is %.40q, want online, offline or mixed", c.site, v.Status)
	}
}

// TakeOffline stops replication from this site towards the backup and proves
// it: every cache must answer ok, and the status read afterwards must be
// offline. It is idempotent. It returns the caches, sorted.
func (c *Client) TakeOffline(ctx context.Context, backup contract.Site) ([]string, error) {
	a, err := c.callBackup(ctx, http.MethodPost, backup)
	if err != nil {
		return nil, fmt.Errorf("taking backup %s offline: %w", backup, err)
	}
	if a.status == http.StatusNotFound {
		return nil, contract.TransientF(contract.ReporterUnreachable, "Infinispan of %s answers 404 to take-offline of %s", c.site, backup)
	}
	results, err := decode[map[string]string](c, a, "the answer to take-offline")
	if err != nil {
		return nil, err
	}
	if len(results) == 0 {
		return nil, contract.TransientF(contract.NotProven, "Infinispan of %s took no cache offline: its answer is empty", c.site)
	}
	caches := slices.Sorted(maps.Keys(results))
	var failed []string
	for _, cache := range caches {
		if results[cache] != "ok" {
			failed = append(failed, fmt.Sprintf("%.60s: %.100s", cache, results[cache]))
		}
	}
	if len(failed) > 0 {
		return nil, contract.TransientF(contract.NotProven, "Infinispan of %s did not take all caches offline: %s", c.site, fmt.Sprintf("%.2000s", strings.Join(failed, "; ")))
	}
	status, err := c.Backup(ctx, backup)
	if contract.ReasonOf(err) == contract.BackupUnknown {
		// It was known when the fence was decided: a cluster on its way up.
		return nil, contract.TransientF(contract.NotProven, "backup %s is not known at %s after take-offline", backup, c.site)
	}
	if err != nil {
		return nil, fmt.Errorf("proving that backup %s is offline: %w", backup, err)
	}
	if status != Offline {
		return nil, contract.TransientF(contract.NotProven, "backup %s at %s is %s after take-offline", backup, c.site, status)
	}
	return caches, nil
}
