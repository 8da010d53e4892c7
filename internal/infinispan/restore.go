package infinispan

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/contract"
)

// The operations of a restore. Their paths and answers are those of Infinispan's
// REST API, "Cache operations" and "Cross-site operations with caches".

// Transfer is the state of a cache's state transfer to a backup site.
type Transfer string

// The states of a transfer that Infinispan names (XSiteStateTransferManager).
const (
	Idle     Transfer = "IDLE"
	Sending  Transfer = "SENDING"
	Sent     Transfer = "OK"
	Failed   Transfer = "ERROR"
	Canceled Transfer = "CANCELED"
)

// cachePattern is what a cache's name must look like to become a part of a path.
// Infinispan takes any text; Keycloak's are letters. It is compiled when it is
// first asked, which a fence never does: that takes half a millisecond.
var cachePattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.$-]{0,127}$`) })

// parallel bounds the calls to one cluster that run side by side.
const parallel = 6

// CheckCaches refuses a list of caches that cannot be those of a restore: they
// come from answers and inputs and become parts of paths (I7).
func CheckCaches(caches []string) error {
	if len(caches) == 0 || len(caches) > maxCaches {
		return contract.MisconfiguredF(contract.BadInput, "caches: got %d, want 1 to %d", len(caches), maxCaches)
	}
	for i, cache := range caches {
		if !cachePattern().MatchString(cache) {
			return contract.MisconfiguredF(contract.BadInput, "caches[%d]: got %.60q, want a name of letters, digits and _ . $ -", i, cache)
		}
		if slices.Contains(caches[:i], cache) {
			return contract.MisconfiguredF(contract.BadInput, "caches[%d]: %.60q is there twice", i, cache)
		}
	}
	return nil
}

// Backups returns the status of replication towards every site that a cache of
// this site is backed up to. It needs the ADMIN permission.
func (c *Client) Backups(ctx context.Context) (map[contract.Site]Status, error) {
	a, err := c.call(ctx, get(containerPath, "x-site", "backups"))
	if err != nil {
		return nil, fmt.Errorf("reading the status of all backups: %w", err)
	}
	if a.status == http.StatusNotFound {
		return nil, contract.TransientF(contract.ReporterUnreachable, "Infinispan of %s answers 404 to the status of all backups", c.site)
	}
	return c.statuses(a, "the status of all backups")
}

func (c *Client) statuses(a answer, what string) (map[contract.Site]Status, error) {
	o, err := c.decode(a, what)
	if err != nil {
		return nil, err
	}
	if len(o) > maxView {
		return nil, c.unexpected(what, fmt.Errorf("got %d sites, want at most %d", len(o), maxView))
	}
	all := map[contract.Site]Status{}
	for name, raw := range o {
		one, err := members(raw)
		if err != nil {
			return nil, c.unexpected(what, err)
		}
		var status Status
		if err := one.read("status", &status); err != nil {
			return nil, c.unexpected(what, err)
		}
		if status != Online && status != Offline && status != Mixed {
			return nil, c.unexpected(what, fmt.Errorf("%.40q is %.40q, want online, offline or mixed", name, status))
		}
		all[contract.Site(name)] = status
	}
	return all, nil
}

// noBackups is the text of the 404 for a cache that has no backup. Any other
// 404, as for a cache that is not up yet, must not read as one.
const noBackups = "does not have backup sites"

// Caches returns the caches that this site backs up to the other, each with the
// status of that replication.
func (c *Client) Caches(ctx context.Context, backup contract.Site) (map[string]Status, error) {
	const what = "the list of caches"
	a, err := c.call(ctx, get("rest/v2/caches"))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	var names []string
	if a.status != http.StatusOK {
		return nil, contract.TransientF(contract.ReporterUnreachable, "Infinispan of %s answers %d to %s", c.site, a.status, what)
	}
	if err := json.Unmarshal(a.body, &names); err != nil {
		return nil, c.unexpected(what, err)
	}
	if err := CheckCaches(names); err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", what, c.site, err)
	}
	found := map[string]Status{}
	var mu sync.Mutex
	err = each(ctx, names, func(ctx context.Context, cache string) error {
		a, err := c.call(ctx, get("rest/v2/caches", cache, "x-site", "backups"))
		if err != nil {
			return fmt.Errorf("reading the backups of cache %s: %w", cache, err)
		}
		if a.status == http.StatusNotFound && strings.Contains(string(a.body), noBackups) {
			return nil
		}
		if a.status != http.StatusOK {
			return contract.TransientF(contract.ReporterUnreachable, "Infinispan of %s answers %d to the backups of cache %s", c.site, a.status, cache)
		}
		all, err := c.statuses(a, "the backups of cache "+cache)
		if status, ok := all[backup]; ok {
			mu.Lock()
			defer mu.Unlock()
			found[cache] = status
		}
		return err
	})
	return found, err
}

// each does something for every cache, some side by side.
func each(ctx context.Context, caches []string, do func(context.Context, string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, cache := range caches {
		group.Go(func() error { return do(ctx, cache) })
	}
	return group.Wait()
}

// CutOff stops replication from this site towards the backup and proves it, as
// TakeOffline does. It returns every cache, checked; it fails if they are too many.
func (c *Client) CutOff(ctx context.Context, backup contract.Site) ([]string, error) {
	return c.checked(c.switchTo(ctx, Offline, backup))
}

// BringOnline starts replication from this site towards the backup again and
// proves it. It repairs no data. It is idempotent.
func (c *Client) BringOnline(ctx context.Context, backup contract.Site) ([]string, error) {
	return c.checked(c.switchTo(ctx, Online, backup))
}

// StartPush starts the state transfer of every cache to the backup site, which
// brings replication towards it online. Started while the sites do not see each
// other it fails, but replication is online and the transfer sticks: the caller
// looks before, and stops it when it fails.
func (c *Client) StartPush(ctx context.Context, backup contract.Site) ([]string, error) {
	return c.checked(c.onBackup(ctx, "start-push-state", backup))
}

// CancelPush ends the state transfers to the backup site. Its error says little:
// while the sites do not see each other the answer is an error text although the
// transfer has ended here, so the caller reads the transfers' states.
func (c *Client) CancelPush(ctx context.Context, backup contract.Site) error {
	_, err := c.onBackup(ctx, "cancel-push-state", backup)
	return err
}

func (c *Client) checked(caches []string, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	return caches, CheckCaches(caches)
}

// Transfers returns the state of each cache's transfer to the backup site.
func (c *Client) Transfers(ctx context.Context, caches []string, backup contract.Site) (map[string]Transfer, error) {
	if err := CheckCaches(caches); err != nil {
		return nil, err
	}
	states := map[string]Transfer{}
	var mu sync.Mutex
	err := each(ctx, caches, func(ctx context.Context, cache string) error {
		what := "the state transfer of cache " + cache
		a, err := c.call(ctx, get("rest/v2/caches", cache, "x-site", "backups").asking("push-state-status"))
		if err != nil {
			return fmt.Errorf("reading %s: %w", what, err)
		}
		if a.status != http.StatusOK {
			return contract.TransientF(contract.ReporterUnreachable, "Infinispan of %s answers %d to %s", c.site, a.status, what)
		}
		o, err := c.decode(a, what)
		if err != nil {
			return err
		}
		var state Transfer
		if err := o.read(string(backup), &state); err != nil {
			return c.unexpected(what, err)
		}
		if state == "" {
			return c.unexpected(what, fmt.Errorf("it does not name %s", backup))
		}
		mu.Lock()
		defer mu.Unlock()
		states[cache] = state
		return nil
	})
	return states, err
}

// ForgetTransfers clears the states of the caches' transfers that have ended.
// One that is still sending stays: only CancelPush ends it.
func (c *Client) ForgetTransfers(ctx context.Context, caches []string) error {
	if err := CheckCaches(caches); err != nil {
		return err
	}
	return each(ctx, caches, func(ctx context.Context, cache string) error {
		const action = "clear-push-state-status"
		a, err := c.call(ctx, post(action, "rest/v2/caches", cache, "x-site", "local"))
		if err != nil {
			return fmt.Errorf("%s of cache %s: %w", action, cache, err)
		}
		var text string
		if a.status != http.StatusOK || json.Unmarshal(a.body, &text) != nil || text != "ok" {
			return contract.TransientF(contract.NotProven, "Infinispan of %s answers %d %.100q to %s of cache %s, want ok", c.site, a.status, a.body, action, cache)
		}
		return nil
	})
}
