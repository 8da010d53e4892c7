package awsenv_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/sitefence/sitefence/internal/awsenv"
)

// TestConnect: the next request finds the connection open, and nothing was sent
// on it before. A request that comes before the connection is there opens another,
// hence the tries.
func TestConnect(t *testing.T) {
	for end := time.Now().Add(10 * time.Second); ; {
		opened, requests := connect(t)
		if requests != 1 {
			t.Fatalf("%d requests, want 1", requests)
		}
		if opened == 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d connections for one request", opened)
		}
	}
}

// connect opens a connection, makes a request, and counts both.
func connect(t *testing.T) (connections, requested int32) {
	t.Helper()
	var opened, requests atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client := awshttp.NewBuildableClient()
	awsenv.Connect(client, server.URL)
	for end := time.Now().Add(10 * time.Second); opened.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no connection is opened")
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return opened.Load(), requests.Load()
}

// TestConnectInVain: nobody is there, or the address is none.
func TestConnectInVain(*testing.T) {
	for _, url := range []string{"http://127.0.0.1:1", ":", ""} {
		awsenv.Connect(awshttp.NewBuildableClient(), url)
	}
}
