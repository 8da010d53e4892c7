package infinispan

import (
	"io"
	"net/http"
	"time"
)

// Kind groups the calls that the double tells apart.
type Kind string

// The kinds of call. AnyCall, the zero value, matches all of them in a Fault.
const (
	AnyCall       Kind = ""
	ContainerView Kind = "container-view" // GET /rest/v2/container
	BackupStatus  Kind = "backup-status"  // GET …/backups/ and …/backups/{site}
	TakeOffline   Kind = "take-offline"   // POST …/backups/{site}?action=…
	BringOnline   Kind = "bring-online"
	StartPush     Kind = "start-push-state"
	CancelPush    Kind = "cancel-push-state"
	CacheXSite    Kind = "cache-x-site" // anything under /rest/v2/caches/{cache}/x-site/
	CacheList     Kind = "cache-list"   // GET /rest/v2/caches
	CacheClear    Kind = "cache-clear"  // POST /rest/v2/caches/{cache}?action=clear
	CacheSize     Kind = "cache-size"   // GET /rest/v2/caches/{cache}?action=size
	CacheRead     Kind = "cache-read"
	CacheWrite    Kind = "cache-write" // PUT, POST and DELETE of a key
	Metrics       Kind = "metrics"
	OtherCall     Kind = "other"
)

// Fault makes calls at one site go wrong. Faults are tried in the order in
// which they were injected; the first that matches a call takes it.
type Fault struct {
	On     Kind
	Method string // empty: any
	Times  int    // how many calls it takes; 0 until cleared
	Do     Effect
}

// Effect is what a Fault does to a call.
type Effect struct {
	run func(d *Double, w http.ResponseWriter, r *http.Request, serve http.HandlerFunc)
}

// Answer gives the status with the body the server has for it; the call has
// no effect.
func Answer(status int) Effect {
	return effect(func(w http.ResponseWriter) { reply(w, status, "", standardBodies[status]) })
}

// AnswerBody gives the status with a JSON body; the call has no effect.
func AnswerBody(status int, body string) Effect {
	return effect(func(w http.ResponseWriter) { reply(w, status, jsonType, body) })
}

// Redirect sends the client to another address; the call has no effect.
func Redirect(url string) Effect {
	return effect(func(w http.ResponseWriter) {
		w.Header().Set("Location", url)
		reply(w, http.StatusFound, "", "")
	})
}

// AnswerEmpty is 200 `{}`, what the server says when no cache has a backup;
// the call has no effect.
func AnswerEmpty() Effect { return AnswerBody(http.StatusOK, "{}") }

// AnswerMalformed is 200 with JSON that breaks off; the call has no effect.
func AnswerMalformed() Effect { return AnswerBody(http.StatusOK, `{"status":"onl`) }

// AnswerMixed is the status of one backup when its caches disagree, whatever
// they really are.
func AnswerMixed() Effect {
	return AnswerBody(http.StatusOK, `{"status":"mixed","online":["actionTokens"],"offline":["sessions"],"mixed":[]}`)
}

// OneCacheFails lets an action on a backup have its effect for all caches but
// the first, for which the answer, 200, holds an error text.
func OneCacheFails() Effect {
	return Effect{func(d *Double, w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		serve(w, r.WithContext(withFailingCache(r.Context(), d.caches[0])))
	}}
}

// Hang answers nothing until the client gives up or the site stops listening.
func Hang() Effect {
	return Effect{func(_ *Double, _ http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		<-r.Context().Done()
	}}
}

// Delay serves the call after d, unless the client has given up by then.
func Delay(d time.Duration) Effect {
	return Effect{func(_ *Double, w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		select {
		case <-time.After(d):
			serve(w, r)
		case <-r.Context().Done():
		}
	}}
}

// CutBefore cuts the links of all sites, then serves the call.
func CutBefore() Effect {
	return Effect{func(d *Double, w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		d.setAllLinks(true)
		serve(w, r)
	}}
}

// CutAfter serves the call, then cuts the links of all sites.
func CutAfter() Effect {
	return Effect{func(d *Double, w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		serve(w, r)
		d.setAllLinks(true)
	}}
}

// Drop ends the connection; the call has no effect.
func Drop() Effect { return effect(drop) }

// FailedButApplied lets the call have its effect and then ends the connection,
// so that the client cannot know.
func FailedButApplied() Effect {
	return Effect{func(_ *Double, w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		serve(unheard{}, r)
		drop(w)
	}}
}

// unheard takes an answer that nobody gets.
type unheard struct{}

func (unheard) Header() http.Header         { return http.Header{} }
func (unheard) Write(p []byte) (int, error) { return len(p), nil }
func (unheard) WriteHeader(int)             {}

func effect(answer func(http.ResponseWriter)) Effect {
	return Effect{func(_ *Double, w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) { answer(w) }}
}

// drop ends the connection after the first bytes of an answer: without any, Go's
// client would send an idempotent request again on its own, and one fault
// would not be one failure.
func drop(w http.ResponseWriter) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err) // the double serves HTTP/1.1 only, which can always be hijacked
	}
	_, _ = io.WriteString(buf, "HTTP/1.1 2")
	_ = buf.Flush()
	_ = conn.Close()
}

// Inject adds faults to a site, behind those it has.
func (d *Double) Inject(site string, faults ...Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.mustSite(site)
	for _, f := range faults {
		s.faults = append(s.faults, &f)
	}
}

// ClearFaults removes all faults of a site. Calls that hang keep hanging.
func (d *Double) ClearFaults(site string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mustSite(site).faults = nil
}

// takeFault returns the fault for a call, counted. The caller holds d.mu.
func (s *doubleSite) takeFault(kind Kind, method string) *Fault {
	for i, f := range s.faults {
		if (f.On != AnyCall && f.On != kind) || (f.Method != "" && f.Method != method) {
			continue
		}
		if f.Times == 1 {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
		} else if f.Times > 1 {
			f.Times--
		}
		return f
	}
	return nil
}
