package lambdaruntime

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// api is the Runtime API, version 2018-06-01, for one environment.
func (e *environment) api() http.Handler {
	const runtime = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+runtime+"invocation/next", e.next)
	mux.HandleFunc("POST "+runtime+"invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) {
		e.take(w, r, func(body []byte) ([]byte, error) { return body, nil })
	})
	mux.HandleFunc("POST "+runtime+"invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) {
		e.take(w, r, func(body []byte) ([]byte, error) { return nil, functionError(body) })
	})
	mux.HandleFunc("POST "+runtime+"init/error", e.refuseToStart)
	return mux
}

// next completes the invocation before and waits, as long as it takes, for
// another.
func (e *environment) next(w http.ResponseWriter, r *http.Request) {
	if !e.complete() {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the invocation has no answer yet")
		return
	}
	select {
	case i := <-e.work:
		e.mu.Lock()
		e.current, i.taken = i, time.Now()
		e.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(i.payload)))
		h.Set("Lambda-Runtime-Aws-Request-Id", i.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn",
			fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", Region, AccountID, e.options.Name))
		h.Set("Lambda-Runtime-Trace-Id", i.trace)
		_, _ = w.Write(i.payload) // a process that is gone is noticed elsewhere
	case <-r.Context().Done():
	}
}

// complete is false if the process asks for work without having answered.
func (e *environment) complete() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.current == nil:
		select {
		case <-e.ready:
		default:
			e.readyAt = time.Now()
			close(e.ready)
		}
		return true
	case !e.current.answered:
		return false
	}
	close(e.current.complete)
	e.current = nil
	e.served++
	return true
}

// take notes the first answer to the current invocation.
func (e *environment) take(w http.ResponseWriter, r *http.Request, read func([]byte) ([]byte, error)) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxPayload))
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	if err != nil && !tooLarge {
		return // cut off: no answer, and the process will be found gone
	}
	e.mu.Lock()
	i := e.current
	known := i != nil && i.id == r.PathValue("id")
	first := known && !i.answered
	if first {
		i.answered, i.answeredAt = true, time.Now()
		if tooLarge {
			i.err = &FunctionError{ResponseTooLarge, fmt.Sprintf("the answer exceeds %d bytes", MaxPayload)}
		} else {
			i.answer, i.err = read(body)
		}
	}
	e.mu.Unlock()
	switch {
	case !known:
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "no such invocation")
	case !first:
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the invocation has an answer")
	case tooLarge:
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the answer is too large")
	default:
		accept(w)
	}
}

// refuseToStart ends an environment whose start failed, and says why.
func (e *environment) refuseToStart(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxPayload))
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.initError != nil {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the start has failed already")
		return
	}
	e.initError = functionError(body)
	close(e.failed)
	accept(w)
}

func functionError(body []byte) *FunctionError {
	var e FunctionError
	if json.Unmarshal(body, &e) != nil {
		return &FunctionError{"Runtime.Unknown", string(body)}
	}
	return &e
}

func accept(w http.ResponseWriter) { answer(w, http.StatusAccepted, map[string]string{"status": "OK"}) }

func refuse(w http.ResponseWriter, status int, kind, message string) {
	answer(w, status, FunctionError{kind, message})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
