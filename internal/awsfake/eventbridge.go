package awsfake

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// EventBridge knows PutEvents.
type EventBridge struct {
	Faults
	mu     sync.Mutex
	events []Entry
}

// Entry is one event that the bus took.
type Entry struct {
	EventBusName, Source, DetailType, Detail string
	Time                                     float64
}

// Events are the events that the bus took, in order.
func (b *EventBridge) Events() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Entry(nil), b.events...)
}

// ServeHTTP implements the JSON 1.1 protocol with EventBridge's limits.
func (b *EventBridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fault := b.arrive(r, string(body))
	if fault.fails() && !fault.Applied {
		fault.answer(w, nil)
		return
	}
	var in struct{ Entries []Entry }
	if r.Header.Get("X-Amz-Target") != "AWSEvents.PutEvents" || json.Unmarshal(body, &in) != nil {
		refuse(w, http.StatusBadRequest, "UnknownOperationException")
		return
	}
	// At most 10 entries and 256 KB a call.
	if len(in.Entries) < 1 || len(in.Entries) > 10 || len(body) > 256<<10 {
		refuse(w, http.StatusBadRequest, "ValidationException")
		return
	}
	fault.answer(w, b.put(in.Entries, fault.Entries))
}

type result struct {
	EventId      string `json:",omitempty"` //nolint:revive // AWS's spelling
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

func (b *EventBridge) put(entries []Entry, faults map[string]string) any {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out struct {
		FailedEntryCount int
		Entries          []result
	}
	for _, e := range entries {
		code := ""
		for part, c := range faults {
			if strings.Contains(e.Detail, part) {
				code = c
			}
		}
		if !json.Valid([]byte(e.Detail)) {
			code = "MalformedDetail"
		}
		if code != "" {
			out.FailedEntryCount++
			out.Entries = append(out.Entries, result{ErrorCode: code, ErrorMessage: "the fake says so"})
			continue
		}
		b.events = append(b.events, e)
		out.Entries = append(out.Entries, result{EventId: fmt.Sprintf("event-%d", len(b.events))})
	}
	return out
}
