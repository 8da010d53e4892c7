package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/secret"
)

// answered is a Secrets Manager that answers every call in the same way.
type answered struct {
	status int
	body   []byte
}

func (a answered) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a.body)), Request: r}, nil
}

// FuzzAnswer: a password is what the answer says it is, a text that a Basic
// header can carry, or there is none and no error shows what was there.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		``, `null`, `{}`, `{"SecretString":null}`, `{"SecretString":""}`, `{"SecretString":"a password"}`, `{"SecretString":"a password\n"}`, `{"SecretString":"a\u0000password"}`, `{"SecretString":"\u0085"}`,
		`{"SecretString":"\ud800"}`, `{"SecretString":7}`, `{"SecretString":["a password"]}`, `{"SecretString":{"x":"a password"}}`, `["a password"]`, `"a password"`, `{"secretString":"a password"}`,
		`{"SecretBinary":"YSBwYXNzd29yZA=="}`, `{"SecretBinary":"a password","SecretString":"a password"}`, `{"SecretString":"a password"`, `{"__type":"AccessDeniedException","message":"\u001b"}`, `<html>a password`,
		`{"SecretString":"` + strings.Repeat("x", 65536) + `"}`,
	} {
		f.Add(uint16(200), []byte(body))
		f.Add(uint16(400), []byte(body))
	}
	f.Fuzz(func(t *testing.T, status uint16, body []byte) {
		client := secretsmanager.New(secretsmanager.Options{Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("x", "x", ""),
			HTTPClient: answered{int(status), body}, Retryer: aws.NopRetryer{}})
		v, err := secret.New(client, id).Get(t.Context())
		var all map[string]any
		_ = json.NewDecoder(bytes.NewReader(body)).Decode(&all)
		want, _ := all["SecretString"].(string)
		if err == nil {
			if status/100 != 2 || want == "" || v.Expose() != want || strings.ContainsFunc(want, unicode.IsControl) || !utf8.ValidString(v.Expose()) {
				t.Errorf("%d %q: got %q", status, body, v.Expose())
			}
			return
		}
		_, transient := errors.AsType[*contract.Transient](err)
		_, misconfigured := errors.AsType[*contract.Misconfigured](err)
		if text := err.Error(); !transient && !misconfigured || len(text) > 2*contract.MaxText || strings.ContainsFunc(text, unicode.IsControl) || v.Expose() != "" {
			t.Errorf("got %q and %T of %d bytes: %.200q", v.Expose(), err, len(text), text)
		}
		if len(want) > 20 && strings.Contains(err.Error(), want) && status/100 == 2 {
			t.Errorf("the error shows the secret: %v", err)
		}
	})
}
