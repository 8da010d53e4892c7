package bench

import (
	"crypto/tls"
	"testing"
)

// CertificateOf is a server's certificate as AWS's are.
func CertificateOf(t *testing.T) tls.Certificate {
	t.Helper()
	c, err := newChain(rsaKey, 1)
	if err != nil {
		t.Fatal(err)
	}
	return c.server
}
