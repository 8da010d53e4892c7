package infinispan_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/leak"
)

const password = "a-password-of-infinispan"

// impostor is a server that counts the requests that reach it: none may, since
// each would carry the password.
type impostor struct {
	*httptest.Server
	requests atomic.Int64
}

func (i *impostor) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	i.requests.Add(1)
	_, _ = fmt.Fprint(w, `{"local_site":"site-a","sites_view":["site-a"]}`)
}

// certificate makes a self-signed certificate.
func certificate(t *testing.T, host net.IP, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: until.Add(-24 * time.Hour), NotAfter: until, IPAddresses: []net.IP{host}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func pemOf(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestImpostors: whoever cannot prove to be the site gets no credentials.
func TestImpostors(t *testing.T) {
	here, tomorrow := net.IPv4(127, 0, 0, 1), time.Now().Add(24*time.Hour)
	ours := certificate(t, here, tomorrow)
	expired := certificate(t, here, time.Now().Add(-time.Hour))
	elsewhere := certificate(t, net.IPv4(192, 0, 2, 1), tomorrow)
	tests := map[string]struct {
		serves *tls.Certificate // nil: plain HTTP
		trusts tls.Certificate
	}{
		"another CA":      {ptr(certificate(t, here, tomorrow)), ours},
		"expired":         {&expired, expired},
		"wrong host name": {&elsewhere, elsewhere},
		"plain HTTP":      {nil, ours},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			i := &impostor{}
			i.Server = httptest.NewUnstartedServer(i)
			i.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail on purpose
			if tc.serves != nil {
				i.TLS = &tls.Config{Certificates: []tls.Certificate{*tc.serves}}
				i.StartTLS()
			} else {
				i.Start()
			}
			defer i.Close()
			url := "https" + strings.TrimPrefix(strings.TrimPrefix(i.URL, "https"), "http")
			client, err := infinispan.New("site-a", config.Infinispan{URL: url, User: "u", CA: pemOf(tc.trusts.Certificate[0])}, fixed(password))
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Sees(t.Context())
			if _, ok := errors.AsType[*contract.Misconfigured](err); !ok || contract.ReasonOf(err) != contract.UntrustedCert {
				t.Errorf("got %v, want Misconfigured untrusted-certificate", err)
			}
			if n := i.requests.Load(); n != 0 {
				t.Errorf("%d requests with credentials reached the impostor", n)
			}
			leak.Check(t, fmt.Sprint(err), password)
		})
	}
}

func ptr[T any](v T) *T { return &v }

// site starts a TLS server that is trusted.
func site(t *testing.T, h http.HandlerFunc) (*infinispan.Client, *httptest.Server) {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	client, err := infinispan.New("site-a", config.Infinispan{URL: server.URL, User: "u", CA: pemOf(server.Certificate().Raw)}, fixed(password))
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

// TestRedirect: the password goes nowhere but to the configured address.
func TestRedirect(t *testing.T) {
	other := &impostor{}
	other.Server = httptest.NewServer(other)
	defer other.Close()
	for _, target := range []string{other.URL, "/elsewhere"} {
		var calls atomic.Int64
		client, _ := site(t, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			http.Redirect(w, r, target, http.StatusTemporaryRedirect)
		})
		_, err := client.Sees(t.Context())
		if _, ok := errors.AsType[*contract.Transient](err); !ok || calls.Load() != 1 || other.requests.Load() != 0 {
			t.Errorf("%s: got %v after %d calls and %d elsewhere, want Transient after 1 and none", target, err, calls.Load(), other.requests.Load())
		}
	}
}

// TestAnswers: what is no answer of this site's Infinispan proves nothing.
func TestAnswers(t *testing.T) {
	tests := map[string]struct {
		body string
		want contract.Reason
	}{
		"another site":   {`{"local_site":"site-b","sites_view":["site-b"]}`, contract.WrongSite},
		"no local site":  {`{"sites_view":["site-a"]}`, contract.ReporterUnreachable},
		"wrong types":    {`{"local_site":7}`, contract.ReporterUnreachable},
		"cut off":        {`{"local_site":"site-a"`, contract.ReporterUnreachable},
		"no JSON":        {`<html>`, contract.ReporterUnreachable},
		"nothing":        {``, contract.ReporterUnreachable},
		"two megabytes":  {`{"local_site":"site-a","x":"` + strings.Repeat("x", 2<<20) + `"}`, contract.ReporterUnreachable},
		"deeply nested":  {strings.Repeat(`[`, 100_000), contract.ReporterUnreachable},
		"view of a kind": {`{"local_site":"site-a","sites_view":"site-b"}`, contract.ReporterUnreachable},
	}
	for name, tc := range tests {
		client, _ := site(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(tc.body)) })
		if _, err := client.Sees(t.Context()); err == nil || contract.ReasonOf(err) != tc.want {
			t.Errorf("%s: got %.200v, want %s", name, err, tc.want)
		}
	}
}

// TestBackupStatus: only the three states that Infinispan knows are believed.
func TestBackupStatus(t *testing.T) {
	for body, want := range map[string]contract.Reason{
		`{"status":"online"}`: "", `{"status":"offline"}`: "", `{"status":"mixed","online":["x"]}`: "",
		`{"status":"OFFLINE"}`: contract.ReporterUnreachable, `{}`: contract.ReporterUnreachable, `{"status":["offline"]}`: contract.ReporterUnreachable,
	} {
		client, _ := site(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
		status, err := client.Backup(t.Context(), "site-b")
		if (err == nil) != (want == "") || err != nil && contract.ReasonOf(err) != want || err == nil && !strings.Contains(body, string(status)) {
			t.Errorf("%s: got %q %v, want %q", body, status, err, want)
		}
	}
}

// TestPath: only a site's name becomes a part of the path.
func TestPath(t *testing.T) {
	var calls atomic.Int64
	client, _ := site(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		_, _ = w.Write([]byte(`{"sessions":"ok","status":"offline"}`))
	})
	for _, name := range []contract.Site{"..", "b/../../caches", "b?action=x", "b#c", "b%2Fc", "", "B", "b\r\nHost: x"} {
		_, err := client.Backup(t.Context(), name)
		_, takeErr := client.TakeOffline(t.Context(), name)
		if contract.ReasonOf(err) != contract.BadInput || contract.ReasonOf(takeErr) != contract.BadInput {
			t.Errorf("%q: got %v and %v, want bad-input", name, err, takeErr)
		}
	}
	if calls.Load() != 0 {
		t.Errorf("%d calls were made", calls.Load())
	}
}

// TestHanging: a call ends with its context.
func TestHanging(t *testing.T) {
	client, server := site(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := client.Sees(ctx); contract.ReasonOf(err) != contract.ReporterUnreachable || err == nil {
		t.Errorf("got %v, want reporter-unreachable", err)
	}
	server.CloseClientConnections()
}
