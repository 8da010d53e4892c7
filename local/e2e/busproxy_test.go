package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
)

// busProxy stands between the functions and the emulator's EventBridge and can
// fail single entries of a PutEvents, which the emulator never does.
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
	type result struct {
		EventID      string `json:"EventId,omitempty"`
		ErrorCode    string `json:",omitempty"`
		ErrorMessage string `json:",omitempty"`
	}
	out := struct {
		FailedEntryCount int
		Entries          []result
	}{}
	for _, entry := range in.Entries {
		if p.failing(entry) {
			out.FailedEntryCount++
			out.Entries = append(out.Entries, result{ErrorCode: "InternalFailure", ErrorMessage: "failed by the test"})
			continue
		}
		one, err := p.forward(r, entry)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		out.Entries = append(out.Entries, result{EventID: one})
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(out)
}

// forward puts one entry on the real bus.
func (p *proxy) forward(r *http.Request, entry json.RawMessage) (string, error) {
	body, err := json.Marshal(map[string]any{"Entries": []json.RawMessage{entry}})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, p.target.Load().(string), bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Content-Length")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() //nolint:errcheck // the body is decoded below
	var out struct{ Entries []struct{ EventId string } }
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || len(out.Entries) != 1 {
		return "", fmt.Errorf("the emulator answered %s to PutEvents: %w", resp.Status, err)
	}
	return out.Entries[0].EventId, nil
}
