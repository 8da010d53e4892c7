package bench

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// identity is a certificate with its key.
type identity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// chain is a server's certificate with what stands between it and its root. AWS's
// endpoints have RSA certificates of 2048 bits behind one intermediate; an
// Infinispan of one's own has what cert-manager makes, on a curve.
type chain struct {
	root   []byte // PEM
	server tls.Certificate
}

func newChain(newKey func() (crypto.Signer, error), intermediates int) (chain, error) {
	root, err := issue("root", nil, newKey)
	if err != nil {
		return chain{}, err
	}
	var above [][]byte
	issuer := root
	for range intermediates {
		if issuer, err = issue("intermediate", &issuer, newKey); err != nil {
			return chain{}, err
		}
		above = append([][]byte{issuer.cert.Raw}, above...)
	}
	leaf, err := issue("", &issuer, newKey)
	if err != nil {
		return chain{}, err
	}
	return chain{
		root:   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.cert.Raw}),
		server: tls.Certificate{Certificate: append([][]byte{leaf.cert.Raw}, above...), PrivateKey: leaf.key},
	}, nil
}

func rsaKey() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }

func curveKey() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// issue makes an authority of that name, or, without a name, a server at 127.0.0.1.
func issue(authority string, issuer *identity, newKey func() (crypto.Signer, error)) (identity, error) {
	key, err := newKey()
	if err != nil {
		return identity{}, fmt.Errorf("making a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "Sitefence bench " + authority},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		BasicConstraintsValid: true,
	}
	if authority != "" {
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	} else {
		template.KeyUsage = x509.KeyUsageDigitalSignature
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	by := identity{template, key}
	if issuer != nil {
		by = *issuer
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	if err != nil {
		return identity{}, fmt.Errorf("making a certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	return identity{cert, key}, err
}

// bundles are where systems keep the roots that they trust.
var bundles = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"}

// trust writes a file with this machine's roots, where there are any, and one more:
// a function reads about as many on AWS (awsenv.ReadRoots).
func trust(dir string, root []byte) (string, error) {
	var all []byte
	for _, path := range bundles {
		if data, err := os.ReadFile(path); err == nil {
			all = append(data, '\n')
			break
		}
	}
	file := filepath.Join(dir, "roots.pem")
	return file, os.WriteFile(file, append(all, root...), 0o644)
}
