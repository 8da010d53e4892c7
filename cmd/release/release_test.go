package main_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	release "github.com/sitefence/sitefence/cmd/release"
	current "github.com/sitefence/sitefence/internal/release"
)

func TestReleasable(t *testing.T) {
	for name, tc := range map[string]struct {
		version string
		state   release.State
		want    string // part of the error
	}{
		"in development, anything goes": {"0.2.0-dev", release.State{Dirty: true}, ""},
		"the tagged sources":            {"0.2.0", release.State{Tags: []string{"latest", "v0.2.0"}}, ""},
		"changed since":                 {"0.2.0", release.State{Tags: []string{"v0.2.0"}, Dirty: true}, "the sources differ"},
		"no tag":                        {"0.2.0", release.State{}, "want v0.2.0"},
		"another tag":                   {"0.2.0", release.State{Tags: []string{"v0.2.1", "0.2.0"}}, "want v0.2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := tc.state.Releasable(tc.version); err != nil {
				got = err.Error()
			}
			if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// An archive depends on names, modes and contents; not on when or where.
func TestZip(t *testing.T) {
	var archives [][]byte
	for range 2 {
		dir := t.TempDir()
		file, archive := filepath.Join(dir, "anything"), filepath.Join(dir, "x.zip")
		write(t, file, "a binary")
		then := time.Now().Add(-time.Duration(len(archives)+1) * time.Hour)
		if err := os.Chtimes(file, then, then); err != nil {
			t.Fatal(err)
		}
		if err := release.WriteZip(archive, release.Entry{Name: "bootstrap", Path: file, Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		archives = append(archives, data)
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("two archives of the same file differ")
	}
	r, err := zip.NewReader(bytes.NewReader(archives[0]), int64(len(archives[0])))
	if err != nil {
		t.Fatal(err)
	}
	// Lambda starts what may be executed, by anybody.
	if f := r.File[0]; f.Name != "bootstrap" || f.Mode() != 0o755 {
		t.Errorf("%s %v, want bootstrap, rwxr-xr-x", f.Name, f.Mode())
	}
}

func TestCompare(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, dir := range []string{a, b} {
		write(t, filepath.Join(dir, "same.zip"), "same")
		write(t, filepath.Join(dir, "other.zip"), "at first the same")
		if err := release.WriteSums(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := release.Compare(a, b); err != nil {
		t.Error(err)
	}
	write(t, filepath.Join(b, "other.zip"), "changed")
	if err := os.Remove(filepath.Join(b, "SHA256SUMS")); err != nil {
		t.Fatal(err)
	}
	if err := release.WriteSums(b); err != nil {
		t.Fatal(err)
	}
	if err := release.Compare(a, b); err == nil || err.Error() != "two builds differ: other.zip" {
		t.Errorf("got %v, want the file that differs", err)
	}
}

// A bill holds neither its time nor the tool's sums; the rest stays.
func TestSettle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.cdx.json")
	write(t, path, `{"bomFormat":"CycloneDX","metadata":{"timestamp":"2026-11-26T12:00:00Z",
		"tools":[{"name":"cyclonedx-gomod","version":"v1.9.0","hashes":[{"alg":"MD5","content":"abc"}]}],
		"component":{"name":"x","version":"v0.2.0","hashes":[{"alg":"MD5","content":"def"}]}}}`)
	if err := release.Settle(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"bomFormat": "CycloneDX", "metadata": map[string]any{
		"tools":     []any{map[string]any{"name": "cyclonedx-gomod", "version": "v1.9.0"}},
		"component": map[string]any{"name": "x", "version": "v0.2.0", "hashes": []any{map[string]any{"alg": "MD5", "content": "def"}}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	write(t, path, `{"metadata":{}}`)
	if err := release.Settle(path); err == nil {
		t.Error("a bill without its main component is taken")
	}
}

// The changelog tells of the version that is built.
func TestChangelog(t *testing.T) {
	data, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	number, dev := strings.CutSuffix(current.Version, "-dev")
	want := "\n## [" + number + "] - "
	if dev {
		want = "\n## [Unreleased]\n\nBecomes " + number
	}
	if !strings.Contains(string(data), want) {
		t.Errorf("version %s: the changelog has no %q", current.Version, strings.TrimSpace(want))
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
