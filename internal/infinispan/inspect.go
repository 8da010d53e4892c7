package infinispan

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/sitefence/sitefence/internal/contract"
)

// internalCache begins the names of Infinispan's own caches, which replicate
// to no other site.
const internalCache = "___"

// CacheBackups returns the caches that have a backup, each with its status by
// site. A cache without one is left out. It needs the ADMIN permission.
func (c *Client) CacheBackups(ctx context.Context) (map[string]map[contract.Site]Status, error) {
	const what = "the list of caches"
	a, err := c.call(ctx, get("rest/v2/caches"))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	if a.status != http.StatusOK {
		return nil, contract.TransientF(contract.ReporterUnreachable, "Infinispan of %s answers %d to %s", c.site, a.status, what)
	}
	var names []string
	if err := json.Unmarshal(a.body, &names); err != nil {
		return nil, c.unexpected(what, err)
	}
	found := map[string]map[contract.Site]Status{}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, internalCache) })
	if len(names) == 0 {
		return found, nil
	}
	if err := CheckCaches(names); err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", what, c.site, err)
	}
	var mu sync.Mutex
	err = each(ctx, names, func(ctx context.Context, cache string) error {
		statuses, err := c.cacheBackups(ctx, cache)
		if err != nil {
			return fmt.Errorf("reading the backups of cache %s: %w", cache, err)
		}
		if statuses != nil {
			mu.Lock()
			defer mu.Unlock()
			found[cache] = statuses
		}
		return nil
	})
	return found, err
}

// cacheBackups is nil for a cache that has no backup, which the server says with
// a 404 of its own: any other might be a cache that is not up yet.
func (c *Client) cacheBackups(ctx context.Context, cache string) (map[contract.Site]Status, error) {
	a, err := c.call(ctx, get("rest/v2/caches", cache, "x-site", "backups"))
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusNotFound {
		if strings.Contains(string(a.body), noBackups) {
			return nil, nil
		}
		return nil, contract.TransientF(contract.ReporterUnreachable, "Infinispan of %s does not know the cache", c.site)
	}
	return c.statuses(a, "the status of a cache's backups")
}
