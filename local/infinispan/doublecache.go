package infinispan

import (
	"fmt"
	"net/http"
	"slices"
)

// answerEntry reads, writes or removes one key.
func (d *Double) answerEntry(s *doubleSite, w http.ResponseWriter, r *http.Request, req request, body string) {
	value, there := s.entries[req.cache][req.key]
	var write *string
	switch r.Method {
	case http.MethodGet:
		if !there {
			replyStandard(w, http.StatusNotFound)
			return
		}
		reply(w, http.StatusOK, "text/plain", value)
		return
	case http.MethodPut:
		write = &body
	case http.MethodDelete:
		if !there {
			replyStandard(w, http.StatusNotFound)
			return
		}
	default:
		replyStandard(w, http.StatusMethodNotAllowed)
		return
	}
	if err := d.write(s, req.cache, req.key, write); err != nil {
		reply(w, http.StatusInternalServerError, "",
			fmt.Sprintf("The local cache %s failed to backup data to the remote sites:\n%s\n", req.cache, err))
		return
	}
	reply(w, http.StatusNoContent, "", "")
}

// answerCacheXSite serves what concerns one cache: its status at each site,
// taking it offline alone (the way to a mixed status), and its state push.
func (d *Double) answerCacheXSite(s *doubleSite, w http.ResponseWriter, r *http.Request, req request) {
	action := r.URL.Query().Get("action")
	switch {
	case req.rest == "local" && r.Method == http.MethodPost && action == "clear-push-state-status":
		for _, push := range s.push {
			// A push that never ended stays; only cancelling ends it.
			if push[req.cache] != pushSending {
				delete(push, req.cache)
			}
		}
		reply(w, http.StatusOK, jsonType, `"ok"`)
	case req.rest == "backups" && req.site == "" && r.Method == http.MethodGet && action == "push-state-status":
		status := map[string]pushing{}
		for _, other := range d.others(s) {
			status[other] = "IDLE"
			if p, ok := s.push[other][req.cache]; ok {
				status[other] = p
			}
		}
		replyJSON(w, status)
	case req.rest == "backups" && req.site == "" && r.Method == http.MethodGet && action == "":
		status := map[string]backup{}
		for _, other := range d.others(s) {
			status[other] = backup{Status: d.cacheStatus(s, req.cache, other)}
		}
		replyJSON(w, status)
	case req.rest == "backups" && req.site != "":
		d.answerCacheBackup(s, w, r, req, Kind(action))
	default:
		d.answerOther(w, req)
	}
}

func (d *Double) cacheStatus(s *doubleSite, cache, other string) string {
	if s.offline[other][cache] {
		return Offline
	}
	return Online
}

func (d *Double) answerCacheBackup(s *doubleSite, w http.ResponseWriter, r *http.Request, req request, action Kind) {
	switch {
	case !slices.Contains(d.others(s), req.site):
		reply(w, http.StatusNotFound, "text/plain", fmt.Sprintf("Cache '%s' does not backup to site '%s'", req.cache, req.site))
	case r.Method == http.MethodGet:
		replyJSON(w, map[string]string{s.name: d.cacheStatus(s, req.cache, req.site)})
	case r.Method == http.MethodPost && (action == TakeOffline || action == BringOnline):
		d.act(s, action, req.cache, req.site)
		reply(w, http.StatusOK, "", "")
	default:
		replyStandard(w, http.StatusBadRequest)
	}
}

// answerOther is for what the double does not know, and for actions that the
// server does not.
func (d *Double) answerOther(w http.ResponseWriter, req request) {
	switch {
	case req.site != "", req.cache != "" && req.rest == "":
		replyStandard(w, http.StatusBadRequest)
	case req.rest == "backups":
		replyStandard(w, http.StatusMethodNotAllowed)
	default:
		reply(w, http.StatusNotFound, "", "Resource not found")
	}
}
