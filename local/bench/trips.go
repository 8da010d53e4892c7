package bench

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Call is one request as its service saw it.
type Call struct {
	Service, Operation string
	New                bool // the first one of its connection
	Opened             time.Time
	Arrived, Answered  time.Time
}

// Line is what was called, by anybody. It is safe for concurrent use.
type Line struct {
	mu    sync.Mutex
	calls []Call
}

func (l *Line) add(c Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, c)
}

// Take returns what was called since the last Take, in order of arrival.
func (l *Line) Take() []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	calls := l.calls
	l.calls = nil
	slices.SortStableFunc(calls, func(a, b Call) int { return a.Arrived.Compare(b.Arrived) })
	return calls
}

// began is when a caller began to wait: with the opening of its connection, unless
// that was opened ahead of its use. Opening takes two trips.
func (c Call) began(trip time.Duration) time.Time {
	if c.New && c.Arrived.Sub(c.Opened) < 5*trip/2 {
		return c.Opened
	}
	return c.Arrived
}

// Sequence is the longest chain of calls of which each began after the one before
// had been answered: at least as long as what really waited for each other.
func Sequence(calls []Call, trip time.Duration) int {
	calls = slices.Clone(calls)
	slices.SortFunc(calls, func(a, b Call) int { return a.Answered.Compare(b.Answered) })
	n, last := 0, time.Time{}
	for _, c := range calls {
		if !c.began(trip).Before(last) {
			n, last = n+1, c.Answered
		}
	}
	return n
}

// Service serves a fake over TLS on loopback as if it were a trip away. A call
// takes one trip; a new connection two before its first call: TCP's handshake, and
// TLS 1.3's.
type Service struct {
	Name    string
	URL     string
	line    *Line
	trip    *atomic.Int64 // nanoseconds, of all services
	handler atomic.Pointer[http.Handler]
	server  *http.Server
}

// Serve starts a service. Its handler can be exchanged at any time.
func Serve(name string, handler http.Handler, cert tls.Certificate, line *Line, trip *atomic.Int64) (*Service, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for %s: %w", name, err)
	}
	s := &Service{Name: name, URL: "https://" + listener.Addr().String(), line: line, trip: trip}
	s.Put(handler)
	s.server = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // a function that is ended cuts its connections
		// Not nil, hence no HTTP/2, which AWS's endpoints do not speak either.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connection{}, c.(*tls.Conn).NetConn())
		},
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	go func() { _ = s.server.Serve(tls.NewListener(&distant{listener, trip}, config)) }()
	return s, nil
}

// Put exchanges the handler.
func (s *Service) Put(handler http.Handler) { s.handler.Store(&handler) }

// Close ends the service and its connections.
func (s *Service) Close() { _ = s.server.Close() }

type connection struct{}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	far := r.Context().Value(connection{}).(*far)
	call := Call{Service: s.Name, Operation: operation(r, body), Opened: far.opened, Arrived: time.Now()}
	call.New = far.used.CompareAndSwap(false, true)
	time.Sleep(time.Duration(s.trip.Load()))
	r.Body = io.NopCloser(bytes.NewReader(body))
	(*s.handler.Load()).ServeHTTP(w, r)
	call.Answered = time.Now()
	s.line.add(call)
}

// operation names a call: AWS's operation, or Infinispan's method and path.
func operation(r *http.Request, body []byte) string {
	if _, name, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return name
	}
	if form, err := url.ParseQuery(string(body)); err == nil && form.Has("Action") {
		return form.Get("Action")
	}
	path := strings.TrimPrefix(r.URL.Path, "/rest/v2/container")
	path = strings.TrimPrefix(path, "/x-site")
	return strings.TrimSpace(r.Method + " " + cmp.Or(r.URL.Query().Get("action"), strings.TrimPrefix(path, "/"), "container"))
}

// distant makes a listener's connections those of a caller far away.
type distant struct {
	net.Listener
	trip *atomic.Int64
}

// Accept implements net.Listener.
func (d *distant) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &far{Conn: c, opened: now, usable: now.Add(2 * time.Duration(d.trip.Load()))}, nil
}

// far is a connection whose first byte takes two trips to be answered: the client's
// side of TCP's handshake is over at once on one machine.
type far struct {
	net.Conn
	opened, usable time.Time
	used           atomic.Bool
}

// Read implements net.Conn.
func (f *far) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if wait := time.Until(f.usable); wait > 0 {
		time.Sleep(wait)
	}
	return n, err
}
