package infinispan_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/secret"
	double "github.com/sitefence/sitefence/local/infinispan"
)

const caSecret = "keycloak/ca"

// trusting is a client of a genuine server whose CA is in a secret.
func trusting(t *testing.T, stored any) (*infinispan.Client, *double.Impostor, *awsfake.SecretsManager) {
	t.Helper()
	i := impostor(t, double.Genuine)
	fake := &awsfake.SecretsManager{}
	if stored == nil {
		stored = string(i.CA)
	}
	fake.Set(caSecret, stored)
	client, err := infinispan.New("site-a", config.Infinispan{URL: i.URL, User: "u", CASecret: caSecret}, fixed(password))
	if err != nil {
		t.Fatal(err)
	}
	reader := secret.NewAuthority(secretsmanager.NewFromConfig(awsfake.Serve(t, fake)), caSecret)
	return client.Trusting(secret.Password{Reader: reader}), i, fake
}

// TestCASecret: the server is verified against what the secret holds, which is
// read once for many calls.
func TestCASecret(t *testing.T) {
	client, i, fake := trusting(t, nil)
	for range 3 {
		if _, err := client.TakeOffline(t.Context(), "site-b"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(fake.Calls()); n != 1 {
		t.Errorf("the CA was read %d times, want once", n)
	}
	if got, err := client.CA(t.Context()); err != nil || got != string(i.CA) {
		t.Errorf("CA: got %q, %v", got, err)
	}
}

// TestCASecretThatIsNone: nothing is sent, and the text says what to put there.
func TestCASecretThatIsNone(t *testing.T) {
	genuine := string(impostor(t, double.Genuine).CA)
	for name, tt := range map[string]struct {
		stored any
		want   string
	}{
		"text":    {"hunter2", "the secret keycloak/ca holds no CA: got a text without a certificate, want at least one certificate in PEM"},
		"a key":   {genuine + "-----BEGIN EC PRIVATE KEY-----\nhunter2\n", "got a text with a private key in it, want certificates only"},
		"broken":  {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "with certificate 1 that does not parse"},
		"request": {"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", `with a PEM block "CERTIFICATE REQUEST"`},
		"binary":  {[]byte(genuine), "is binary"},
	} {
		t.Run(name, func(t *testing.T) {
			client, i, _ := trusting(t, tt.stored)
			for _, what := range []double.Kind{double.ContainerView, double.BackupStatus, double.TakeOffline} {
				err := ask(t, client, what, false)
				if kind(err) != "Misconfigured secret-unusable" || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%s: got %v, want secret-unusable with %q", what, err, tt.want)
				}
				if strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "put the CA there as plain text in PEM") {
					t.Errorf("%s: %v", what, err)
				}
			}
			if err := client.Prepare(t.Context()); kind(err) != "Misconfigured secret-unusable" {
				t.Errorf("prepare: got %v", err)
			}
			if i.Requests() != 0 || i.Sent() != "" {
				t.Errorf("the server was sent %q", i.Sent())
			}
		})
	}
}

// TestCARotated: a CA that was rotated is found by the certificate that does not
// verify. What only looks is sent once more; what changes something is not.
func TestCARotated(t *testing.T) {
	another := string(impostor(t, double.Genuine).CA)
	client, i, fake := trusting(t, another)
	if _, err := client.CA(t.Context()); err != nil { // cached
		t.Fatal(err)
	}
	fake.Set(caSecret, string(i.CA))
	if _, err := client.TakeOffline(t.Context(), "site-b"); kind(err) != "Transient unavailable" || i.Requests() != 0 {
		t.Errorf("a write with the old CA: got %v after %d requests, want a look first", err, i.Requests())
	}
	if _, err := client.TakeOffline(t.Context(), "site-b"); err != nil {
		t.Errorf("after it was read again: %v", err)
	}
	reading, i, fake := trusting(t, another)
	if _, err := reading.CA(t.Context()); err != nil {
		t.Fatal(err)
	}
	fake.Set(caSecret, string(i.CA))
	if err := ask(t, reading, double.ContainerView, false); err != nil && strings.Contains(err.Error(), "certificate") {
		t.Errorf("a look with the old CA: got %v, want it sent once more", err)
	}
	if i.Requests() != 1 {
		t.Errorf("%d requests, want 1", i.Requests())
	}
	// A server that the fresh CA does not sign either is no one's rotation.
	wrong, i, _ := trusting(t, another)
	err := ask(t, wrong, double.ContainerView, false)
	if kind(err) != "Misconfigured untrusted-certificate" || !strings.Contains(err.Error(), "into the secret keycloak/ca") || i.Requests() != 0 {
		t.Errorf("got %v after %d requests", err, i.Requests())
	}
}

// TestCAOfAMinute: a CA that was withdrawn is trusted for a minute at most, as a
// password is.
func TestCAOfAMinute(t *testing.T) {
	genuine := string(impostor(t, double.Genuine).CA)
	synctest.Test(t, func(t *testing.T) {
		fake := &awsfake.SecretsManager{}
		fake.Set(caSecret, genuine)
		reader := secret.NewAuthority(secretsmanager.NewFromConfig(awsfake.Serve(t, fake)), caSecret)
		client, err := infinispan.New("site-a", config.Infinispan{URL: "https://site-a.invalid", User: "u", CASecret: caSecret}, fixed(password))
		if err != nil {
			t.Fatal(err)
		}
		client = client.Trusting(secret.Password{Reader: reader})
		read := func() int {
			if _, err := client.CA(context.WithoutCancel(t.Context())); err != nil {
				t.Fatal(err)
			}
			return len(fake.Calls())
		}
		if n := read(); n != 1 {
			t.Errorf("%d calls, want 1", n)
		}
		time.Sleep(secret.MaxAge - time.Second)
		if n := read(); n != 1 {
			t.Errorf("%d calls within the minute, want 1", n)
		}
		time.Sleep(time.Second)
		if n := read(); n != 2 {
			t.Errorf("%d calls after the minute, want 2", n)
		}
	})
}

// TestCASecretUnreadable: without a CA nobody is asked, and the error stays.
func TestCASecretUnreadable(t *testing.T) {
	d, client := pair(t, fixed(password))
	client = client.Trusting(broken{})
	for _, what := range []double.Kind{double.ContainerView, double.BackupStatus, double.TakeOffline} {
		if err := ask(t, client, what, false); kind(err) != "Misconfigured secret-unusable" {
			t.Errorf("%s: got %v, want secret-unusable", what, err)
		}
	}
	if n := len(d.Calls("site-a")); n != 0 {
		t.Errorf("%d calls without a CA", n)
	}
	// A test's own transport decides by itself.
	through := client.Through(refusing{})
	if err := ask(t, through, double.ContainerView, false); kind(err) != "Transient reporter-unreachable" {
		t.Errorf("got %v", err)
	}
}

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, context.DeadlineExceeded
}
