// Package fileset writes several files as one: all of them or none. A file that
// is there already is never touched unless that is asked for, and whoever reads
// a file meanwhile sees it whole.
package fileset

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Existing is what becomes of files that are there already.
type Existing int

// The zero value keeps them: Write then fails before it has written anything.
const (
	Keep Existing = iota
	Replace
)

// File is a file to be written.
type File struct {
	Content []byte
	Mode    fs.FileMode
}

// Write writes the files, by their slash-separated paths below dir, and returns
// the paths that it wrote, in order. It creates the folders. When it fails it
// removes what it created; with Replace, a failure of the last step of all (a
// rename within a folder) may leave some files new and others old.
func Write(dir string, files map[string]File, existing Existing) (paths []string, err error) {
	w := writer{}
	defer func() {
		w.clean(err != nil)
	}()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return nil, fmt.Errorf("file name %q: want one below the folder", name)
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := check(path, existing); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	for i, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.stage(paths[i], files[name]); err != nil {
			return nil, fmt.Errorf("writing %s: %w", paths[i], err)
		}
	}
	for i, path := range paths {
		if err := w.publish(w.staged[i], path, existing); err != nil {
			return nil, fmt.Errorf("writing %s: %w", path, err)
		}
	}
	return paths, nil
}

func check(path string, existing Existing) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("looking at %s: %w", path, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is there and is no regular file", path)
	case existing == Keep:
		return fmt.Errorf("%s is there already: %w", path, fs.ErrExist)
	}
	return nil
}

// writer remembers what it made, so that it can be taken back.
type writer struct {
	folders, staged, published []string
}

// stage writes the content beside its place, under a name of its own.
func (w *writer) stage(path string, file File) error {
	if err := w.mkdir(filepath.Dir(path)); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600 until it is whole
	if err != nil {
		return err
	}
	w.staged = append(w.staged, f.Name())
	_, err = f.Write(file.Content)
	return errors.Join(err, f.Chmod(file.Mode), f.Close())
}

func (w *writer) mkdir(dir string) error {
	var missing []string
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil || !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		missing = append(missing, at)
	}
	w.folders = append(missing, w.folders...) // the deepest first
	// Who may read a file is the file's own mode: others must be able to come to it.
	return os.MkdirAll(dir, 0o755) //nolint:gosec // no secret is a file's name
}

// publish gives a staged file its name. A hard link, unlike a rename, fails when
// somebody else made the file meanwhile.
func (w *writer) publish(staged, path string, existing Existing) error {
	if existing == Replace {
		return os.Rename(staged, path)
	}
	if err := os.Link(staged, path); err != nil {
		return err
	}
	w.published = append(w.published, path)
	return nil
}

// clean removes what is not to stay. Removing a folder fails, rightly, when
// something is in it.
func (w *writer) clean(failed bool) {
	for _, path := range w.staged {
		_ = os.Remove(path)
	}
	if !failed {
		return
	}
	for _, path := range w.published {
		_ = os.Remove(path)
	}
	for _, path := range w.folders {
		_ = os.Remove(path)
	}
}
