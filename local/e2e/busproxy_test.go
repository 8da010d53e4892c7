package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// busProxy stands between the functions and the emulator's EventBridge and can
// fail single entries of a PutEvents, which the emulator never does. A call that
// no fault touches passes as it was signed, so that the emulator checks the
// signature and the role behind it.
var busProxy proxy

type proxy struct {
	target atomic.Value // string

	mu    sync.Mutex
	fails map[string]int // how many more entries that hold the text fail
	seen  map[string]int // how often an entry that holds the text was put, failed or not
}

// fail lets the next n entries that hold the text fail.
func (p *proxy) fail(text string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fails[text], p.seen[text] = n, 0
}

func (p *proxy) puts(text string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[text]
}

func (p *proxy) start() string {
	p.fails, p.seen = map[string]int{}, map[string]int{}
	return httptest.NewServer(http.HandlerFunc(p.serve)).URL
}

// failing is called with each entry.
func (p *proxy) failing(entry []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for text, left := range p.fails {
		if strings.Contains(string(entry), text) {
			p.seen[text]++
			if left > 0 {
				p.fails[text]--
				return true
			}
		}
	}
	return false
}

func (p *proxy) serve(w http.ResponseWriter, r *http.Request) {
	var in struct{ Entries []json.RawMessage }
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &in) != nil {
		http.Error(w, "the proxy wants a PutEvents", http.StatusBadRequest)
		return
	}
	failing := make([]bool, len(in.Entries))
	for i, entry := range in.Entries {
		failing[i] = p.failing(entry)
	}
	if !slices.Contains(failing, true) {
		err = p.pass(w, r, body)
	} else {
		err = p.split(w, r, in.Entries, failing)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

// pass hands a call on as it is, to the host that it was signed for.
func (p *proxy) pass(w http.ResponseWriter, r *http.Request, body []byte) error {
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, p.target.Load().(string), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header, req.Host = r.Header.Clone(), r.Host
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // the body is copied below
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	_, err = io.Copy(w, resp.Body)
	return err
}

// split answers a call in which some entries fail. Those that do not are put
// one by one with the emulator's own key: without the others the signature does
// not hold.
func (p *proxy) split(w http.ResponseWriter, r *http.Request, entries []json.RawMessage, failing []bool) error {
	type result struct {
		EventID      string `json:"EventId,omitempty"`
		ErrorCode    string `json:",omitempty"`
		ErrorMessage string `json:",omitempty"`
	}
	out := struct {
		FailedEntryCount int
		Entries          []result
	}{}
	for i, entry := range entries {
		if failing[i] {
			out.FailedEntryCount++
			out.Entries = append(out.Entries, result{ErrorCode: "InternalFailure", ErrorMessage: "failed by the test"})
			continue
		}
		one, err := p.put(r.Context(), entry)
		if err != nil {
			return err
		}
		out.Entries = append(out.Entries, result{EventID: one})
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	return json.NewEncoder(w).Encode(out)
}

// put puts one entry on the bus and returns its id.
func (p *proxy) put(ctx context.Context, entry json.RawMessage) (string, error) {
	body, err := json.Marshal(map[string]any{"Entries": []json.RawMessage{entry}})
	if err != nil {
		return "", err
	}
	var out struct{ Entries []struct{ EventId string } } //nolint:revive // AWS's spelling
	if err := read(ctx, "events", "AWSEvents.PutEvents", string(body), &out); err != nil {
		return "", err
	}
	if len(out.Entries) != 1 {
		return "", fmt.Errorf("the emulator answered for %d entries, want 1", len(out.Entries))
	}
	return out.Entries[0].EventId, nil
}
