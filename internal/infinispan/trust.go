package infinispan

import (
	"context"
	"crypto/x509"
	"net/http"
	"sync"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// Authority yields the CA that signs the server's certificate, in PEM. Reread
// asks the secret's store again, since a certificate that does not verify may mean
// that the CA was rotated.
type Authority interface {
	Get(context.Context) (string, error)
	Reread(context.Context) (string, error)
}

// trust is a CA that is read when it is needed, and the client that was made of
// what was read last.
type trust struct {
	source Authority
	cfg    config.Infinispan

	mu     sync.Mutex
	pem    string
	client *line
}

// Trusting returns a client that verifies the server against the source's CA
// instead of the configured one.
func (c *Client) Trusting(source Authority) *Client {
	trusting := *c
	trusting.trust = &trust{source: source, cfg: c.cfg}
	return &trusting
}

// CA is the PEM text that the server is verified against; "" for the system's
// roots.
func (c *Client) CA(ctx context.Context) (string, error) {
	if c.trust == nil {
		return c.cfg.CA, nil
	}
	return c.trust.source.Get(ctx)
}

func (t *trust) with(pem string) (*line, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.client != nil && t.pem == pem {
		return t.client, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(pem)) {
		return nil, contract.MisconfiguredF(contract.SecretUnusable,
			"the secret %s holds no CA: got no certificate, want PEM; put the CA there as plain text", t.cfg.CASecret)
	}
	t.pem, t.client = pem, newHTTP(t.cfg, roots)
	return t.client, nil
}

// verifying is the client to send with. Its errors are of the contract's types.
func (c *Client) verifying(ctx context.Context) (*line, error) {
	if c.trust == nil {
		return c.http, nil
	}
	pem, err := c.trust.source.Get(ctx)
	if err != nil {
		return nil, err
	}
	return c.trust.with(pem)
}

// sendVerified sends a request to a server that proves who it is. If it cannot,
// the CA is read again, and a GET sent once more; what changes something rests on
// a look, and reading took time: the caller looks again.
func (c *Client) sendVerified(ctx context.Context, r request, password string) (answer, error) {
	client, err := c.verifying(ctx)
	if err != nil {
		return answer{}, caError{err}
	}
	a, err := c.send(ctx, client, r, password)
	if c.trust == nil || err == nil || !untrusted(err) {
		return a, err
	}
	pem, rereading := c.trust.source.Reread(ctx)
	if rereading != nil {
		return answer{}, caError{rereading}
	}
	fresh, unusable := c.trust.with(pem)
	if unusable != nil {
		return answer{}, caError{unusable}
	}
	if fresh == client {
		return a, err // the CA is the same: it is the server
	}
	if r.method == http.MethodGet {
		return c.send(ctx, fresh, r, password)
	}
	return answer{}, caError{contract.TransientF(contract.Unavailable, "the CA for Infinispan of %s was rotated and has been read again", c.site)}
}

// caError is an error about the CA, which is of the contract's types already.
type caError struct{ error }

func (e caError) Unwrap() error { return e.error }

// mend says where the right CA goes.
func (c *Client) mend() string {
	if c.trust != nil {
		return "put the CA that signs it into the secret " + c.cfg.CASecret
	}
	return "put the CA that signs it into caFile and deploy"
}
