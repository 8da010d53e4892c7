package fileset_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/fileset"
)

func files(content string) map[string]fileset.File {
	return map[string]fileset.File{
		"a/one.yaml": {Content: []byte(content), Mode: 0o600},
		"b/two.yaml": {Content: []byte(content), Mode: 0o644},
	}
}

// tree is every regular file below dir, with folders that hold nothing.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if entry.IsDir() {
			if name != "." {
				found[name+"/"] = ""
			}
			return nil
		}
		data, err := os.ReadFile(path)
		found[name] = string(data)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}

func check(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, tree(t, dir)); diff != "" {
		t.Errorf("the folder (-want +got):\n%s", diff)
	}
}

func whole(content string) map[string]string {
	return map[string]string{"a/": "", "a/one.yaml": content, "b/": "", "b/two.yaml": content}
}

func TestWriteMakesFoldersAndModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "er")
	paths, err := fileset.Write(dir, files("x"), fileset.Keep)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{filepath.Join(dir, "a/one.yaml"), filepath.Join(dir, "b/two.yaml")}, paths); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	check(t, dir, whole("x"))
	for i, want := range []fs.FileMode{0o600, 0o644} {
		if info, err := os.Stat(paths[i]); err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v (%v), want %v", paths[i], info.Mode(), err, want)
		}
	}
	// Prometheus and Alertmanager run as users of their own.
	if info, err := os.Stat(filepath.Dir(paths[0])); err != nil || info.Mode().Perm()&0o005 != 0o005 {
		t.Errorf("folder: mode %v (%v), want one that others can enter", info.Mode(), err)
	}
}

func TestWriteKeepsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "b/two.yaml"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fileset.Write(dir, files("new"), fileset.Keep); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v, want that it exists", err)
	}
	check(t, dir, map[string]string{"b/": "", "b/two.yaml": "old"})
	if _, err := fileset.Write(dir, files("new"), fileset.Replace); err != nil {
		t.Fatal(err)
	}
	check(t, dir, whole("new"))
}

// A name that is a file and a folder is noticed in the last step only; what was
// made before is taken back.
func TestWriteTakesBackWhatItMade(t *testing.T) {
	for name, existing := range map[string]fileset.Existing{"keep": fileset.Keep, "replace": fileset.Replace} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			_, err := fileset.Write(dir, map[string]fileset.File{"a": {}, "a/b": {}, "A/c": {}}, existing)
			if err == nil {
				t.Error("no error")
			}
			if existing == fileset.Keep {
				check(t, filepath.Dir(dir), map[string]string{})
			}
		})
	}
}

func TestWriteIntoAFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "b"), []byte("a file where a folder must be"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fileset.Write(dir, files("new"), fileset.Keep); err == nil {
		t.Error("no error")
	}
	check(t, dir, map[string]string{"b": "a file where a folder must be"})
}

// A link may lead anywhere.
func TestWriteReplacesNoLink(t *testing.T) {
	dir, target := t.TempDir(), filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(dir, "a/one.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, err := fileset.Write(dir, files("new"), fileset.Replace); err == nil {
		t.Error("no error")
	}
	check(t, dir, map[string]string{"a/": "", "a/one.yaml": "precious"})
}

func TestWriteStaysBelowTheFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"../x", "/x", "", "a/../../x"} {
		if _, err := fileset.Write(dir, map[string]fileset.File{name: {}}, fileset.Replace); err == nil {
			t.Errorf("%q was written", name)
		}
	}
	check(t, dir, map[string]string{})
}
