package leak_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"testing"

	"github.com/sitefence/sitefence/internal/leak"
)

// recorder notes whether Check complained.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

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
