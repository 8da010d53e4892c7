package infinispan

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
)

// CutAge is how old a proof may be on which a clear rests.
const CutAge = time.Second

// Cut is the proof that a site replicates nothing to anyone. Only ProveCut makes
// one that Clear takes.
type Cut struct {
	client *Client
	at     time.Time
}

// ProveCut reads the status of all backups of this site: each must be offline,
// and the peer must be among them. No site is its own backup, so the peer's
// Infinispan behind a mistaken address proves nothing. It is Refused otherwise.
func (c *Client) ProveCut(ctx context.Context, peer contract.Site) (Cut, error) {
	// The age of an answer counts from before the question.
	at := time.Now()
	all, err := c.Backups(ctx)
	if err != nil {
		return Cut{}, err
	}
	if _, ok := all[peer]; !ok {
		return Cut{}, contract.RefusedF(contract.BackupUnknown,
			"Infinispan of %s names no backup %s, so it is not what it should be; compare infinispan.url of both sites", c.site, peer)
	}
	for _, site := range slices.Sorted(maps.Keys(all)) {
		if all[site] != Offline {
			return Cut{}, contract.RefusedF(contract.NotProven,
				"%s still replicates to %.60q (%s), so nothing is cleared there: a clear is replicated too", c.site, site, all[site])
		}
	}
	return Cut{c, at}, nil
}

// Clear removes every entry of the cache. A clear is replicated to the backups
// like any other write, so it takes a proof that there is nobody to replicate to:
// of this very client, and at most CutAge old when the request is sent.
func (c *Client) Clear(ctx context.Context, cache string, cut Cut) error {
	if err := CheckCaches([]string{cache}); err != nil {
		return err
	}
	if err := c.Prepare(ctx); err != nil { // before the proof's age is looked at
		return err
	}
	if cut.client != c || time.Since(cut.at) > CutAge {
		return contract.TransientF(contract.NotProven, "cache %s at %s is not cleared: the proof that %s replicates to nobody is not of this moment", cache, c.site, c.site)
	}
	a, err := c.call(ctx, post("clear", "rest/v2/caches", cache))
	if err != nil {
		return fmt.Errorf("clearing cache %s: %w", cache, err)
	}
	if a.status != http.StatusNoContent && a.status != http.StatusOK {
		return contract.TransientF(contract.NotProven, "Infinispan of %s answers %d to the clearing of cache %s", c.site, a.status, cache)
	}
	return nil
}

// Size counts the entries of the cache in the whole cluster.
func (c *Client) Size(ctx context.Context, cache string) (int, error) {
	if err := CheckCaches([]string{cache}); err != nil {
		return 0, err
	}
	what := "the size of cache " + cache
	a, err := c.call(ctx, get("rest/v2/caches", cache).asking("size"))
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", what, err)
	}
	var size *int
	if a.status != http.StatusOK {
		return 0, contract.TransientF(contract.ReporterUnreachable, "Infinispan of %s answers %d to %s", c.site, a.status, what)
	}
	if err := json.Unmarshal(a.body, &size); err != nil || size == nil || *size < 0 {
		return 0, c.unexpected(what, fmt.Errorf("got %.40q, want a number", a.body))
	}
	return *size, nil
}
