package awsenv_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/sitefence/sitefence/internal/awsenv"
)

// TestWhole: five hundred calls that are answered at once, each in one write, over a
// connection that is kept. A busy machine may cost it now and then, as net/http waits
// 50 ms for its own goroutine; with the SDK's bodies every fourth to seventh call does.
func TestWhole(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write([]byte(`{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}`))
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	var writes atomic.Int32
	direct := awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
		dial := tr.DialContext
		tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			return counting{c, &writes}, err
		}
	})
	client := eventbridge.New(eventbridge.Options{Region: "eu-west-1", BaseEndpoint: &server.URL, HTTPClient: awsenv.Whole(direct),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	const calls = 500
	for range calls {
		_, err := client.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
			Source: aws.String("test"), DetailType: aws.String("test"), Detail: aws.String("{}")}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if opened.Load() > calls/100 || writes.Load() != calls {
		t.Errorf("%d calls over %d connections in %d writes, want at most %d and %d", calls, opened.Load(), writes.Load(), calls/100, calls)
	}
}

type counting struct {
	net.Conn
	writes *atomic.Int32
}

func (c counting) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// TestWholeFails: a body that cannot be read is not sent.
func TestWholeFails(t *testing.T) {
	w := &wire{}
	for name, body := range map[string]io.ReadCloser{
		"reading": io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)),
		"closing": unclosable{strings.NewReader("x")},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:1", body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := awsenv.Whole(w).Do(r); !errors.Is(err, io.ErrUnexpectedEOF) || len(w.requests) > 0 {
			t.Errorf("%s: got %v after %q, want the body's error and no call", name, err, w.requests)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, "http://127.0.0.1:1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := awsenv.Whole(w).Do(r); !errors.Is(err, http.ErrAbortHandler) || len(w.requests) != 1 {
		t.Errorf("without a body: got %v after %q, want one call", err, w.requests)
	}
}

type unclosable struct{ io.Reader }

func (unclosable) Close() error { return io.ErrUnexpectedEOF }
