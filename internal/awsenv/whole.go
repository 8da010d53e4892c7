package awsenv

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Whole is the client with each request's body in memory, where the SDK has it anyway.
//
// net/http sends a body that it does not know in a write of its own, after the head:
// another packet, and another TLS record. And when the answer comes at once, the SDK
// closes its body under net/http's hands, which gives the connection up then (smithy-go
// v1.28.8, safeWriteToReadCloser): the next call opens another.
func Whole(client aws.HTTPClient) aws.HTTPClient { return whole{client} }

type whole struct{ aws.HTTPClient }

// Do implements aws.HTTPClient.
func (w whole) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return w.HTTPClient.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	with := *r // not the caller's; its GetBody stays as it is, so that nothing is sent twice that was not before
	with.Body = io.NopCloser(bytes.NewReader(body))
	return w.HTTPClient.Do(&with)
}
