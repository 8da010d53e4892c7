package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const isc = `Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby
granted, provided that the above copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL
IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT,
INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF
THIS SOFTWARE.
`

// folder writes files into a folder that is a module's.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLicences(t *testing.T) {
	apache, err := os.ReadFile(filepath.Join("..", "..", "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		files map[string]string
		want  []string
		err   string
	}{
		"one in the root":                {files: map[string]string{"LICENSE": isc}, want: []string{"ISC"}},
		"in British, as Markdown":        {files: map[string]string{"Licence.md": isc}, want: []string{"ISC"}},
		"two":                            {files: map[string]string{"LICENSE": isc, "COPYING": string(apache)}, want: []string{"Apache-2.0", "ISC"}},
		"another one beside the package": {files: map[string]string{"LICENSE": isc, "a/b/LICENSE": string(apache)}, want: []string{"Apache-2.0", "ISC"}},
		"another one above the package":  {files: map[string]string{"LICENSE": isc, "a/LICENSE": string(apache)}, want: []string{"Apache-2.0", "ISC"}},
		"beside a package not in use":    {files: map[string]string{"LICENSE": isc, "c/LICENSE": "All rights reserved."}, want: []string{"ISC"}},
		"none":                           {files: map[string]string{"README": isc}, err: "no licence file"},
		"source code with the name":      {files: map[string]string{"license.go": isc}, err: "no licence file"},
		"only beside the package":        {files: map[string]string{"a/b/LICENSE": isc}, err: "no licence file"},
		"a text that nobody knows":       {files: map[string]string{"LICENSE": "You may use this on Sundays."}, err: "not recognised: 0%"},
		"a known one with clauses of its own": {
			files: map[string]string{"LICENSE": isc + strings.Repeat("Whoever earns money with it sends the author a cake. ", 20)}, err: "not recognised",
		},
		"a file that is none": {files: map[string]string{"LICENSE": isc, "LICENSE-SUMMARY": "as above"}, want: []string{"ISC"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, test.files)
			used := filepath.Join(dir, "a", "b")
			if err := os.MkdirAll(used, 0o755); err != nil {
				t.Fatal(err)
			}
			m := Module{Path: "example.com/m", Dir: dir, Folders: []string{used}}
			got, err := m.Licences(Allowed{NoLicence: map[string]bool{"example.com/m/LICENSE-SUMMARY": false}})
			if (test.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Fatalf("got error %v, want %q", err, test.err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("licences (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAllowed(t *testing.T) {
	file := filepath.Join(folder(t, map[string]string{"allowed.txt": "# these\nMIT\n ISC # why\n\nexample.com/m/LICENSE-NOTE\n"}), "allowed.txt")
	a, err := ReadAllowed(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		ids []string
		err string
	}{
		{ids: []string{"MIT"}},
		{ids: []string{"ISC", "MIT"}},
		{ids: []string{"MIT", "GPL-3.0"}, err: "GPL-3.0 is not allowed"},
		{ids: []string{"#"}, err: "# is not allowed"},
		{err: "no licence"},
	} {
		if err := a.Check(test.ids); (test.err == "") != (err == nil) || err != nil && err.Error() != test.err {
			t.Errorf("%v: got %v, want %q", test.ids, err, test.err)
		}
	}
	if diff := cmp.Diff([]string{"example.com/m/LICENSE-NOTE"}, a.Unused()); diff != "" {
		t.Errorf("unused (-want +got):\n%s", diff)
	}
	if !a.skip("example.com/m", "LICENSE-NOTE") || a.skip("example.com/m", "LICENSE") || len(a.Unused()) != 0 {
		t.Errorf("the file that is no licence was not met: %v", a)
	}
}

func TestOwnModulesAndGoItselfAreLeftOut(t *testing.T) {
	got := map[string]Module{}
	err := addModules([]byte(`
		{"Dir": "/go/src/fmt", "Standard": true}
		{"Dir": "/s/internal/x", "Module": {"Path": "github.com/sitefence/sitefence", "Dir": "/s"}}
		{"Dir": "/s/infra", "Module": {"Path": "github.com/sitefence/sitefence/infra", "Dir": "/s/infra"}}
		{"Dir": "/m/a", "Module": {"Path": "github.com/sitefence/sitefence-fork", "Version": "v1.0.0", "Dir": "/m"}}
		{"Dir": "/m/b", "Module": {"Path": "github.com/sitefence/sitefence-fork", "Version": "v1.0.0", "Dir": "/m"}}
		{"Dir": "/m/b", "Module": {"Path": "github.com/sitefence/sitefence-fork", "Version": "v1.0.0", "Dir": "/m"}}`), got)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Module{"github.com/sitefence/sitefence-fork@v1.0.0": {
		Path: "github.com/sitefence/sitefence-fork", Version: "v1.0.0", Dir: "/m", Folders: []string{"/m/a", "/m/b"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("modules (-want +got):\n%s", diff)
	}
	if err := addModules([]byte(`{"Dir": "/x"}`), got); err == nil {
		t.Error("a package without a module is no problem")
	}
}
