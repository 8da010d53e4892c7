package ingest

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/secret"
)

func TestRotationIsTakenAtOnce(t *testing.T) {
	w := newWorld(t)
	body := webhook(firing("site-a", "site-b"))
	if got := w.handle(login(body, user, password)); got.StatusCode != 204 {
		t.Fatalf("before: got %d, want 204", got.StatusCode)
	}
	w.secrets.Set("webhook", rotated)
	if got := w.handle(login(body, user, rotated)); got.StatusCode != 204 {
		t.Errorf("the new password: got %d, want 204", got.StatusCode)
	}
	if got := w.handle(login(body, user, password)); got.StatusCode != 401 {
		t.Errorf("the old password: got %d, want 401", got.StatusCode)
	}
}

// TestRotationWhileGuessed: somebody who knows the user keeps the bucket empty;
// the new password still works after a refill, since the guess that takes the
// token brings it.
func TestRotationWhileGuessed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		guess := func() {
			for range 20 {
				if got := w.handle(login("", user, "a guess")); got.StatusCode != 401 {
					t.Errorf("a guess: got %d, want 401", got.StatusCode)
				}
			}
		}
		guess()
		w.secrets.Set("webhook", rotated)
		time.Sleep(secret.RefreshEvery)
		guess()
		if got := w.handle(login(webhook(), user, rotated)); got.StatusCode != 204 {
			t.Errorf("got %d, want 204", got.StatusCode)
		}
	})
}

func TestGuessingDoesNotHammerSecretsManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const minutes = 2
		for s := range minutes * 60 {
			for i := range 20 {
				w.handle(login("", user, fmt.Sprintf("guess %d of second %d", i, s)))
				w.handle(login("", "someone", password))
			}
			time.Sleep(time.Second)
		}
		limit := 1 + secret.RefreshBurst + int(minutes*time.Minute/secret.RefreshEvery)
		if n := len(w.secrets.Calls()); n > limit {
			t.Errorf("%d calls of Secrets Manager, want at most %d", n, limit)
		}
	})
}

// TestStrangersAskNothing: without the right user there is no refresh, and
// without credentials there is no call at all.
func TestStrangersAskNothing(t *testing.T) {
	w := newWorld(t)
	for range 10 {
		w.handle(auth("", "Bearer x"))
		w.handle(auth("", ""))
	}
	if n := len(w.secrets.Calls()); n != 0 {
		t.Errorf("%d calls without credentials, want none", n)
	}
	for range 10 {
		w.handle(login("", "someone", "a guess"))
	}
	if n := len(w.secrets.Calls()); n != 1 {
		t.Errorf("%d calls for the wrong user, want 1", n)
	}
}

func TestSecretFaults(t *testing.T) {
	tests := map[string]struct {
		fault awsfake.Fault
		value any
	}{
		"internal":  {awsfake.Fault{Status: 500, Code: "InternalServiceError"}, password},
		"throttled": {awsfake.Fault{Status: 400, Code: "ThrottlingException"}, password},
		"denied":    {awsfake.Fault{Status: 400, Code: "AccessDeniedException"}, password},
		"missing":   {awsfake.Fault{Status: 400, Code: "ResourceNotFoundException"}, password},
		"cut":       {awsfake.Fault{Cut: true}, password},
		"slow":      {awsfake.Fault{Delay: time.Hour}, password},
		"nonsense":  {awsfake.Fault{Body: password}, password},
		"binary":    {awsfake.Fault{}, []byte(password)},
		"empty":     {awsfake.Fault{}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				body := webhook(firing("site-a", "site-b"))
				w.secrets.Set("webhook", tt.value)
				w.secrets.Add(tt.fault, tt.fault, tt.fault)
				if got := w.handle(post(body)); got.StatusCode != 503 {
					t.Errorf("got %d, want 503: Alertmanager must try again", got.StatusCode)
				}
				w.secrets.Set("webhook", password)
				time.Sleep(time.Second)
				// The next request tries again, and it is well; a denied or
				// missing secret is not retried by the SDK, so two are left.
				for range 2 {
					if got := w.handle(post(body)); got.StatusCode == 204 {
						return
					}
				}
				if got := w.handle(post(body)); got.StatusCode != 204 {
					t.Errorf("got %d, want 204 once the secret can be read", got.StatusCode)
				}
			})
		})
	}
}

// TestRefreshFails: whether the password is the new one cannot be told.
func TestRefreshFails(t *testing.T) {
	w := newWorld(t)
	w.handle(post(webhook()))
	w.secrets.Set("webhook", rotated)
	w.secrets.Add(awsfake.Fault{Status: 400, Code: "AccessDeniedException"})
	if got := w.handle(login(webhook(), user, rotated)); got.StatusCode != 503 {
		t.Errorf("got %d, want 503", got.StatusCode)
	}
	if got := w.handle(login(webhook(), user, rotated)); got.StatusCode != 204 {
		t.Errorf("got %d, want 204", got.StatusCode)
	}
}

func TestConcurrentRequests(t *testing.T) {
	w := newWorld(t)
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			want, req := 204, post(webhook(firing("site-a", "site-b")))
			if i%2 == 0 {
				want, req = 401, login("", user, "a guess")
			}
			if got := w.handle(req); got.StatusCode != want {
				t.Errorf("got %d, want %d", got.StatusCode, want)
			}
		})
	}
	wait.Wait()
}
