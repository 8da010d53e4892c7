package infinispan

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// maxAhead is how long a connection may wait for its call: longer than the look
// that a call waits for, and shorter than what servers and balancers between
// allow a connection that says nothing.
const maxAhead = 10 * time.Second

// line is an HTTP client with the connections that were opened ahead for it. Each of
// them serves one call, as all do, see New.
type line struct {
	*http.Client

	mu    sync.Mutex
	ahead []*opening
}

// opening is a connection that is being opened, or waits for its call.
type opening struct {
	done   chan struct{} // closed when conn or err is there
	conn   *http.ClientConn
	err    error
	cancel context.CancelFunc
	expire *time.Timer
}

// Connect opens connections for that many calls which are about to be made, and
// does not wait for them. Nothing is sent, and what fails costs nothing: a call
// without such a connection opens its own. What no call has taken is closed.
func (c *Client) Connect(ctx context.Context, calls int) {
	client, err := c.verifying(ctx)
	if err != nil {
		return // the call says what is wrong
	}
	target, err := url.Parse(c.cfg.URL)
	if err != nil {
		return
	}
	client.open(ctx, net.JoinHostPort(target.Hostname(), target.Port()), calls)
}

func (l *line) open(ctx context.Context, address string, calls int) {
	transport, ok := l.Transport.(*http.Transport)
	if !ok {
		return // there is no network, see Through
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// Lambda may have frozen them since.
	for _, o := range l.ahead {
		o.close()
	}
	l.ahead = nil
	for range calls {
		// It outlives the look beside which it is opened; the transport's own
		// timeouts end it.
		dial, cancel := context.WithCancel(context.WithoutCancel(ctx))
		o := &opening{done: make(chan struct{}), cancel: cancel}
		go func() {
			defer close(o.done)
			o.conn, o.err = transport.NewClientConn(dial, "https", address)
		}()
		o.expire = time.AfterFunc(maxAhead, func() { l.drop(o) })
		l.ahead = append(l.ahead, o)
	}
}

// drop closes a connection that nobody has taken.
func (l *line) drop(o *opening) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.ahead, o); i >= 0 {
		l.ahead = slices.Delete(l.ahead, i, i+1)
		o.close()
	}
}

// take returns the client for one call, and what ends its connection.
func (l *line) take() (*http.Client, func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.ahead) > 0 {
		o := l.ahead[0]
		l.ahead = l.ahead[1:]
		if !o.useless() {
			o.expire.Stop()
			one := *l.Client
			one.Transport = o
			return &one, o.close
		}
		o.close()
	}
	return l.Client, func() {}
}

// useless is a connection that could not be opened, or was closed by the server.
func (o *opening) useless() bool {
	select {
	case <-o.done:
		return o.err != nil || o.conn.Err() != nil
	default:
		return false
	}
}

// RoundTrip implements http.RoundTripper. The call fails as if it had opened the
// connection itself.
func (o *opening) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-o.done:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if o.err != nil {
		return nil, o.err
	}
	return o.conn.RoundTrip(r)
}

func (o *opening) close() {
	o.expire.Stop()
	o.cancel()
	go func() {
		<-o.done
		if o.conn != nil {
			_ = o.conn.Close()
		}
	}()
}
