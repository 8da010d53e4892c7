// Package leak holds tests to the rule that secrets appear nowhere.
package leak

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// Check fails the test if text holds one of the secrets: as it is, or as
// base64 (at any offset, as in a Basic header), hex, URL, JSON or Go text.
func Check(t testing.TB, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if len(secret) < 6 {
			t.Fatalf("a secret of %d bytes is too short to look for", len(secret))
		}
		for form, disguise := range Forms(secret) {
			if at := strings.Index(strings.ToLower(text), strings.ToLower(disguise)); at >= 0 {
				t.Errorf("a secret shows as %s, after %.80q", form, text[max(0, at-80):at])
			}
		}
	}
}

// Forms are the disguises in which a secret is looked for, by name.
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
