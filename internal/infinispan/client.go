// Package infinispan asks a site's Infinispan which sites it can see and
// whether it replicates to them, and tells it to stop. It believes only what it
// has proven: an answer of 200 alone proves nothing.
//
// The calls are those of Infinispan's REST API, "Cross-site operations with
// cache managers" and "cache manager information".
package infinispan

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// Timeout bounds one call; maxAnswer and maxHeader bound what is read of an
// answer, in bytes.
const (
	Timeout   = 5 * time.Second
	maxAnswer = 1 << 20
	maxHeader = 64 << 10
)

// Password yields the user's password. Reread asks the secret's store again,
// since a 401 may mean that it was rotated.
type Password interface {
	Get(context.Context) (string, error)
	Reread(context.Context) (string, error)
}

// Client talks to one site's Infinispan. It is safe for concurrent use.
type Client struct {
	site     contract.Site
	cfg      config.Infinispan
	password Password
	http     *line
	trust    *trust // nil: http verifies with what was configured
}

// New builds a client that verifies the server against the configured CA (or
// the system's roots), follows no redirect and uses no proxy: nothing but the
// configured address ever gets the password. Each call has a connection of its
// own, new or opened just before it by Connect: behind a load balancer the next
// one may reach another node (HTTP/2 would send them all to the same), and none is
// dead since Lambda froze it.
func New(site contract.Site, cfg config.Infinispan, password Password) (*Client, error) {
	var roots *x509.CertPool
	if cfg.CA != "" {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(cfg.CA)) {
			return nil, fmt.Errorf("infinispan.ca of site %s: got no certificate, want PEM", site)
		}
	}
	return &Client{site: site, cfg: cfg, password: password, http: newHTTP(cfg, roots)}, nil
}

func newHTTP(cfg config.Infinispan, roots *x509.CertPool) *line {
	return &line{Client: &http.Client{
		Timeout:       Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, InsecureSkipVerify: cfg.InsecureSkipVerify}, //nolint:gosec // explicit in the configuration, warned about at synth
			DialContext:         (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
			TLSHandshakeTimeout: 3 * time.Second,
			DisableKeepAlives:   true,

			MaxResponseHeaderBytes: maxHeader,
		},
	}}
}

// Through returns a client that sends its requests through rt instead of the
// network, for tests that decide what becomes of each call.
func (c *Client) Through(rt http.RoundTripper) *Client {
	through := *c
	client := *c.http.Client
	client.Transport = rt
	through.http, through.trust = &line{Client: &client}, nil
	return &through
}

// Prepare reads the password and the CA if need be, so that the next call is sent
// at once.
func (c *Client) Prepare(ctx context.Context) error {
	if _, err := c.verifying(ctx); err != nil {
		return err
	}
	_, err := c.password.Get(ctx)
	return err
}

// answer is a status with at most maxAnswer bytes of body.
type answer struct {
	status int
	body   []byte
}

// request is one call: the path's parts are names, already checked, and the
// action is the only query there is.
type request struct {
	method, action string
	path           []string
}

func get(path ...string) request { return request{method: http.MethodGet, path: path} }

func post(action string, path ...string) request {
	return request{method: http.MethodPost, action: action, path: path}
}

// asking is r with an action, for what is read with one.
func (r request) asking(action string) request {
	r.action = action
	return r
}

// call sends one request with the current password. After a 401 the password is
// read again, and a GET sent once more. Its errors are of the contract's types; what cannot be
// reached or understood is Transient.
func (c *Client) call(ctx context.Context, r request) (answer, error) {
	password, err := c.password.Get(ctx)
	if err != nil {
		return answer{}, err
	}
	a, err := c.sendVerified(ctx, r, password)
	if err != nil || a.status != http.StatusUnauthorized {
		return c.sort(a, err)
	}
	fresh, err := c.password.Reread(ctx)
	if err != nil {
		return answer{}, err
	}
	if r.method == http.MethodGet {
		return c.sort(c.sendVerified(ctx, r, fresh))
	}
	// A call that changes something rests on a look; reading the secret took
	// time, so the caller looks again before it is sent once more.
	if fresh != password {
		return answer{}, contract.TransientF(contract.Unavailable, "the password for Infinispan of %s was rotated and has been read again", c.site)
	}
	return c.sort(a, nil)
}

func (c *Client) send(ctx context.Context, line *line, r request, password string) (answer, error) {
	target, err := url.Parse(c.cfg.URL)
	if err != nil {
		return answer{}, err
	}
	target = target.JoinPath(r.path...)
	if r.action != "" {
		target.RawQuery = url.Values{"action": {r.action}}.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target.String(), nil)
	if err != nil {
		return answer{}, err
	}
	req.SetBasicAuth(c.cfg.User, password)
	req.Header.Set("Accept", "application/json")
	client, done := line.take()
	defer done()
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close() //nolint:errcheck // the body was read
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if len(body) > maxAnswer {
		err = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	return answer{resp.StatusCode, body}, err
}

// sort turns what no retry mends into Misconfigured. 404 is left to the caller:
// what it means depends on the call.
func (c *Client) sort(a answer, err error) (answer, error) {
	if e, ok := errors.AsType[caError](err); ok {
		return a, e.error
	}
	if err != nil {
		if untrusted(err) {
			return a, contract.MisconfiguredF(contract.UntrustedCert, "Infinispan of %s: %.300v; %s", c.site, bare(err), c.mend())
		}
		return a, contract.TransientF(contract.ReporterUnreachable, "Infinispan of %s: %.300v", c.site, bare(err))
	}
	switch a.status {
	case http.StatusOK, http.StatusNoContent, http.StatusNotFound:
		return a, nil
	case http.StatusUnauthorized:
		return a, contract.MisconfiguredF(contract.BadCredentials,
			"Infinispan of %s answers 401 to user %q; compare its password with the secret %s", c.site, c.cfg.User, c.cfg.PasswordSecret)
	case http.StatusForbidden:
		return a, contract.MisconfiguredF(contract.Forbidden,
			"Infinispan of %s answers 403 to user %q; give that user the ADMIN permission", c.site, c.cfg.User)
	default:
		return a, contract.TransientF(contract.ReporterUnreachable, "Infinispan of %s answers %d", c.site, a.status)
	}
}

// bare drops the method and URL that net/http puts before its errors: the text
// is about the site, and its path says nothing more.
func bare(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func untrusted(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	// A server that speaks plain HTTP on an https URL.
	return errors.Is(err, http.ErrSchemeMismatch)
}

// object is an answer's members by name.
type object map[string]json.RawMessage

// decode reads an object that names no member twice: encoding/json would
// believe the last one, and any spelling of a name.
func (c *Client) decode(a answer, what string) (object, error) {
	o, err := members(a.body)
	if err != nil {
		return nil, c.unexpected(what, err)
	}
	return o, nil
}

func members(body []byte) (object, error) {
	// As a whole first: the walk below would not see what follows the object.
	var o object
	if err := json.Unmarshal(body, &o); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	_, _ = d.Token()
	n := 0
	for ; d.More(); n++ {
		var value json.RawMessage
		if _, err := d.Token(); err != nil {
			return nil, err
		}
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
	}
	if n != len(o) {
		return nil, errors.New("it names a member twice")
	}
	return o, nil
}

// read decodes a member; one that is not there leaves into as it is.
func (o object) read(name string, into any) error {
	raw, ok := o[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (c *Client) unexpected(what string, err error) error {
	return contract.TransientF(contract.ReporterUnreachable, "Infinispan of %s: %s is not as expected: %.200v", c.site, what, err)
}
