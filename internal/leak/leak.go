// Package leak holds tests to the rule that secrets appear nowhere.
package leak

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// shortest is the least length of a secret in bytes; less would be found by chance.
const shortest = 6

// Check fails the test if text holds one of the secrets, in any of Forms, or
// anything that looks like a credential, whosever it is.
func Check(t testing.TB, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if len(secret) < shortest {
			t.Fatalf("a secret of %d bytes is too short to look for", len(secret))
		}
	}
	for _, found := range Find(text, secrets...) {
		t.Error(found)
	}
}

// Find says what Check would complain of: in which form a secret shows and
// after which text, never the secret itself.
func Find(text string, secrets ...string) []string {
	var found []string
	lower := strings.ToLower(text)
	for _, secret := range secrets {
		for form, disguise := range Forms(secret) {
			in, at := text, strings.Index(text, disguise)
			if at < 0 && utf8.ValidString(disguise) { // bytes that are no text have no case
				in, at = lower, strings.Index(lower, strings.ToLower(disguise))
			}
			if at >= 0 {
				found = append(found, fmt.Sprintf("a secret shows as %s, after %.80q", form, in[max(0, at-80):at]))
			}
		}
	}
	for what, look := range looks {
		if at := look(text); at >= 0 {
			found = append(found, fmt.Sprintf("%s shows, after %.80q", what, text[max(0, at-80):at]))
		}
	}
	return found
}

// looks are what credentials look like whatever they are: each returns where it
// found one, or -1.
var looks = map[string]func(string) int{
	"a Basic Authorization header": basic,
	"an AWS Authorization header":  func(s string) int { return strings.Index(s, "AWS4-HMAC-SHA256 Credential=") },
	"a private key":                func(s string) int { return strings.Index(s, "PRIVATE KEY-----") },
}

var basicHeader = regexp.MustCompile(`(?i)\bbasic +([a-z0-9+/_-]{4,})`)

// basic finds the word Basic before base64 of something with a colon: the word
// alone is in many texts.
func basic(text string) int {
	for _, at := range basicHeader.FindAllStringSubmatchIndex(text, -1) {
		encoded := strings.NewReplacer("-", "+", "_", "/").Replace(text[at[2]:at[3]])
		plain, err := base64.RawStdEncoding.DecodeString(encoded[:len(encoded)/4*4])
		if err == nil && strings.Contains(string(plain), ":") {
			return at[0]
		}
	}
	return -1
}

// Key returns what of a private key is secret: its number, and the lines of its
// PEM forms that hold a part of it. The certificate may be seen.
func Key(key *ecdsa.PrivateKey) ([]string, error) {
	number, err := key.Bytes()
	if err != nil {
		return nil, err
	}
	secrets := []string{string(number)}
	for _, encode := range []func() ([]byte, error){
		func() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(key) },
		func() ([]byte, error) { return x509.MarshalECPrivateKey(key) },
	} {
		der, err := encode()
		if err != nil {
			return nil, err
		}
		const line = 48 // bytes in a line of PEM
		at := strings.Index(string(der), string(number))
		lines := strings.Split(string(pem.EncodeToMemory(&pem.Block{Type: "KEY", Bytes: der})), "\n")[1:]
		secrets = append(secrets, lines[at/line:(at+len(number)-1)/line+1]...)
	}
	return secrets, nil
}

// Forms are the disguises in which a secret is looked for, by name: as it is, as
// base64 (at any offset, as in a Basic header), hex, URL, JSON or Go text. The
// case of letters does not count.
func Forms(secret string) map[string]string {
	forms := map[string]string{
		"plain text": secret,
		"hex":        hex.EncodeToString([]byte(secret)),
		"URL query":  url.QueryEscape(secret),
		"URL part":   url.PathEscape(secret),
		"URL path":   (&url.URL{Path: "/" + secret}).EscapedPath()[1:],
		"URL user":   url.UserPassword("", secret).String()[1:],
		"Go text":    inner(strconv.Quote(secret)),
		"Go ASCII":   inner(strconv.QuoteToASCII(secret)),
	}
	if data, err := json.Marshal(secret); err == nil {
		forms["JSON"] = inner(string(data))
	}
	for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
		// In base64 a text looks different at each of three offsets; the
		// digits that it shares with its neighbours are left out.
		for offset := range 3 {
			whole := encoding.EncodeToString([]byte(strings.Repeat("x", offset) + secret))
			first, last := (offset*8+5)/6, (offset+len(secret))*8/6
			forms[name+" at offset "+strconv.Itoa(offset)] = whole[first:last]
		}
	}
	return forms
}

func inner(quoted string) string { return quoted[1 : len(quoted)-1] }
