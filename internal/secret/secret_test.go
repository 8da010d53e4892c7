package secret_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/internal/secret"
)

const (
	id  = "sitefence/webhook"
	old = "the old password"
	neu = "the new password"
)

func start(t *testing.T) (*awsfake.SecretsManager, *secret.Reader) {
	t.Helper()
	fake := &awsfake.SecretsManager{}
	fake.Set(id, old)
	return fake, secret.New(secretsmanager.NewFromConfig(awsfake.Serve(t, fake)), id)
}

func get(t *testing.T, f func(context.Context) (secret.Value, error), want string) {
	t.Helper()
	v, err := f(t.Context())
	if err != nil || v.Expose() != want {
		t.Errorf("got %q, %v, want %q", v.Expose(), err, want)
	}
}

// TestKeep: a reader that keeps its value reads once an hour, and again at once
// when a server has refused the password.
func TestKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, reader := start(t)
		reader.Keep()
		for range 12 {
			get(t, reader.Get, old)
			time.Sleep(5 * time.Minute)
		}
		if n := len(fake.Calls()); n != 1 {
			t.Errorf("%d reads within the hour", n)
		}
		fake.Set(id, "fresh-password")
		get(t, reader.Get, "fresh-password")
		fake.Set(id, old)
		get(t, reader.Get, "fresh-password")
		get(t, reader.Reread, old)
		if n := len(fake.Calls()); n != 3 {
			t.Errorf("%d reads, want one an hour and one that was asked for", n)
		}
	})
}

// TestMaxAge: a password that was revoked works for a minute at most.
func TestMaxAge(t *testing.T) {
	if secret.MaxAge > time.Minute {
		t.Errorf("a secret is used for %s, want at most a minute", secret.MaxAge)
	}
}

func TestGetCachesForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, reader := start(t)
		get(t, reader.Get, old)
		fake.Set(id, neu)
		time.Sleep(secret.MaxAge - time.Second)
		get(t, reader.Get, old)
		if n := len(fake.Calls()); n != 1 {
			t.Errorf("%d calls, want 1", n)
		}
		time.Sleep(time.Second)
		get(t, reader.Get, neu)

		// Not a second longer, not even when Secrets Manager is down.
		time.Sleep(secret.MaxAge)
		fake.Add(down, down, down)
		if v, err := reader.Get(t.Context()); err == nil {
			t.Errorf("got %q from a minute ago, want an error", v.Expose())
		}
		get(t, reader.Get, neu)
	})
}

var down = awsfake.Fault{Status: http.StatusInternalServerError, Code: "InternalServiceError"}

func TestAgeCountsFromBeforeASlowAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, reader := start(t)
		fake.Add(awsfake.Fault{Delay: 4 * time.Second})
		get(t, reader.Get, old)
		fake.Set(id, neu)
		time.Sleep(secret.MaxAge - 4*time.Second)
		get(t, reader.Get, neu)
	})
}

func TestRereadIsFresh(t *testing.T) {
	fake, reader := start(t)
	get(t, reader.Get, old)
	fake.Set(id, neu)
	get(t, reader.Reread, neu)
	get(t, reader.Get, neu)
	if v, err := (secret.Password{Reader: reader}).Get(t.Context()); v != neu || err != nil {
		t.Errorf("got %q, %v, want %q", v, err, neu)
	}
}

func TestRefreshIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, reader := start(t)
		seen, err := reader.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		refresh := func() (n int) {
			for range 50 {
				_, fresh, err := reader.Refresh(t.Context(), seen)
				if err != nil {
					t.Fatal(err)
				}
				if fresh {
					n++
				}
			}
			return n
		}
		for i, step := range []struct {
			wait time.Duration
			want int
		}{
			{0, 3},
			{secret.RefreshEvery - time.Millisecond, 0},
			{time.Millisecond, 1},
			{0, 0},
			{secret.RefreshEvery / 2, 0},
			{secret.RefreshEvery / 2, 1},
			{2 * secret.RefreshEvery, 2},
			{time.Hour, 3 + 1}, // the first one is the load of an expired value, from the bucket as well
		} {
			time.Sleep(step.wait)
			if got := refresh(); got != min(step.want, 3) {
				t.Errorf("step %d: %d refreshes, want %d", i, got, min(step.want, 3))
			}
		}

		// What another caller fetched is taken without a token.
		fake.Set(id, neu)
		get(t, reader.Reread, neu)
		if v, fresh, err := reader.Refresh(t.Context(), seen); v.Expose() != neu || !fresh || err != nil {
			t.Errorf("got %q, %v, %v, want the new password", v.Expose(), fresh, err)
		}
	})
}

func TestRetriesOfFailedLoadsAreOutsideTheBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, reader := start(t)
		seen, err := reader.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		denied := awsfake.Fault{Status: http.StatusBadRequest, Code: "AccessDeniedException"}
		for range 10 {
			fake.Add(denied) // not retried by the SDK
			if _, _, err := reader.Refresh(t.Context(), seen); err == nil {
				t.Fatal("no error")
			}
		}
		fake.Set(id, neu)
		if v, fresh, err := reader.Refresh(t.Context(), seen); v.Expose() != neu || !fresh || err != nil {
			t.Errorf("got %q, %v, %v, want the new password", v.Expose(), fresh, err)
		}
	})
}

func TestSingleFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, reader := start(t)
		fake.Add(awsfake.Fault{Delay: 2 * time.Second})

		// The one who begins gives up; the others still get the value.
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wait sync.WaitGroup
		wait.Go(func() {
			if _, err := reader.Get(impatient); !isTransient(err) {
				t.Errorf("got %v, want Transient", err)
			}
		})
		synctest.Wait()
		for range 20 {
			wait.Go(func() { get(t, reader.Get, old) })
		}
		wait.Wait()
		if n := len(fake.Calls()); n != 1 {
			t.Errorf("%d calls, want 1", n)
		}
	})
}

// TestFrozenLoad is a load that nobody waits for any more (Lambda freezes it)
// and that fails when it wakes up: who joined it tries once on his own.
func TestFrozenLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, reader := start(t)
		fake.Add(awsfake.Fault{Delay: time.Hour})
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := reader.Get(impatient); !isTransient(err) {
			t.Errorf("got %v, want Transient", err)
		}
		get(t, reader.Get, old)
		if n := len(fake.Calls()); n != 2 {
			t.Errorf("%d calls, want 2", n)
		}
	})
}

func isTransient(err error) bool {
	_, ok := errors.AsType[*contract.Transient](err)
	return ok
}

func TestErrors(t *testing.T) {
	const plain = "a secret in an odd place"
	tests := map[string]struct {
		value  any
		fault  awsfake.Fault
		kind   error
		reason contract.Reason
	}{
		"missing":           {nil, awsfake.Fault{Status: 400, Code: "ResourceNotFoundException"}, &contract.Misconfigured{}, contract.NotFound},
		"forbidden":         {nil, awsfake.Fault{Status: 400, Code: "AccessDeniedException"}, &contract.Misconfigured{}, contract.AccessDenied},
		"to be deleted":     {nil, awsfake.Fault{Status: 400, Code: "InvalidRequestException"}, &contract.Misconfigured{}, contract.SecretUnusable},
		"undecipherable":    {nil, awsfake.Fault{Status: 400, Code: "DecryptionFailure"}, &contract.Misconfigured{}, contract.SecretUnusable},
		"binary":            {[]byte(plain), awsfake.Fault{}, &contract.Misconfigured{}, contract.SecretUnusable},
		"empty":             {"", awsfake.Fault{}, &contract.Misconfigured{}, contract.SecretUnusable},
		"newline":           {plain + "\n", awsfake.Fault{}, &contract.Misconfigured{}, contract.SecretUnusable},
		"NUL":               {plain + "\x00", awsfake.Fault{}, &contract.Misconfigured{}, contract.SecretUnusable},
		"throttled":         {nil, awsfake.Fault{Status: 400, Code: "ThrottlingException"}, &contract.Transient{}, contract.Unavailable},
		"internal":          {nil, awsfake.Fault{Status: 500, Code: "InternalServiceError"}, &contract.Transient{}, contract.Unavailable},
		"cut":               {nil, awsfake.Fault{Cut: true}, &contract.Transient{}, contract.Unavailable},
		"slow":              {nil, awsfake.Fault{Delay: time.Hour}, &contract.Transient{}, contract.Unavailable},
		"not JSON":          {nil, awsfake.Fault{Body: plain}, &contract.Transient{}, contract.Unavailable},
		"wrong JSON":        {nil, awsfake.Fault{Body: `["` + plain + `"]`}, &contract.Transient{}, contract.Unavailable},
		"wrong type":        {nil, awsfake.Fault{Body: `{"SecretString": {"x": "` + plain + `"}}`}, &contract.Transient{}, contract.Unavailable},
		"number with extra": {nil, awsfake.Fault{Body: `{"SecretBinary": "` + plain + `"}`}, &contract.Transient{}, contract.Unavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake, reader := start(t)
				if tt.value != nil {
					fake.Set(id, tt.value)
				}
				for range 3 { // the SDK's attempts
					fake.Add(tt.fault)
				}
				v, err := reader.Get(t.Context())
				if got, want := fmt.Sprintf("%T", err), fmt.Sprintf("%T", tt.kind); got != want {
					t.Fatalf("got %s (%v), want %s", got, err, want)
				}
				if got := contract.ReasonOf(err); got != tt.reason {
					t.Errorf("got reason %q (%v), want %q", got, err, tt.reason)
				}
				if v.Expose() != "" {
					t.Error("a value beside the error")
				}
				leak.Check(t, err.Error(), plain, old)
			})
		})
	}
}

func TestRegionOfTheARN(t *testing.T) {
	const arn = "arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:x-AbCdEf"
	fake := &awsfake.SecretsManager{}
	fake.Set(arn, old)
	reader := secret.New(secretsmanager.NewFromConfig(awsfake.Serve(t, fake)), arn)
	get(t, reader.Get, old)
	if got := fake.Calls()[0].Region; got != "ap-southeast-2" {
		t.Errorf("read in %s, want the ARN's Region", got)
	}
}

func TestValueIsNeverShown(t *testing.T) {
	_, reader := start(t)
	v, err := reader.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%10.3s"} {
		fmt.Fprintf(&text, verb+verb+verb+verb+"\n", v, &v, struct{ V secret.Value }{v}, &struct{ v secret.Value }{v})
	}
	slog.New(slog.NewJSONHandler(&text, nil)).Info("x", "value", v, "in", struct{ V secret.Value }{v})
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "value", v, "in", struct{ V secret.Value }{v})
	if err := json.NewEncoder(&text).Encode(map[secret.Value]secret.Value{v: v}); err != nil {
		t.Fatal(err)
	}
	leak.Check(t, text.String(), old)
	leak.Check(t, fmt.Sprintf("%v %+v", reader, reader), old)
}
