package infinispan_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/local/infinispan"
)

// cacheDir is where setup puts the jars: in SITEFENCE_CACHE, or .cache at the root
// of the repository.
func cacheDir(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("SITEFENCE_CACHE"); dir != "" {
		return filepath.Join(dir, "infinispan")
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			break
		}
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module github.com/sitefence/sitefence\n") {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.work and no root go.mod above the test")
		}
		dir = up
	}
	return filepath.Join(dir, ".cache", "infinispan")
}

// needReal skips where no real server can run, except where SITEFENCE_REAL=1
// says that it must.
func needReal(t *testing.T) {
	t.Helper()
	if err := infinispan.Available(); err != nil {
		if os.Getenv("SITEFENCE_REAL") == "1" {
			t.Fatalf("SITEFENCE_REAL=1, but: %v", err)
		}
		t.Skipf("no real server here: %v", err)
	}
	if testing.Short() && os.Getenv("SITEFENCE_REAL") != "1" {
		t.Skip("-short: no real server")
	}
}

// oddPassword has what a properties file and Basic auth could stumble over.
const oddPassword = `a:b\c=d#e!f "g'$h<&`

// startReal starts the release that SITEFENCE_INFINISPAN names, or the default.
func startReal(t *testing.T) infinispan.World {
	t.Helper()
	needReal(t)
	begun := time.Now()
	w, err := infinispan.StartReal(t.Context(), infinispan.Options{
		Password: oddPassword,
		CacheDir: cacheDir(t),
		Version:  os.Getenv("SITEFENCE_INFINISPAN"),
		Progress: func(line string) { t.Logf("%5.1f s: %s", time.Since(begun).Seconds(), line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	t.Logf("%5.1f s: up", time.Since(begun).Seconds())
	return w
}

func newDouble(t *testing.T, opt infinispan.Options) *infinispan.Double {
	t.Helper()
	d, err := infinispan.NewDouble(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// answer is what a plain client gets.
type answer struct {
	Status    int
	Body      string
	Challenge string // WWW-Authenticate
}

// client trusts the site's authority and nothing else.
func client(t *testing.T, site infinispan.Site) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(site.CA) {
		t.Fatalf("no certificate in the CA of %s", site.Name)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// ask does one request; user "" sends no credentials.
func ask(ctx context.Context, t *testing.T, site infinispan.Site, user, password, method, path string) (answer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, site.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	res, err := client(t, site).Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, string(body), res.Header.Get("WWW-Authenticate")}, err
}

func mustAsk(t *testing.T, site infinispan.Site, method, path string) answer {
	t.Helper()
	a, err := ask(t.Context(), t, site, site.User, site.Password, method, path)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// within polls check until it returns "", and fails the test with what it
// returned last when that takes too long.
func within(t *testing.T, limit time.Duration, check func() string) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		problem := check()
		if problem == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %s", limit, problem)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
