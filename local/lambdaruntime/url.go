package lambdaruntime

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// Invoker is a function that can be invoked; see Function.Invoke.
type Invoker interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

// URL is a Function URL without IAM (AuthType NONE, buffered): it makes an event
// of format 2.0 of each request, and an HTTP answer of the function's. What
// keeps the function from answering is 413 (too large), 429 (throttled), 502
// (the function failed, or its answer is none of a Function URL) or 503.
//
// Not modelled: AWS also answers 429 beyond ten requests a second for each unit
// of reserved concurrency.
func URL(function Invoker) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxPayload))
		if err != nil {
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				fail(w, http.StatusRequestEntityTooLarge, "Request Too Large")
			} else {
				fail(w, http.StatusBadRequest, "Bad Request")
			}
			return
		}
		payload, err := json.Marshal(event(r, body))
		if err != nil {
			fail(w, http.StatusBadRequest, "Bad Request")
			return
		}
		answer, err := function.Invoke(r.Context(), payload)
		_, failed := errors.AsType[*FunctionError](err)
		switch {
		case err == nil:
			respond(w, answer)
		case errors.Is(err, ErrTooLarge):
			fail(w, http.StatusRequestEntityTooLarge, "Request Too Large")
		case errors.Is(err, ErrThrottled):
			fail(w, http.StatusTooManyRequests, "Rate Exceeded.")
		case failed:
			fail(w, http.StatusBadGateway, "Internal Server Error")
		default:
			fail(w, http.StatusServiceUnavailable, "Service Unavailable")
		}
	})
}

func fail(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"Message": message})
}

func event(r *http.Request, body []byte) events.LambdaFunctionURLRequest {
	now := time.Now().UTC()
	source, _, _ := net.SplitHostPort(r.RemoteAddr)
	prefix, _, _ := strings.Cut(r.Host, ".")
	e := events.LambdaFunctionURLRequest{
		Version: "2.0", RawPath: r.URL.EscapedPath(), RawQueryString: r.URL.RawQuery,
		Headers: map[string]string{"host": r.Host, "x-forwarded-for": source, "x-forwarded-proto": "https", "x-forwarded-port": "443"},
		RequestContext: events.LambdaFunctionURLRequestContext{
			AccountID: "anonymous", RequestID: uuid(), APIID: prefix, DomainName: r.Host, DomainPrefix: prefix,
			Time: now.Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli(),
			HTTP: events.LambdaFunctionURLRequestContextHTTPDescription{
				Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: source, UserAgent: r.UserAgent(),
			},
		},
	}
	for name, values := range r.Header {
		switch name {
		case "Cookie":
			for _, value := range values {
				e.Cookies = append(e.Cookies, strings.Split(value, "; ")...)
			}
		case "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "Host":
			// AWS's own; a client cannot choose them.
		default:
			e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	for name, values := range r.URL.Query() {
		if e.QueryStringParameters == nil {
			e.QueryStringParameters = map[string]string{}
		}
		e.QueryStringParameters[name] = strings.Join(values, ",")
	}
	if isText(r.Header) && utf8.Valid(body) {
		e.Body = string(body)
	} else {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), len(body) > 0
	}
	return e
}

// isText reports whether AWS hands such a body on as it is, and not in base64.
func isText(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || h.Get("Content-Encoding") != "" {
		return false
	}
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml") ||
		slices.Contains([]string{"application/json", "application/xml", "application/javascript"}, kind)
}

// respond sends the function's answer. An answer without a status code is the
// body itself.
func respond(w http.ResponseWriter, payload []byte) {
	var shape struct {
		StatusCode *json.RawMessage `json:"statusCode"`
	}
	if err := json.Unmarshal(payload, &shape); err != nil || shape.StatusCode == nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(payload)
		return
	}
	var a events.LambdaFunctionURLResponse
	if json.Unmarshal(payload, &a) != nil || a.StatusCode < 200 || a.StatusCode > 599 {
		fail(w, http.StatusBadGateway, "Internal Server Error")
		return
	}
	body := []byte(a.Body)
	if a.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(a.Body); err != nil {
			fail(w, http.StatusBadGateway, "Internal Server Error")
			return
		}
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	for name, value := range a.Headers {
		h.Set(name, value)
	}
	for _, cookie := range a.Cookies {
		h.Add("Set-Cookie", cookie)
	}
	w.WriteHeader(a.StatusCode)
	_, _ = w.Write(body)
}
