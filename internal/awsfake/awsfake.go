// Package awsfake serves the few AWS calls that the tests need over the real
// wire protocol, to real SDK clients, with state and with faults: a call may
// fail, or fail although it was applied, or be slow, or answer nonsense. It
// uses a network in memory, so that it also works with testing/synctest.
package awsfake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Fault is what goes wrong in one call. Its zero value is no fault.
type Fault struct {
	Delay   time.Duration     // before anything else; a caller that left meanwhile has no effect unless Applied
	Applied bool              // the call has its effect although it fails
	Status  int               // HTTP status of the error
	Code    string            // AWS's error code
	Cut     bool              // the connection ends without an answer
	Body    string            // a 200 with this body instead of the answer
	Entries map[string]string // PutEvents: the code for an entry whose detail holds the key
}

func (f Fault) fails() bool { return f.Status != 0 || f.Cut || f.Body != "" }

// Faults are used up one a call, in order; further calls have none.
type Faults struct {
	mu    sync.Mutex
	queue []Fault
	calls []Call
}

// Call is one call as it arrived.
type Call struct {
	Region string // of the signature
	Input  string // the JSON body
	At     time.Time
}

// Add queues faults.
func (f *Faults) Add(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, faults...)
}

// Clear forgets the faults that are left.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = nil
}

// Calls are all calls so far.
func (f *Faults) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Call(nil), f.calls...)
}

// arrive notes a call and waits out its delay.
func (f *Faults) arrive(r *http.Request, body string) Fault {
	f.mu.Lock()
	var fault Fault
	if len(f.queue) > 0 {
		fault, f.queue = f.queue[0], f.queue[1:]
	}
	call := Call{Input: body, At: time.Now()}
	if scope := strings.Split(r.Header.Get("Authorization"), "/"); len(scope) > 2 {
		call.Region = scope[2]
	}
	f.calls = append(f.calls, call)
	f.mu.Unlock()
	if fault.Delay > 0 {
		select {
		case <-time.After(fault.Delay):
		case <-r.Context().Done():
			if !fault.Applied {
				panic(http.ErrAbortHandler)
			}
		}
	}
	return fault
}

// answer writes the fault's answer, or the real one.
func (f Fault) answer(w http.ResponseWriter, out any) {
	switch {
	case f.Cut:
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		refuse(w, f.Status, f.Code)
	default:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if f.Body != "" {
			_, _ = w.Write([]byte(f.Body))
			return
		}
		_ = json.NewEncoder(w).Encode(out)
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": "the fake says so"})
}

// Serve runs the service until the test ends and returns the configuration of
// a client in Region eu-west-1 that talks to it and to nothing else.
func Serve(t testing.TB, service http.Handler) aws.Config {
	t.Helper()
	network := &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: service, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(network) }()
	transport := &http.Transport{DialContext: network.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	})
	return aws.Config{
		Region:       "eu-west-1",
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "example", ""),
		BaseEndpoint: aws.String("http://aws.test"),
		HTTPClient:   &http.Client{Transport: detached{transport}},
	}
}

// detached gives the transport a body of its own. On a pipe an answer can arrive
// before the transport has noted that the request is written; the SDK then closes
// its body, which the transport takes for a failed request: it closes the
// connection in the middle of a longer answer.
type detached struct{ http.RoundTripper }

func (d detached) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return d.RoundTripper.RoundTrip(r)
}

// memory is a listener whose connections are pipes.
type memory struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case m.conns <- server:
		return client, nil
	case <-m.closed:
		return nil, errors.New("connection refused: the fake is closed")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

// Addr implements net.Listener.
func (m *memory) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "memory"} }
