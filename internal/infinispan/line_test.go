package infinispan_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/infinispan"
)

// node is an Infinispan that notes its connections: the calls of each, in the order
// in which they were opened.
type node struct {
	*httptest.Server
	mu     sync.Mutex
	opened map[string]int
	calls  [][]string
	closed int
}

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{opened: map[string]int{}}
	n.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		at := n.opened[r.RemoteAddr]
		n.calls[at] = append(n.calls[at], r.Method+" "+r.URL.RequestURI()[strings.LastIndex(r.URL.Path, "/"):])
		n.mu.Unlock()
		if r.Method == http.MethodPost {
			_, _ = w.Write([]byte(`{"sessions":"ok"}`))
			return
		}
		_, _ = w.Write([]byte(`{"status":"offline"}`))
	}))
	n.Config.ConnState = func(c net.Conn, s http.ConnState) {
		n.mu.Lock()
		defer n.mu.Unlock()
		switch s {
		case http.StateNew:
			n.opened[c.RemoteAddr().String()] = len(n.calls)
			n.calls = append(n.calls, nil)
		case http.StateClosed:
			n.closed++
		}
	}
	n.StartTLS()
	t.Cleanup(n.Close)
	return n
}

func (n *node) client(t *testing.T, more func(*config.Infinispan)) *infinispan.Client {
	t.Helper()
	cfg := config.Infinispan{URL: n.URL, User: "u", CA: pemOf(n.Certificate().Raw)}
	if more != nil {
		more(&cfg)
	}
	c, err := infinispan.New("site-a", cfg, fixed(password))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually waits until the node's connections are so many, of them closed.
func (n *node) eventually(t *testing.T, opened, closed int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		n.mu.Lock()
		all, gone := len(n.calls), n.closed
		n.mu.Unlock()
		if all == opened && gone == closed {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d connections, %d of them closed; want %d and %d", all, gone, opened, closed)
		}
	}
}

// TestConnect: the order and its proof find their connections open, one each, and
// nothing is sent before.
func TestConnect(t *testing.T) {
	n := newNode(t)
	c := n.client(t, nil)
	look, end := context.WithCancel(t.Context())
	c.Connect(look, 2)
	end() // the look is over, and the connections stay
	n.eventually(t, 2, 0)
	for range 2 {
		if caches, err := c.TakeOffline(t.Context(), "site-b"); err != nil || len(caches) != 1 {
			t.Fatalf("got %v, %v", caches, err)
		}
	}
	n.eventually(t, 4, 4) // the second time each call opened its own
	for _, calls := range n.calls {
		if len(calls) != 1 {
			t.Errorf("got %v, want one call a connection", n.calls)
		}
	}
	if first := strings.Join(append(n.calls[0], n.calls[1]...), " "); !strings.Contains(first, "POST /site-b?action=take-offline") || !strings.Contains(first, "GET /site-b") {
		t.Errorf("the connections that were opened ahead had %q, want the order and its proof", first)
	}
}

// TestConnectAgain: what was opened for a call that never came is closed, and not
// used by the next invocation.
func TestConnectAgain(t *testing.T) {
	n := newNode(t)
	c := n.client(t, nil)
	c.Connect(t.Context(), 2)
	n.eventually(t, 2, 0)
	c.Connect(t.Context(), 1)
	n.eventually(t, 3, 2)
	if _, err := c.Backup(t.Context(), "site-b"); err != nil {
		t.Fatal(err)
	}
	n.eventually(t, 3, 3)
}

// TestConnectInVain: a connection that cannot be opened, or that the server has
// closed, costs the call nothing.
func TestConnectInVain(t *testing.T) {
	n := newNode(t)
	c := n.client(t, nil)
	c.Connect(t.Context(), 2)
	n.eventually(t, 2, 0)
	n.CloseClientConnections()
	n.eventually(t, 2, 2)
	for end := time.Now().Add(10 * time.Second); c.Usable() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the client does not learn that %d connections were closed", c.Usable())
		}
	}
	if _, err := c.TakeOffline(t.Context(), "site-b"); err != nil {
		t.Error(err)
	}
	refusing := n.client(t, func(i *config.Infinispan) { i.URL = "https://127.0.0.1:1" })
	refusing.Connect(t.Context(), 2)
	other := n.client(t, func(i *config.Infinispan) { i.CA = "" })
	other.Connect(t.Context(), 2)
	for want, c := range map[string]*infinispan.Client{"Transient reporter-unreachable": refusing, "Misconfigured untrusted-certificate": other} {
		if _, err := c.TakeOffline(t.Context(), "site-b"); kind(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
