package lambdaruntime_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/local/lambdaruntime"
)

// function is one that is not run.
type function func(payload []byte) ([]byte, error)

func (f function) Invoke(_ context.Context, payload []byte) ([]byte, error) { return f(payload) }

// TestURLRequest: what the function gets of a request.
func TestURLRequest(t *testing.T) {
	var got events.LambdaFunctionURLRequest
	url := lambdaruntime.URL(function(func(payload []byte) ([]byte, error) {
		got = events.LambdaFunctionURLRequest{}
		return []byte(`{"statusCode":204}`), json.Unmarshal(payload, &got)
	}))
	send := func(t *testing.T, body string, header map[string]string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, "http://abc.lambda-url.eu-west-1.on.aws/a%2Fb?x=1&x=2&y=3", strings.NewReader(body))
		r.Header = http.Header{"User-Agent": {"Alertmanager/0.28.1"}, "X-Two": {"1", "2"}, "X-Forwarded-For": {"203.0.113.9"}}
		for k, v := range header {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		url.ServeHTTP(w, r)
		if w.Code != http.StatusNoContent {
			t.Fatalf("got %d: %s", w.Code, w.Body)
		}
	}

	t.Run("its parts", func(t *testing.T) {
		send(t, "{}", map[string]string{"Content-Type": "application/json", "Authorization": "Basic eA==", "Cookie": "a=1; b=2"})
		c := got.RequestContext
		if c.RequestID == "" || c.TimeEpoch == 0 || c.Time == "" {
			t.Errorf("no id or time: %+v", c)
		}
		got.RequestContext.RequestID, got.RequestContext.TimeEpoch, got.RequestContext.Time = "", 0, ""
		want := events.LambdaFunctionURLRequest{
			Version: "2.0", RawPath: "/a%2Fb", RawQueryString: "x=1&x=2&y=3", Cookies: []string{"a=1", "b=2"},
			Headers: map[string]string{"host": "abc.lambda-url.eu-west-1.on.aws", "user-agent": "Alertmanager/0.28.1", "x-two": "1,2",
				"content-type": "application/json", "authorization": "Basic eA==",
				"x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "https", "x-forwarded-port": "443"},
			QueryStringParameters: map[string]string{"x": "1,2", "y": "3"},
			RequestContext: events.LambdaFunctionURLRequestContext{
				AccountID: "anonymous", APIID: "abc", DomainName: "abc.lambda-url.eu-west-1.on.aws", DomainPrefix: "abc",
				HTTP: events.LambdaFunctionURLRequestContextHTTPDescription{
					Method: "POST", Path: "/a/b", Protocol: "HTTP/1.1", SourceIP: "192.0.2.1", UserAgent: "Alertmanager/0.28.1"},
			},
			Body: "{}",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})

	for _, tc := range []struct {
		name, kind, encoding, body string
		base64                     bool
	}{
		{"JSON", "application/json", "", `{"ä":1}`, false},
		{"JSON with a character set", "application/json; charset=utf-8", "", "{}", false},
		{"JSON of a kind", "application/problem+json", "", "{}", false},
		{"text", "text/plain", "", "x", false},
		{"no type", "", "", "{}", true},
		{"bytes", "application/octet-stream", "", "{}", true},
		{"compressed JSON", "application/json", "gzip", "{}", true},
		{"JSON that is no UTF-8", "application/json", "", "\xff", true},
		{"nothing", "", "", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			header := map[string]string{}
			if tc.kind != "" {
				header["Content-Type"] = tc.kind
			}
			if tc.encoding != "" {
				header["Content-Encoding"] = tc.encoding
			}
			send(t, tc.body, header)
			want := tc.body
			if tc.base64 {
				want = base64.StdEncoding.EncodeToString([]byte(tc.body))
			}
			if got.Body != want || got.IsBase64Encoded != tc.base64 {
				t.Errorf("got %q, base64 %v; want %q, %v", got.Body, got.IsBase64Encoded, want, tc.base64)
			}
		})
	}
}

// TestURLAnswer: what the client gets of what became of the invocation.
func TestURLAnswer(t *testing.T) {
	for _, tc := range []struct {
		name   string
		body   string
		answer string
		err    error
		status int
		want   string // the body
		header map[string]string
	}{
		{name: "an answer", answer: `{"statusCode":401,"headers":{"www-authenticate":"Basic","content-type":"text/plain"},"body":"who?","cookies":["a=1"]}`,
			status: 401, want: "who?", header: map[string]string{"Www-Authenticate": "Basic", "Content-Type": "text/plain", "Set-Cookie": "a=1"}},
		{name: "an answer in base64", answer: `{"statusCode":200,"body":"aGk=","isBase64Encoded":true}`, status: 200, want: "hi"},
		{name: "no status", answer: `{"a":1}`, status: 200, want: `{"a":1}`, header: map[string]string{"Content-Type": "application/json"}},
		{name: "a status that is none", answer: `{"statusCode":"fine"}`, status: 502},
		{name: "a status out of range", answer: `{"statusCode":0}`, status: 502},
		{name: "base64 that is none", answer: `{"statusCode":200,"body":"!","isBase64Encoded":true}`, status: 502},
		{name: "a function error", err: &lambdaruntime.FunctionError{Type: "Transient", Message: "secret"}, status: 502},
		{name: "throttled", err: lambdaruntime.ErrThrottled, status: 429},
		{name: "too large for the platform", body: strings.Repeat("x", lambdaruntime.MaxPayload+1), status: 413},
		{name: "too large as an event", err: lambdaruntime.ErrTooLarge, status: 413},
		{name: "closed", err: lambdaruntime.ErrClosed, status: 503},
		{name: "not started", err: errors.New("secret"), status: 503},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := httptest.NewServer(lambdaruntime.URL(function(func([]byte) ([]byte, error) { return []byte(tc.answer), tc.err })))
			defer server.Close()
			resp, err := http.Post(server.URL, "text/plain", strings.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tc.status || tc.want != "" && string(body) != tc.want {
				t.Errorf("got %d %q, want %d %q", resp.StatusCode, body, tc.status, tc.want)
			}
			if strings.Contains(string(body), "secret") {
				t.Errorf("an error's text reached the client: %s", body)
			}
			for name, want := range tc.header {
				if got := resp.Header.Get(name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
		})
	}
}
