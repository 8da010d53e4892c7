package infinispan_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/leak"
)

// wire answers each request of a client with the bytes that answer gives for it,
// whatever they are, and keeps the requests.
type wire struct {
	answer func(*http.Request) []byte

	mu       sync.Mutex
	requests []string
}

func over(t *testing.T, answer func(*http.Request) []byte) (*infinispan.Client, *wire) {
	t.Helper()
	client, err := infinispan.New("site-a", config.Infinispan{URL: "https://a.test:11222", User: "u"}, fixed(password))
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{answer: answer}
	client.Over(func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go w.serve(there)
		return here, nil
	})
	return client, w
}

func (w *wire) serve(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // in memory
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	w.mu.Lock()
	w.requests = append(w.requests, r.Method+" "+r.Host+r.RequestURI)
	w.mu.Unlock()
	_, _ = conn.Write(w.answer(r))
}

// response is an HTTP/1.1 answer; an odd status stays what it is.
func response(status uint16, body []byte) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %03d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status%1000, len(body), body)
}

// The only requests that a client of site-a about site-b may ever make.
var requests = []string{
	"GET a.test:11222/rest/v2/container", "GET a.test:11222/rest/v2/container/x-site/backups/site-b",
	"POST a.test:11222/rest/v2/container/x-site/backups/site-b?action=take-offline",
}

// heard is what a client makes of the answers.
type heard struct {
	sees                        []contract.Site
	status                      infinispan.Status
	caches                      []string
	seesErr, statusErr, takeErr error
}

// hear makes every call, and holds the errors to the contract: of one of the
// three types, one line, bounded, without the password.
func hear(t *testing.T, answer func(*http.Request) []byte) heard {
	t.Helper()
	client, w := over(t, answer)
	var h heard
	h.sees, h.seesErr = client.Sees(t.Context())
	h.status, h.statusErr = client.Backup(t.Context(), "site-b")
	h.caches, h.takeErr = client.TakeOffline(t.Context(), "site-b")
	for _, err := range []error{h.seesErr, h.statusErr, h.takeErr} {
		if err == nil {
			continue
		}
		if kind(err) == "Transient unavailable" {
			t.Errorf("an error of no type: %T %v", err, err)
		}
		text := contract.Edge(err).Error()
		if len(text) > 2*contract.MaxText || len(err.Error()) > 2*contract.MaxText || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("a text of %d bytes: %.200q", len(text), text)
		}
		leak.Check(t, text, password)
	}
	for _, r := range w.requests {
		if !slices.Contains(requests, r) {
			t.Errorf("asked %q", r)
		}
	}
	if output, err := json.Marshal(contract.Offline{Caches: h.caches}); err != nil || len(output) > 200<<10 || len(fmt.Sprint(h.sees)) > 20<<10 {
		t.Errorf("too much for a step's output: %d bytes, %v", len(output), err)
	}
	return h
}

