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

// TestReadRoots: of the roots that the system has, the one file's are read, and a
// folder's where the environment names one. In a process of its own each: it reads
// them once.
func TestReadRoots(t *testing.T) {
	if os.Getenv("SITEFENCE_READ_ROOTS") != "" {
		awsenv.ReadRoots()
		pool, err := x509.SystemCertPool()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("roots: %d, folder: %q\n", len(pool.Subjects()), os.Getenv("SSL_CERT_DIR")) //nolint:staticcheck // the pool's size is nowhere else
		return
	}
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "roots.pem"), filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	root(t, file)
	root(t, filepath.Join(folder, "another.pem"))
	for name, tc := range map[string]struct{ file, folder, want string }{
		"the file alone":    {file, "", `roots: 1, folder: "/dev/null"`},
		"with a folder":     {file, folder, fmt.Sprintf("roots: 2, folder: %q", folder)},
		"there is no file":  {filepath.Join(dir, "none"), "", `folder: ""`}, // as crypto/x509 has it
		"an empty one only": {os.DevNull, folder, fmt.Sprintf("roots: 1, folder: %q", folder)},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestReadRoots$", "-test.v")
			cmd.Env = append(os.Environ(), "SITEFENCE_READ_ROOTS=1", "SSL_CERT_FILE="+tc.file, "SSL_CERT_DIR="+tc.folder)
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
