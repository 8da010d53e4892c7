package ingest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/sitefence/sitefence/internal/alert"
	"github.com/sitefence/sitefence/internal/bus"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/secret"
)

// answers are all that the handler ever says, by status.
var answers = map[int][]string{
	204: {""}, 401: {"want the webhook's user and password\n"}, 405: {"want POST\n"},
	400: {"Bad Request\n", alert.ErrNotJSON.Error() + "\n", alert.ErrNotWebhook.Error() + "\n", alert.ErrVersion.Error() + "\n"},
	413: {"Request Entity Too Large\n", alert.ErrTooMany.Error() + "\n"},
}

// inMemory stands for both AWS services without a wire, so that fuzzing is fast.
type inMemory struct{ details []string }

func (m *inMemory) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return &secretsmanager.GetSecretValueOutput{SecretString: aws.String(password)}, nil
}

func (m *inMemory) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	out := &eventbridge.PutEventsOutput{}
	for _, e := range in.Entries {
		m.details = append(m.details, *e.Detail)
		out.Entries = append(out.Entries, types.PutEventsResultEntry{EventId: aws.String("id")})
	}
	return out, nil
}

// try sends one request to a new handler and holds what reached the bus to the
// configuration, the log to whole lines of JSON, and the answer to what it may
// say. It returns the status and how many events reached the bus.
func try(t *testing.T, r request) (status, events int) {
	t.Helper()
	var memory inMemory
	var log bytes.Buffer
	h := &Handler{
		User: user, Deployments: deployments, Now: func() time.Time { return now },
		Secret: secret.New(&memory, "webhook"), Bus: bus.New(&memory, "sitefence"),
		Log: slog.New(slog.NewJSONHandler(&log, nil)),
	}
	got, err := h.Handle(t.Context(), r)
	if err != nil {
		t.Errorf("an error: %v", err)
	}
	if !slices.Contains(answers[got.StatusCode], got.Body) {
		t.Errorf("got %d %q", got.StatusCode, got.Body)
	}
	for name, value := range got.Headers {
		if strings.ContainsAny(name+value, "\r\n") || len(name+value) > 100 {
			t.Errorf("header %q: %q", name, value)
		}
	}
	checkLog(t, log.Bytes(), len(r.RequestContext.HTTP.SourceIP))
	// A fuzzer knows the password from the seeds and may put it into a label,
	// which is logged: only its own header's form is looked for.
	if form := basic(user, password)[6:]; strings.Contains(log.String()+got.Body, form) && !strings.Contains(r.Body+r.RequestContext.HTTP.SourceIP, form) {
		t.Errorf("credentials in %q", log.String())
	}
	for _, detail := range memory.details {
		checkDetail(t, detail)
	}
	return got.StatusCode, len(memory.details)
}

// checkLog: whatever was sent, a line of the log is one object, and the log of
// one request is bounded.
func checkLog(t *testing.T, log []byte, source int) {
	t.Helper()
	if len(log) > mostLog+6*source { // \u0000
		t.Errorf("%d bytes of log", len(log))
	}
	for line := range bytes.Lines(log) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil || !bytes.HasSuffix(line, []byte("}\n")) || fields["level"] == nil {
			t.Errorf("a log line that is no line of ours (%v): %q", err, line)
		}
	}
}

func checkDetail(t *testing.T, detail string) {
	t.Helper()
	var e contract.Event
	if err := json.Unmarshal([]byte(detail), &e); err != nil {
		t.Fatalf("%s: %v", detail, err)
	}
	if err := e.Validate(); err != nil {
		t.Errorf("%s: %v", detail, err)
	}
	for _, d := range deployments {
		if d.Name == e.Deployment && slices.Contains(d.DNSNames, e.Accelerator) && slices.Contains(d.Sites, e.Reporter) && slices.Contains(d.Sites, e.Site) {
			return
		}
	}
	t.Errorf("not of the configuration: %s", detail)
}

// FuzzAuthorization: no header but the right one gets in.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{
		"", "Basic", "Basic ", "Bearer x", "basic YTpi", "Basic Og==", "Basic " + strings.Repeat("A", 10_000),
		basic(user, password), basic(user, "x"), basic("x", password), basic(user, password) + "=", "Basic\t" + basic(user, password)[6:],
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, events := try(t, auth(webhook(firing("site-a", "site-b")), value))
		scheme, rest, _ := strings.Cut(value, " ")
		// Go's decoder skips line breaks, which no HTTP header can hold.
		rest = strings.NewReplacer("\r", "", "\n", "").Replace(strings.Trim(rest, " "))
		right := strings.EqualFold(scheme, "basic") && rest == basic(user, password)[6:]
		if right != (got == 204) || !right && got != 401 || right != (events == 1) {
			t.Errorf("%q: got %d", value, got)
		}
	})
}