// says is the oracle: what an answer says, read in another way than the client
// does. It must be one object in which no name comes twice.
func says(body []byte) (map[string]any, bool) {
	var all map[string]any
	whole := json.NewDecoder(bytes.NewReader(body))
	whole.UseNumber()
	if len(body) > 1<<20 || !json.Valid(body) || whole.Decode(&all) != nil || all == nil {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	seen, depth, isName := map[string]bool{}, 0, false
	for {
		token, err := d.Token()
		if err != nil {
			return all, true
		}
		if name, isText := token.(string); depth == 1 && isName && isText {
			if seen[name] {
				return nil, false
			}
			seen[name], isName = true, false
			continue
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		isName = depth == 1
	}
}

// believable says what three answers allow to be believed.
func believable(container, post, get []byte) (sees []contract.Site, status infinispan.Status, offline bool) {
	if all, ok := says(container); ok && all["local_site"] == "site-a" {
		list, _ := all["sites_view"].([]any)
		for _, item := range list {
			name, _ := item.(string)
			if name == "" || len(name) > 128 || len(list) > 100 {
				list = nil
				break
			}
			sees = append(sees, contract.Site(name))
		}
		if list == nil || !slices.Contains(sees, "site-a") {
			sees = nil
		}
	}
	if all, ok := says(get); ok {
		if s, _ := all["status"].(string); slices.Contains([]string{"online", "offline", "mixed"}, s) {
			status = infinispan.Status(s)
		}
	}
	all, ok := says(post)
	offline = ok && len(all) > 0 && status == "offline"
	for _, result := range all {
		offline = offline && result == "ok"
	}
	return sees, status, offline
}

// check holds what the client made of the answers to what may be believed.
func (h heard) check(t *testing.T, sees []contract.Site, status infinispan.Status, offline bool) {
	t.Helper()
	if !slices.Equal(h.sees, sees) || (h.seesErr == nil) != (sees != nil) {
		t.Errorf("sees %q, %v; want %q", h.sees, h.seesErr, sees)
	}
	if h.status != status || (h.statusErr == nil) != (status != "") {
		t.Errorf("the backup is %q, %v; want %q", h.status, h.statusErr, status)
	}
	if (h.takeErr == nil) != offline || (len(h.caches) > 0) != offline {
		t.Errorf("taken offline: %q, %v; want it to be believed: %v", h.caches, h.takeErr, offline)
	}
}

const (
	goodView    = `{"local_site":"site-a","sites_view":["site-a","site-b"],"health":{"status":"HEALTHY"}}`
	goodTake    = `{"sessions":"ok","actionTokens":"ok"}`
	goodOffline = `{"status":"offline"}`
)

// FuzzAnswers: the client believes exactly what the answers say, and nothing of
// what they do not.
func FuzzAnswers(f *testing.F) {
	f.Add(uint16(200), []byte(goodView), uint16(200), []byte(goodTake), uint16(200), []byte(goodOffline))
	for _, body := range []string{
		``, `null`, `{}`, `[]`, `"ok"`, `{"":"ok"}`, `{"sessions":"ok","sessions":"Incorrect site name: x"}`, `{"sessions":"no","sessions":"ok"}`,
		`{"sessions":null}`, `{"sessions":["ok"]}`, `{"sessions":{"ok":"ok"}}`, `{"sessions":"OK"}`, `{"sessions":"ok"}{}`, `{"sessions":"ok"`, `{"a":"ok","A":"ok"}`,
		`{"STATUS":"offline"}`, `{"status":"online","status":"offline"}`, `{"status":["offline"]}`, `{"status":"mixed","offline":["x"]}`,
		`{"local_site":"site-a","sites_view":["site-a","site-b"],"sites_view":["site-a"]}`, `{"local_site":"site-a","Sites_View":["site-a"]}`,
		`{"local_site":"site-a","sites_view":["site-a",null]}`, `{"local_site":"site-a","sites_view":["site-a",""]}`, `{"local_site":"site-a","sites_view":["site-b"]}`,
		`{"local_site":"site-b\n","sites_view":["site-b"]}`, `{"local_site":["site-a"],"sites_view":{"site-a":1}}`, `{"x":` + strings.Repeat("9", 500) + `e9}`,
	} {
		f.Add(uint16(200), []byte(body), uint16(200), []byte(body), uint16(200), []byte(body))
		f.Add(uint16(200), []byte(goodView), uint16(200), []byte(body), uint16(200), []byte(goodOffline))
		f.Add(uint16(200), []byte(goodView), uint16(200), []byte(goodTake), uint16(200), []byte(body))
	}
	for _, status := range []uint16{0, 100, 101, 201, 204, 302, 401, 403, 404, 500, 999} {
		f.Add(status, []byte(goodView), status, []byte(goodTake), uint16(200), []byte(goodOffline))
		f.Add(uint16(200), []byte(goodView), uint16(200), []byte(goodTake), status, []byte(goodOffline))
	}
	f.Fuzz(func(t *testing.T, viewStatus uint16, view []byte, postStatus uint16, post []byte, getStatus uint16, get []byte) {
		answered := func(status uint16, body []byte) []byte {
			if status%1000 == 200 {
				return body
			}
			return nil
		}
		sees, status, offline := believable(answered(viewStatus, view), answered(postStatus, post), answered(getStatus, get))
		hear(t, func(r *http.Request) []byte {
			switch {
			case r.Method == http.MethodPost:
				return response(postStatus, post)
			case strings.HasSuffix(r.URL.Path, "/container"):
				return response(viewStatus, view)
			default:
				return response(getStatus, get)
			}
		}).check(t, sees, status, offline)
	})
}

// FuzzWire: whatever bytes come over the connection, the client believes no more
// than what they say as an answer of HTTP.
func FuzzWire(f *testing.F) {
	for _, raw := range []string{
		"", "HTTP/1.1", "HTTP/1.1 200\r\n\r\n{}", "HTTP/1.1 -200 OK\r\n\r\n", "HTTP/1.1 200 \x1b[2J\r\nX: \x00\r\n\r\n{}", "\x15\x03\x01\x00\x02\x02\x16", "<html>",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" + goodOffline, "HTTP/1.1 307 X\r\nLocation: https://b.test/\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"x\":\r\nffffffffffffffff\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + goodOffline,
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + goodOffline, "HTTP/1.0 200 OK\r\n\r\n" + goodView, "HTTP/1.1 401 X\r\nWWW-Authenticate: Digest\r\n\r\n",
		string(response(200, []byte(goodView))), string(response(200, []byte(goodTake))), string(response(200, []byte(goodOffline))),
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		h := hear(t, func(*http.Request) []byte { return raw })
		body := read(raw)
		sees, status, offline := believable(body, body, body)
		// HTTP leaves room to give up earlier, not to believe more.
		if h.seesErr == nil && !slices.Equal(h.sees, sees) || h.statusErr == nil && h.status != status || h.takeErr == nil && !offline {
			t.Errorf("%q: got %+v", raw, h)
		}
	})
}

// read is the body of a 200, after any number of answers that are none yet.
func read(raw []byte) []byte {
	in := bufio.NewReader(bytes.NewReader(raw))
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.StatusCode >= 200 && resp.StatusCode != 200 {
			return nil
		}
		if resp.StatusCode != 200 {
			continue
		}
		body := io.Reader(resp.Body)
		if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
			if body, err = gzip.NewReader(body); err != nil {
				return nil
			}
		}
		all, err := io.ReadAll(io.LimitReader(body, 2<<20))
		if err != nil {
			return nil
		}
		return all
	}
}
