package awsfake

import (
	"io"
	"net/http"
	"strings"
	"sync"
)

// Lambda knows Invoke: each function has one answer.
type Lambda struct {
	Faults
	mu      sync.Mutex
	answers map[string]Answer
}

// Answer is what a function answers. FunctionError, such as Unhandled, says that
// it failed; the payload is the error then.
type Answer struct{ Payload, FunctionError string }

// Set gives a function its answer.
func (l *Lambda) Set(function string, a Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.answers == nil {
		l.answers = map[string]Answer{}
	}
	l.answers[function] = a
}

// ServeHTTP implements the REST protocol of Invoke, 2015-03-31.
func (l *Lambda) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fault := l.arrive(r, string(body))
	if fault.fails() {
		fault.answer(w, nil)
		return
	}
	name, invoke := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/2015-03-31/functions/"), "/invocations")
	l.mu.Lock()
	answer, ok := l.answers[name]
	l.mu.Unlock()
	if !ok || !invoke {
		refuse(w, http.StatusNotFound, "ResourceNotFoundException")
		return
	}
	if answer.FunctionError != "" {
		w.Header().Set("X-Amz-Function-Error", answer.FunctionError)
	}
	_, _ = io.WriteString(w, answer.Payload)
}
