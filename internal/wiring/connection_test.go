package wiring_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/wiring"
)

// service answers the Global Accelerator's calls with nothing, and counts them and
// the connections that they came on.
func service(t *testing.T, write http.HandlerFunc) (f wiring.Function, connections, writes *atomic.Int32) {
	t.Helper()
	connections, writes = &atomic.Int32{}, &atomic.Int32{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".UpdateEndpointGroup") {
			writes.Add(1)
			write(w, r)
			return
		}
		_, _ = w.Write([]byte(`{"Listeners":[]}`))
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL_GLOBAL_ACCELERATOR", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	f = function(t, config.Deployment{Accelerator: config.Accelerator{ARN: "arn:aws:globalaccelerator::123456789012:accelerator/1"}})
	return f, connections, writes
}

// TestOneConnection: a write goes out on the connection of the reads before it. On a
// busy machine the client may not have laid that connection aside when the write
// comes, and dials as well: so one of some tries is enough, and none is with two
// transports.
func TestOneConnection(t *testing.T) {
	for range 20 {
		if n := connectionsOfAWrite(t); n == 1 {
			return
		}
	}
	t.Error("two connections, every time")
}

func connectionsOfAWrite(t *testing.T) int32 {
	t.Helper()
	f, connections, writes := service(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) })
	reader := f.Reader()
	if _, err := reader.Read(t.Context()); err != nil || reader.Seen == nil {
		t.Fatalf("%v; it remembers whom to ask: %t", err, reader.Seen != nil)
	}
	if _, err := accelerator.Remove(t.Context(), served, f.Writer(), "site-b", "site-a"); writes.Load() != 1 {
		t.Errorf("%d writes, want 1: %v", writes.Load(), err)
	}
	return connections.Load()
}

// TestNoSecondWrite: a write whose connection ends without an answer is an error,
// though the connection was used before: it may have been carried out.
func TestNoSecondWrite(t *testing.T) {
	f, _, writes := service(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	})
	if _, err := f.Reader().Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := accelerator.Remove(t.Context(), served, f.Writer(), "site-b", "site-a")
	if writes.Load() != 1 || contract.ReasonOf(err) != contract.Unavailable {
		t.Errorf("%d writes, %v; want one and unavailable", writes.Load(), err)
	}
}

// TestWriteWaits: a write is waited for longer than a read.
func TestWriteWaits(t *testing.T) {
	reading, writing := wiring.Clients()
	if reading.Timeout != wiring.ReadTimeout || writing.Timeout != wiring.WriteTimeout || reading.Transport != writing.Transport {
		t.Errorf("reads end after %s and writes after %s, over one transport: %t", reading.Timeout, writing.Timeout, reading.Transport == writing.Transport)
	}
}
