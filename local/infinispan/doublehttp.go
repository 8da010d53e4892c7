package infinispan

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const jsonType = "application/json"

// standardBodies are the server's; statuses that are not here have none.
var standardBodies = map[int]string{
	http.StatusForbidden:           "ISPN000287: Unauthorized access: subject 'Subject with principal(s): [viewer, RolePrincipal{name='application'}]' lacks 'ADMIN' permission",
	http.StatusMethodNotAllowed:    "Not allowed",
	http.StatusBadRequest:          "Invalid 'action' parameter supplied",
	http.StatusInternalServerError: "java.lang.IllegalStateException: injected",
}

func reply(w http.ResponseWriter, status int, contentType, body string) {
	// Go would guess a type that the server does not send.
	w.Header()["Content-Type"] = nil
	if contentType != "" {
		w.Header().Set("Content-Type", contentType)
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="default"`)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func replyStandard(w http.ResponseWriter, status int) {
	reply(w, status, "", standardBodies[status])
}

func replyJSON(w http.ResponseWriter, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // only maps and structs of strings come here
	}
	reply(w, http.StatusOK, jsonType, string(body))
}

// request is a call taken apart.
type request struct {
	kind        Kind
	cache, site string // where the path holds them
	key, rest   string // rest is what follows x-site
}

const maxBody = 1 << 20

// classify takes the path apart on its encoded form, so that an encoded slash
// never makes a new segment.
func classify(r *http.Request) request {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), "/rest/v2/")
	if r.URL.EscapedPath() == "/metrics" {
		return request{kind: Metrics}
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if decoded, err := url.PathUnescape(part); err == nil {
			parts[i] = decoded
		}
	}
	at := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return ""
	}
	switch {
	case !ok:
		return request{kind: OtherCall}
	case len(parts) == 1 && at(0) == "container":
		return request{kind: ContainerView}
	case len(parts) <= 4 && at(0) == "container" && at(1) == "x-site" && at(2) == "backups":
		kind := BackupStatus
		if r.Method == http.MethodPost {
			kind = Kind(r.URL.Query().Get("action"))
			if !slices.Contains([]Kind{TakeOffline, BringOnline, StartPush, CancelPush}, kind) {
				kind = OtherCall
			}
		}
		return request{kind: kind, site: at(3), rest: "backups"}
	case at(0) == "caches" && len(parts) <= 2:
		return request{kind: ofCaches(r, at(1)), cache: at(1)}
	case at(0) == "caches" && at(2) == "x-site":
		return request{kind: CacheXSite, cache: at(1), rest: at(3), site: at(4)}
	case at(0) == "caches" && len(parts) == 3 && r.Method == http.MethodGet:
		return request{kind: CacheRead, cache: at(1), key: at(2)}
	case at(0) == "caches" && len(parts) == 3:
		return request{kind: CacheWrite, cache: at(1), key: at(2)}
	}
	return request{kind: OtherCall}
}

// begin counts a call among those that Close waits for, unless it already has.
func (d *Double) begin() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.wait.Add(1)
	}
	return !d.closed
}

// Handler serves a site's calls without a network: no TLS, and no listening to
// stop. It is for tests that decide what becomes of each call.
func (d *Double) Handler(site string) http.Handler {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.mustSite(site)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.dispatch(s, w, r) })
}

func (d *Double) handle(s *doubleSite, w http.ResponseWriter, r *http.Request) {
	if !d.begin() {
		return
	}
	defer d.wait.Done()
	d.dispatch(s, w, r)
}

// dispatch records a call, gives it to the fault that waits for it, or serves it.
func (d *Double) dispatch(s *doubleSite, w http.ResponseWriter, r *http.Request) {
	// Read whole before anything else: only then does the server notice that
	// the client has gone, which ends Hang.
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return
	}
	req := classify(r)
	serve := func(w http.ResponseWriter, r *http.Request) { d.answer(s, w, r, req, string(body)) }
	if r.UserAgent() == operatorAgent {
		serve(w, r)
		return
	}
	d.mu.Lock()
	s.calls = append(s.calls, Call{
		Kind: req.kind, Method: r.Method, Target: r.URL.RequestURI(), Authorization: r.Header.Get("Authorization") != "",
	})
	fault := s.takeFault(req.kind, r.Method)
	d.mu.Unlock()
	if fault != nil {
		fault.Do.run(d, w, r, serve)
		return
	}
	serve(w, r)
}

// answer serves a call as the server does. The order of the checks is the
// server's: who, then what for, then whether it exists.
func (d *Double) answer(s *doubleSite, w http.ResponseWriter, r *http.Request, req request, body string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	admin, ok := d.authenticate(s, r)
	if !ok {
		replyStandard(w, http.StatusUnauthorized)
		return
	}
	if !admin && (req.rest != "" || req.kind == CacheXSite) {
		replyStandard(w, http.StatusForbidden)
		return
	}
	if r.Method != http.MethodGet && (req.kind == ContainerView || req.kind == Metrics || req.kind == BackupStatus) {
		replyStandard(w, http.StatusMethodNotAllowed)
		return
	}
	switch req.kind {
	case ContainerView:
		d.answerContainer(s, w)
	case Metrics:
		d.answerMetrics(s, w)
	case BackupStatus:
		d.answerStatus(s, w, req.site)
	case TakeOffline, BringOnline, StartPush, CancelPush:
		d.answerAction(s, w, r, req)
	case CacheList:
		replyJSON(w, slices.Sorted(slices.Values(append(slices.Clone(internalCaches), d.opt.Caches...))))
	case CacheRead, CacheWrite, CacheXSite, CacheClear, CacheSize:
		if _, ok := s.entries[req.cache]; !ok {
			if req.kind == CacheXSite && slices.Contains(internalCaches, req.cache) {
				reply(w, http.StatusNotFound, "text/plain", fmt.Sprintf("Cache '%s' does not have backup sites.", req.cache))
				return
			}
			reply(w, http.StatusNotFound, "", fmt.Sprintf("ISPN012010: Cache with name '%s' not found amongst the configured caches", req.cache))
			return
		}
		if req.kind == CacheXSite {
			d.answerCacheXSite(s, w, r, req)
			return
		}
		if req.kind == CacheClear || req.kind == CacheSize {
			d.answerWhole(s, w, req)
			return
		}
		d.answerEntry(s, w, r, req, body)
	default:
		d.answerOther(w, req)
	}
}

// authenticate says whether the user is known, and whether it has ADMIN.
func (d *Double) authenticate(s *doubleSite, r *http.Request) (admin, ok bool) {
	user, password, _ := r.BasicAuth()
	want := map[string]string{d.opt.User: s.password, d.opt.LimitedUser: d.opt.LimitedPassword}[user]
	ok = want != "" && subtle.ConstantTimeCompare([]byte(password), []byte(want)) == 1
	return ok && user == d.opt.User, ok
}

func (d *Double) answerContainer(s *doubleSite, w http.ResponseWriter) {
	replyJSON(w, struct {
		Version   string   `json:"version"`
		Name      string   `json:"name"`
		Cluster   string   `json:"cluster_name"`
		Status    string   `json:"cache_manager_status"`
		LocalSite string   `json:"local_site"`
		Relay     bool     `json:"relay_node"`
		SitesView []string `json:"sites_view"`
	}{d.opt.Version, "default", s.name, "RUNNING", s.name, true, d.view(s)})
}

func (d *Double) answerMetrics(s *doubleSite, w http.ResponseWriter) {
	name := "vendor_jgroups_site_view_status"
	if major, _, _ := strings.Cut(d.opt.Version, "."); major >= "16" {
		name = "jgroups_site_view_status" // the prefix went with release 16
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# HELP %s Returns the site status in JGroups view (0 -> offline, 1 -> online, 2 -> n/a)\n# TYPE %[1]s gauge\n", name)
	for _, other := range d.others(s) {
		value := 0.0
		if d.sees(s, other) {
			value = 1
		}
		fmt.Fprintf(&b, "%s{cache_manager=\"default\",node=\"%s\",site=\"%s\",} %.1f\n", name, s.name, other, value)
	}
	reply(w, http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", b.String())
}

// backup is a backup's status as the server words it.
type backup struct {
	Status  string   `json:"status"`
	Online  []string `json:"online,omitempty"`
	Offline []string `json:"offline,omitempty"`
	Mixed   []string `json:"mixed,omitzero"` // caches whose nodes disagree: none, but listed when the status is mixed
}

func (d *Double) backupOf(s *doubleSite, other string) backup {
	var online, offline []string
	for _, cache := range d.opt.Caches {
		if s.offline[other][cache] {
			offline = append(offline, cache)
		} else {
			online = append(online, cache)
		}
	}
	switch {
	case len(offline) == 0:
		return backup{Status: Online}
	case len(online) == 0:
		return backup{Status: Offline}
	}
	return backup{Status: Mixed, Online: online, Offline: offline, Mixed: []string{}}
}

func (d *Double) answerStatus(s *doubleSite, w http.ResponseWriter, other string) {
	if other != "" {
		if !slices.Contains(d.others(s), other) {
			replyStandard(w, http.StatusNotFound)
			return
		}
		replyJSON(w, d.backupOf(s, other))
		return
	}
	all := map[string]backup{}
	for _, name := range d.others(s) {
		all[name] = d.backupOf(s, name)
	}
	replyJSON(w, all)
}

type failingCache struct{}

func withFailingCache(ctx context.Context, cache string) context.Context {
	return context.WithValue(ctx, failingCache{}, cache)
}

func (d *Double) answerAction(s *doubleSite, w http.ResponseWriter, r *http.Request, req request) {
	failing, _ := r.Context().Value(failingCache{}).(string)
	answers := map[string]string{}
	for _, cache := range d.opt.Caches {
		if cache == failing {
			answers[cache] = "ISPN000476: Timed out waiting for responses for request 4 after 4 seconds"
			continue
		}
		answers[cache] = d.act(s, req.kind, cache, req.site)
	}
	replyJSON(w, answers)
}
