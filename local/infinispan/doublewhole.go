package infinispan

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// internalCaches are the server's own: they are listed and have no backup.
var internalCaches = []string{"___protobuf_metadata", "___script_cache"}

// ofCaches is the kind of a call on the list of caches, or on one as a whole.
func ofCaches(r *http.Request, cache string) Kind {
	switch action := r.URL.Query().Get("action"); {
	case cache == "" && r.Method == http.MethodGet:
		return CacheList
	case r.Method == http.MethodPost && action == "clear":
		return CacheClear
	case r.Method == http.MethodGet && action == "size":
		return CacheSize
	}
	return OtherCall
}

// answerWhole counts a cache's entries, or removes them all. A clear is backed up
// as a write is. The caller holds d.mu.
func (d *Double) answerWhole(s *doubleSite, w http.ResponseWriter, req request) {
	if req.kind == CacheSize {
		replyJSON(w, len(s.entries[req.cache]))
		return
	}
	clear(s.entries[req.cache])
	var failed string
	for _, other := range d.others(s) {
		switch {
		case s.offline[other][req.cache]:
		case d.sees(s, other):
			clear(d.sites[other].entries[req.cache])
		default:
			failed += fmt.Sprintf("%s: %s\n", other, suspected(other))
		}
	}
	if failed != "" {
		reply(w, http.StatusInternalServerError, "", fmt.Sprintf("The local cache %s failed to backup data to the remote sites:\n%s", req.cache, failed))
		return
	}
	reply(w, http.StatusNoContent, "", "")
}

// HoldPushes makes state transfers that begin from now on stay SENDING, as long
// ones do, until ReleasePushes.
func (d *Double) HoldPushes() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = true
}

// ReleasePushes lets transfers end, also those that were held and still have a
// link; the others stick, as on the server.
func (d *Double) ReleasePushes() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = false
	for _, s := range d.sites {
		for other, push := range s.push {
			for cache, state := range push {
				if state == pushSending && d.sees(s, other) {
					d.transfer(s, cache, other)
				}
			}
		}
	}
}

// SetPush gives a cache's state transfer the state that the server names so:
// SENDING, OK, ERROR or CANCELED; IDLE is none.
func (d *Double) SetPush(site, other, cache, state string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	push := d.mustSite(site).push[d.mustSite(other).name]
	if state == "IDLE" {
		delete(push, cache)
		return
	}
	push[cache] = pushing(state)
}

// transfer ends a state transfer well. The caller holds d.mu.
func (d *Double) transfer(s *doubleSite, cache, other string) {
	maps.Copy(d.sites[other].entries[cache], s.entries[cache])
	s.push[other][cache] = pushOK
}

// Entries is a copy of a cache as it is at a site now.
func (d *Double) Entries(site, cache string) map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Contains(d.opt.Caches, cache) {
		panic(fmt.Sprintf("%q is not a cache of this world", cache))
	}
	return maps.Clone(d.mustSite(site).entries[cache])
}

// Put writes an entry at one site only, as if it had been there before.
func (d *Double) Put(site, cache, key, value string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mustSite(site).put(cache, key, &value)
}
