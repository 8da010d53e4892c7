package limit_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/limit"
)

type aws func(*http.Request) (*http.Response, error)

func (f aws) Do(r *http.Request) (*http.Response, error) { return f(r) }

// TestAnswers: an answer as long as may be is whole; of a longer one the reader
// learns that it is, and no more is read of it.
func TestAnswers(t *testing.T) {
	for n, want := range map[int]bool{0: true, limit.MostAnswer: true, limit.MostAnswer + 1: false, 10 * limit.MostAnswer: false} {
		body := strings.NewReader(strings.Repeat("x", n))
		client := limit.Answers(aws(func(*http.Request) (*http.Response, error) { return &http.Response{Body: io.NopCloser(body)}, nil }))
		resp, err := client.Do(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_, tooLong := errors.AsType[*http.MaxBytesError](err)
		if want && (err != nil || len(got) != n) || !want && (!tooLong || len(got) > limit.MostAnswer) {
			t.Errorf("%d bytes: got %d, %v", n, len(got), err)
		}
		if read := n - body.Len(); read > limit.MostAnswer+64<<10 {
			t.Errorf("%d bytes were read", read)
		}
	}
}

// TestNoAnswer: an error goes through.
func TestNoAnswer(t *testing.T) {
	client := limit.Answers(aws(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }))
	if resp, err := client.Do(nil); resp != nil || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, %v", resp, err)
	}
}
