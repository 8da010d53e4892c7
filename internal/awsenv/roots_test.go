package awsenv_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/awsenv"
)

// TestReadRoots: of the roots that the system has, those of the image's file are read
// alone, unless somebody says otherwise or it has none. In a process of its own each,
// which reads them once.
func TestReadRoots(t *testing.T) {
	if file := os.Getenv("SITEFENCE_READ_ROOTS"); file != "" {
		awsenv.ReadRootsOf(file)
		pool, err := x509.SystemCertPool()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("roots: %d, folder: %q\n", len(pool.Subjects()), os.Getenv("SSL_CERT_DIR")) //nolint:staticcheck // the pool's size is nowhere else
		return
	}
	dir := t.TempDir()
	file, own, folder := filepath.Join(dir, "roots.pem"), filepath.Join(dir, "own.pem"), filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	root(t, file)
	root(t, own)
	root(t, filepath.Join(folder, "another.pem"))
	broken := filepath.Join(dir, "broken.pem")
	if err := os.WriteFile(broken, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ image, file, folder, want string }{
		"the image's alone":         {file, "", "", `roots: 1, folder: "/dev/null"`},
		"there is no such file":     {filepath.Join(dir, "none"), "", "", `folder: ""`},
		"it is empty":               {os.DevNull, "", "", `folder: ""`},
		"it has no certificate":     {broken, "", "", `folder: ""`},
		"it cannot be read":         {folder, "", "", `folder: ""`},
		"a file of somebody's own":  {file, own, "", `folder: ""`},
		"a folder of somebody's":    {file, "", folder, fmt.Sprintf("folder: %q", folder)},
		"both, and the image's not": {file, own, folder, fmt.Sprintf("roots: 2, folder: %q", folder)},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestReadRoots$", "-test.v")
			cmd.Env = append(os.Environ(), "SITEFENCE_READ_ROOTS="+tc.image, "SSL_CERT_FILE="+tc.file, "SSL_CERT_DIR="+tc.folder)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), tc.want) {
				t.Errorf("got %v, %s; want %s", err, out, tc.want)
			}
		})
	}
}

// root writes a new authority's certificate.
func root(t *testing.T, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: filepath.Base(file)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
