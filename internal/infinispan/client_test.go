package infinispan_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/infinispan"
	"github.com/sitefence/sitefence/internal/leak"
	double "github.com/sitefence/sitefence/local/infinispan"
)

const password = "a-password-of-infinispan"

func pemOf(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// guises are those that a client must not believe, and how it ends.
var guises = map[double.Guise]string{
	double.AnotherCA:    "Misconfigured untrusted-certificate",
	double.WrongHost:    "Misconfigured untrusted-certificate",
	double.Expired:      "Misconfigured untrusted-certificate",
	double.NotYetValid:  "Misconfigured untrusted-certificate",
	double.NotForServer: "Misconfigured untrusted-certificate",
	double.PlainHTTP:    "Misconfigured untrusted-certificate",
	double.OldTLS:       "Transient reporter-unreachable", // an old node of a rolling upgrade, or a box in between
}

func impostor(t *testing.T, guise double.Guise) *double.Impostor {
	t.Helper()
	i, err := double.NewImpostor(guise, "site-a")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Close)
	return i
}

// TestImpostors: whoever cannot prove to be the site gets no credentials, and no
// request at all, whatever the call.
func TestImpostors(t *testing.T) {
	for guise, want := range guises {
		t.Run(string(guise), func(t *testing.T) {
			i := impostor(t, guise)
			client, err := infinispan.New("site-a", config.Infinispan{URL: i.URL, User: "u", CA: string(i.CA)}, fixed(password))
			if err != nil {
				t.Fatal(err)
			}
			for _, what := range []double.Kind{double.ContainerView, double.BackupStatus, double.TakeOffline} {
				err := ask(t, client, what, false)
				if kind(err) != want {
					t.Errorf("%s: got %v, want %s", what, err, want)
				}
				leak.Check(t, fmt.Sprint(err), password)
			}
			if i.Requests() != 0 {
				t.Errorf("%d requests reached the impostor", i.Requests())
			}
			if i.Sent() == "" {
				t.Error("nothing reached the impostor, so nothing is shown")
			}
			leak.Check(t, i.Sent(), password)
		})
	}
}

// TestBelieved: the genuine server is believed, and with insecureSkipVerify any
// other too: what the impostors note is what they are sent.
func TestBelieved(t *testing.T) {
	for guise, skip := range map[double.Guise]bool{double.Genuine: false, double.AnotherCA: true, double.WrongHost: true, double.Expired: true} {
		i := impostor(t, guise)
		cfg := config.Infinispan{URL: i.URL, User: "u", CA: string(i.CA), InsecureSkipVerify: skip}
		if skip {
			cfg.CA = "" // configuration takes one or the other
		}
		client, err := infinispan.New("site-a", cfg, fixed(password))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.TakeOffline(t.Context(), "site-b"); err != nil || i.Requests() != 2 {
			t.Errorf("%s: got %v after %d requests, want success after 2", guise, err, i.Requests())
		}
		if len(leak.Find(i.Sent(), password)) == 0 {
			t.Errorf("%s: the password was not noted: %q", guise, i.Sent())
		}
	}
	// It skips who the server is, not how it speaks.
	i := impostor(t, double.OldTLS)
	client, err := infinispan.New("site-a", config.Infinispan{URL: i.URL, User: "u", InsecureSkipVerify: true}, fixed(password))
	if err != nil {
		t.Fatal(err)
	}
	if err := ask(t, client, double.ContainerView, false); kind(err) != guises[double.OldTLS] || i.Requests() != 0 {
		t.Errorf("TLS 1.1 unverified: got %v after %d requests, want none", err, i.Requests())
	}
}

// TestNoProxy: a proxy of the environment is not used. Go reads those variables
// once in a process and never for loopback, so a process of its own asks for a
// name that only the proxy could find.
func TestNoProxy(t *testing.T) {
	const asked = "SITEFENCE_TEST_PROXIED"
	if os.Getenv(asked) != "" {
		client, err := infinispan.New("site-a", config.Infinispan{URL: "https://site-a.invalid:11222", User: "u", InsecureSkipVerify: true}, fixed(password))
		if err != nil {
			t.Fatal(err)
		}
		if err := ask(t, client, double.ContainerView, false); kind(err) != "Transient reporter-unreachable" {
			t.Errorf("got %v, want reporter-unreachable", err)
		}
		// The same process does use it where it should: the variables are right.
		_, _ = http.Get("https://elsewhere.invalid/") //nolint:bodyclose // it fails
		return
	}
	proxy := impostor(t, double.PlainHTTP)
	address := "http://" + strings.TrimPrefix(proxy.URL, "https://")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNoProxy$", "-test.count=1")
	cmd.Env = append(os.Environ(), asked+"=1", "HTTPS_PROXY="+address, "https_proxy="+address, "HTTP_PROXY="+address, "NO_PROXY=", "no_proxy=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if sent := proxy.Sent(); strings.Contains(sent, "site-a.invalid") || !strings.Contains(sent, "elsewhere.invalid") {
		t.Errorf("the proxy was sent %q, want the other request alone", sent)
	}
}

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
	other := impostor(t, double.PlainHTTP)
	for _, target := range []string{"http://" + strings.TrimPrefix(other.URL, "https://"), other.URL, "/elsewhere"} {
		var calls atomic.Int64
		client, _ := site(t, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			http.Redirect(w, r, target, http.StatusTemporaryRedirect)
		})
		_, err := client.Sees(t.Context())
		if _, ok := errors.AsType[*contract.Transient](err); !ok || calls.Load() != 1 || other.Sent() != "" {
			t.Errorf("%s: got %v after %d calls and %q elsewhere, want Transient after 1 and nothing", target, err, calls.Load(), other.Sent())
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
