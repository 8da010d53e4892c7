package config

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"
)

const maxCABytes = 256 << 10

// certificates reads the PEM file that f names and returns its content: one or
// more certificates and nothing else.
func (f field) certificates(dir string) string {
	name, ok := f.text("the path of a PEM file")
	if !ok {
		return ""
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	data, err := readBounded(name, maxCABytes)
	if err != nil {
		f.problem(err.Error(), "a readable PEM file (relative to the configuration file)")
		return ""
	}
	clean, got, want := onlyCertificates(data)
	if got != "" {
		f.problem("a file "+got, want)
		return ""
	}
	// Only what was parsed goes on: text between the blocks is nobody's.
	return string(clean)
}

// Authority is the certificates of a PEM text that was read elsewhere, under the
// rules of caFile. Its error holds nothing of the text but a block's type.
func Authority(text string) (string, error) {
	if len(text) > maxCABytes {
		return "", fmt.Errorf("got %d KiB, want at most %d", len(text)>>10, maxCABytes>>10)
	}
	clean, got, want := onlyCertificates([]byte(text))
	if got != "" {
		return "", fmt.Errorf("got a text %s, want %s", got, want)
	}
	return string(clean), nil
}

// onlyCertificates returns the certificates of a PEM text, or what it got
// (said of the text) and wants instead.
func onlyCertificates(data []byte) (clean []byte, got, want string) {
	// Looked for in the text, so that a key that does not decode is found too.
	if bytes.Contains(data, []byte("PRIVATE KEY-----")) {
		return nil, "with a private key in it", "certificates only: a CA's key has no business here"
	}
	certificates := 0
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Sprintf("with a PEM block %.40q", block.Type), "certificates only"
		}
		certificates++
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return nil, fmt.Sprintf("with certificate %d that does not parse: %.100q", certificates, err), "X.509 certificates"
		}
		clean = append(clean, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
	}
	if certificates == 0 {
		return nil, "without a certificate", "at least one certificate in PEM"
	}
	return clean, "", ""
}
