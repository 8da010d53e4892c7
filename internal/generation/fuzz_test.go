package generation_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/generation"
)

// answered is a Step Functions that answers every call in the same way.
type answered struct {
	status int
	body   []byte
}

func (a answered) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a.body)), Request: r}, nil
}

// FuzzExecutions: an execution is the newest only by an answer that is a list of
// names in which there is no higher generation.
func FuzzExecutions(f *testing.F) {
	for _, body := range []string{
		``, `null`, `{}`, `{"executions":null}`, `{"executions":[]}`, `{"Executions":[]}`, `{"executions":[{"name":"fence-5"}]}`, `{"executions":[{"name":"fence-6"}]}`, `{"executions":[null]}`,
		`{"executions":[{"name":"fence-5"},{"name":null}]}`, `{"executions":[{}]}`, `{"executions":[{"name":7}]}`, `{"executions":[{"name":"fence-5"}`, `{"executions":{"name":"fence-5"}}`,
		`{"executions":[{"name":"by-hand"}],"nextToken":"again"}`, `{"executions":[],"nextToken":"again"}`, `{"__type":"AccessDeniedException","message":"\u001b"}`, `<html>`,
	} {
		f.Add(uint16(200), []byte(body))
		f.Add(uint16(400), []byte(body))
	}
	f.Fuzz(func(t *testing.T, status uint16, body []byte) {
		client := sfn.New(sfn.Options{Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("x", "x", ""),
			HTTPClient: answered{int(status), body}, Retryer: aws.NopRetryer{}})
		err := generation.Guard{Executions: client, Machine: "arn:fence"}.Newest(t.Context(), "fence-5")
		if err != nil {
			_, transient := errors.AsType[*contract.Transient](err)
			_, refused := errors.AsType[*contract.Refused](err)
			_, misconfigured := errors.AsType[*contract.Misconfigured](err)
			if text := err.Error(); !transient && !refused && !misconfigured || len(text) > 2*contract.MaxText || strings.ContainsFunc(text, unicode.IsControl) {
				t.Errorf("got %T of %d bytes: %.200q", err, len(text), text)
			}
			return
		}
		var all map[string]any
		_ = json.NewDecoder(bytes.NewReader(body)).Decode(&all)
		list, isList := all["executions"].([]any)
		named := false
		for _, item := range list {
			e, _ := item.(map[string]any)
			name, _ := e["name"].(string)
			generation, ok := contract.ParseGeneration(name)
			if named = named || ok; name == "" || generation > 5 {
				t.Errorf("%q: taken for the newest beside %q", body, name)
			}
		}
		if token, _ := all["nextToken"].(string); !isList || token != "" && !named || status/100 != 2 {
			t.Errorf("%d %q: taken for the newest", status, body)
		}
	})
}
