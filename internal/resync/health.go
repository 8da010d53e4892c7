package resync

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

const (
	healthTimeout = 5 * time.Second
	maxHealth     = 64 << 10 // bytes that are read of a health answer
)

// askHealth gets the site's health URL: 200 and nothing else is healthy. It sends
// no credentials, follows no redirect and uses no proxy. The certificate is
// verified against the site's CA (in PEM, "" for none) and the system's roots.
func askHealth(ctx context.Context, site config.Site, ca string) error {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	roots.AppendCertsFromPEM([]byte(ca))
	client := &http.Client{
		Timeout:       healthTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			DialContext:     (&net.Dialer{Timeout: 3 * time.Second}).DialContext, TLSHandshakeTimeout: 3 * time.Second,
			DisableKeepAlives: true, MaxResponseHeaderBytes: maxHealth,
		},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, site.HealthURL, nil)
	if err != nil {
		return contract.MisconfiguredF(contract.BadInput, "healthUrl of %s: %.200v", site.Name, err)
	}
	resp, err := client.Do(req)
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return contract.MisconfiguredF(contract.UntrustedCert,
			"healthUrl of %s: %.300v; let its caFile (or its caSecret) hold the CA that signs it too, or use a public certificate, and deploy", site.Name, bare(err))
	}
	if err != nil {
		return contract.TransientF(contract.NotHealthy, "healthUrl of %s: %.300v; is Keycloak at %s started?", site.Name, bare(err), site.Name)
	}
	defer resp.Body.Close() //nolint:errcheck // read below
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxHealth))
	if resp.StatusCode != http.StatusOK {
		return contract.TransientF(contract.NotHealthy, "healthUrl of %s answers %d, want 200", site.Name, resp.StatusCode)
	}
	return nil
}

// bare drops the method and URL that net/http puts before its errors.
func bare(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
