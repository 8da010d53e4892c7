package leak_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"strings"
	"testing"

	"github.com/sitefence/sitefence/internal/leak"
)

// recorder notes whether Check complained.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()      {}
func (r *recorder) Error(...any) { r.failed = true }

func TestCheck(t *testing.T) {
	const secret = `p<ä"ss wörd/+&`
	marshalled, err := json.Marshal(map[string]string{"password": secret})
	if err != nil {
		t.Fatal(err)
	}
	leaks := map[string]string{
		"plain":           "password=" + secret + ".",
		"JSON":            string(marshalled),
		"query":           url.Values{"password": {secret}}.Encode(),
		"path":            (&url.URL{Path: "/" + secret}).String(),
		"header, user 1":  base64.StdEncoding.EncodeToString([]byte("u:" + secret)),
		"header, user 2":  base64.StdEncoding.EncodeToString([]byte("us:" + secret)),
		"header, user 3":  base64.URLEncoding.EncodeToString([]byte("use:" + secret)),
		"within a base64": base64.StdEncoding.EncodeToString([]byte("user:" + secret + " and more")),
	}
	for name, text := range leaks {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			leak.Check(r, text, "another secret", secret)
			if !r.failed {
				t.Errorf("%q was not found in %q", secret, text)
			}
		})
	}
	leak.Check(t, "nothing of it: p<ä ss", secret)
}

// TestLooks: credentials of which nobody told are found by their looks.
func TestLooks(t *testing.T) {
	header := "Basic " + base64.StdEncoding.EncodeToString([]byte("someone:some-password"))
	for text, want := range map[string]bool{
		`{"headers":{"authorization":"` + header + `"}}`:                  true,
		"authorization: bAsIc " + strings.TrimPrefix(header, "Basic "):    true,
		"AWS4-HMAC-SHA256 Credential=AKID/20260101/us-west-2/x/y":         true,
		"-----BEGIN PRIVATE KEY-----\nMIGH":                               true,
		"-----BEGIN EC PRIVATE KEY-----\nMIGH":                            true,
		"-----BEGIN CERTIFICATE-----\nMIGH":                               false,
		`Basic realm="sitefence"`:                                         false,
		"Where Alertmanager posts (Basic authentication)":                 false,
		"a Basic header: want Basic followed by base64 of user, password": false,
	} {
		if found := leak.Find(text); (len(found) > 0) != want {
			t.Errorf("%q: found %q, want %v", text, found, want)
		}
		for _, f := range leak.Find(text) {
			if strings.Contains(f, "some-password") || strings.Contains(f, strings.TrimPrefix(header, "Basic ")) {
				t.Errorf("the complaint itself shows it: %s", f)
			}
		}
	}
}

// TestKey: a private key is found however it is written; its certificate and
// its public half are not taken for it.
func TestKey(t *testing.T) {
	for range 20 { // numbers that begin with a zero byte among them, at times
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		secrets, err := leak.Key(key)
		if err != nil {
			t.Fatal(err)
		}
		pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		sec1, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		text := func(der []byte) string { return string(pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: der})) }
		quoted, err := json.Marshal(text(pkcs8))
		if err != nil {
			t.Fatal(err)
		}
		number, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		for name, leaked := range map[string]string{
			"PKCS 8": text(pkcs8), "SEC 1": text(sec1), "quoted": string(quoted), "DER": string(sec1),
			"hex": hex.EncodeToString(number), "base64": base64.StdEncoding.EncodeToString(pkcs8),
		} {
			if len(leak.Find(leaked, secrets...)) == 0 {
				t.Errorf("%s: not found in\n%s", name, leaked)
			}
		}
		leak.Check(t, text(public), secrets...)
	}
}