// FuzzBody: a body is answered by what it is, and nothing but valid events of
// the configuration reaches the bus.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", webhook(), webhook(firing("site-a", "site-b")), webhook("null", "7", firing("site-a", "site-a")),
		webhook(strings.Replace(firing("site-a", "site-b"), "2026", "9999", 1)), `{"version":"4","alerts":[{"labels":{"site":[]}}]}`,
		webhook(firing("site-a", "x\n{}")), webhook(firing("site-a", "site-b"), firing("site-b", "site-a"), firing("site-a", "site-b")),
	} {
		f.Add(seed, false)
		f.Add(seed, true)
		f.Add(base64.StdEncoding.EncodeToString([]byte(seed)), true)
	}
	f.Fuzz(func(t *testing.T, body string, encoded bool) {
		r := post(body)
		r.IsBase64Encoded = encoded
		want, plain := 204, []byte(body)
		if encoded {
			var err error
			if plain, err = base64.StdEncoding.DecodeString(body); err != nil {
				want = 400
			}
		}
		if _, err := alert.Decode(plain); err != nil && want == 204 {
			want = 400
		}
		if len(plain) > maxBody {
			want = 413
		}
		if got, _ := try(t, r); got != want && (got != 413 || bytes.Count(plain, []byte(",")) < alert.MaxAlerts) {
			t.Errorf("%q: got %d, want %d", body, got, want)
		}
	})
}

// FuzzRequest: no Function URL event makes the handler panic, and none without
// POST and the right header gets further than that.
func FuzzRequest(f *testing.F) {
	good := webhook(firing("site-a", "site-b"))
	upper := post(good)
	upper.Headers = map[string]string{"AUTHORIZATION": basic(user, password), "Authorization": "Basic x", "x": strings.Repeat("y", 10_000)}
	lies := post(good)
	lies.IsBase64Encoded = true
	method := post(good)
	method.RequestContext.HTTP.Method = "POST\r\nX: y"
	for _, r := range []request{{}, post(good), auth("{", "Basic x"), upper, lies, method} {
		seed, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Add([]byte(`{"version":"1.0","httpMethod":"POST","headers":null}`))
	f.Add([]byte(`{"requestContext":{"http":{"method":"POST","sourceIp":"\n\u0000"}},"headers":{"authorization":"Basic Og=="},"body":"\ud800"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var r request
		if json.Unmarshal(raw, &r) != nil {
			return // Lambda's runtime refuses it likewise
		}
		tryRequest(t, r)
	})
}

// tryRequest: without POST nothing is looked at, and without the right header
// nothing is put.
func tryRequest(t *testing.T, r request) {
	t.Helper()
	status, events := try(t, r)
	right := false
	for name, value := range r.Headers {
		scheme, rest, _ := strings.Cut(value, " ")
		rest = strings.NewReplacer("\r", "", "\n", "").Replace(strings.Trim(rest, " "))
		right = right || strings.EqualFold(name, "authorization") && strings.EqualFold(scheme, "basic") && rest == basic(user, password)[6:]
	}
	switch isPost := r.RequestContext.HTTP.Method == "POST"; {
	case !isPost && status != 405, isPost && !right && status != 401, status != 204 && events > 0:
		t.Errorf("%+v: got %d with %d events", r, status, events)
	}
}

// FuzzHeaders is FuzzRequest by its parts: any method, names in any letters,
// several of one name, a body that is not what its flag says.
func FuzzHeaders(f *testing.F) {
	good := webhook(firing("site-a", "site-b"))
	f.Add("POST", "authorization", basic(user, password), "x", "y", "192.0.2.1", good, false)
	f.Add("POST", "AUTHORIZATION", basic(user, password), "authorization", "Basic x", "::1", good, false)
	f.Add("POST", "Authorization", "Bearer x", "authorization", basic(user, password), "\n{}", good, true)
	f.Add("POST\r\n", "authorization", basic(user, password), "", "", "", "", false)
	f.Add("PO\u017fT", "author\u0131zation", basic(user, password), "\x00", strings.Repeat("y", 10_000), "\xff", "e30=", true)
	f.Fuzz(func(t *testing.T, method, name, value, other, otherValue, source, body string, encoded bool) {
		r := request{Body: body, IsBase64Encoded: encoded, Headers: map[string]string{name: value}}
		r.Headers[other] = otherValue
		r.RequestContext.HTTP.Method, r.RequestContext.HTTP.SourceIP = method, source
		tryRequest(t, r)
	})
}
