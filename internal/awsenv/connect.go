package awsenv

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Connect opens the connection of a call that is about to be made with the same
// client, for use while another call is waited for. It does not wait, and what
// fails costs nothing: the call opens its own.
//
// It begins a request and gives it up as soon as the connection is being opened, so
// that nothing is sent: net/http opens it all the same and keeps it for the next
// request (Transport.getConn). Were a connection there already, a HEAD without
// credentials would be sent, which AWS refuses: call it once.
func Connect(client aws.HTTPClient, url string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	began := &httptrace.ClientTrace{ConnectStart: func(string, string) { cancel() }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, began), http.MethodHead, url, nil)
	if err != nil {
		cancel()
		return
	}
	go func() {
		defer cancel()
		if resp, err := client.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
}
