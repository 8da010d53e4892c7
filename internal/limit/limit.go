// Package limit bounds what is read of AWS's answers: the SDK reads each of
// them wholly into memory, whatever its length.
package limit

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// MostAnswer is the longest answer that is read, in bytes. The longest that is asked
// for is a page of 1000 executions, well under a mebibyte.
const MostAnswer = 4 << 20

// Answers is the client with answers of at most MostAnswer bytes; reading on fails.
func Answers(client aws.HTTPClient) aws.HTTPClient { return bounded{client} }

type bounded struct{ aws.HTTPClient }

// Do implements aws.HTTPClient.
func (b bounded) Do(r *http.Request) (*http.Response, error) {
	resp, err := b.HTTPClient.Do(r)
	if resp != nil && resp.Body != nil {
		// Not cut off, which could leave a valid answer that lacks something.
		resp.Body = http.MaxBytesReader(nil, resp.Body, MostAnswer)
	}
	return resp, err
}
