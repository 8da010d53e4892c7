package ingest

import (
	"bytes"
	"context"
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

	"github.com/sitefence/sitefence/internal/bus"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/secret"
)

var statuses = []int{204, 400, 401, 405, 413, 503}

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
// contract, and the log and the answer to showing no secret.
func try(t *testing.T, r request) int {
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
	// A fuzzer knows the password from the seeds and may put it into a label,
	// which is logged: only its own header's form is looked for.
	if text := log.String() + got.Body; strings.Contains(text, basic(user, password)[6:]) && !strings.Contains(r.Body, basic(user, password)[6:]) {
		t.Errorf("credentials in %q", text)
	}
	for _, detail := range memory.details {
		var e contract.Event
		if err := json.Unmarshal([]byte(detail), &e); err != nil {
			t.Errorf("%s: %v", detail, err)
		} else if err := e.Validate(); err != nil {
			t.Errorf("%s: %v", detail, err)
		}
	}
	return got.StatusCode
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
		got := try(t, auth(webhook(firing("site-a", "site-b")), value))
		scheme, rest, _ := strings.Cut(value, " ")
		// Go's decoder skips line breaks, which no HTTP header can hold.
		rest = strings.NewReplacer("\r", "", "\n", "").Replace(strings.Trim(rest, " "))
		right := strings.EqualFold(scheme, "basic") && rest == basic(user, password)[6:]
		if right != (got == 204) || !right && got != 401 {
			t.Errorf("%q: got %d", value, got)
		}
	})
}

// FuzzBody: no body makes the handler panic or fail, and nothing but valid
// events of the configuration reaches the bus.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", webhook(), webhook(firing("site-a", "site-b")), webhook("null", "7", firing("site-a", "site-a")),
		webhook(strings.Replace(firing("site-a", "site-b"), "2026", "9999", 1)), `{"version":"4","alerts":[{"labels":{"site":[]}}]}`,
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, body string, encoded bool) {
		r := post(body)
		r.IsBase64Encoded = encoded
		if got := try(t, r); got != 204 && got != 400 && got != 413 {
			t.Errorf("%q: got %d", body, got)
		}
	})
}

// FuzzRequest: no Function URL event makes the handler panic.
func FuzzRequest(f *testing.F) {
	for _, r := range []request{{}, post(webhook(firing("site-a", "site-b"))), auth("{", "Basic x")} {
		seed, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Add([]byte(`{"version":"1.0","httpMethod":"POST","headers":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var r request
		if json.Unmarshal(raw, &r) != nil {
			return
		}
		if got := try(t, r); !slices.Contains(statuses, got) {
			t.Errorf("%q: got %d", raw, got)
		}
	})
}
