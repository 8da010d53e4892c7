package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Entry is one file of an archive.
type Entry struct {
	Name, Path string
	Mode       fs.FileMode
}

// epoch is the time of every file in an archive: the first that a zip can say.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// WriteZip writes an archive that depends on names, modes and contents alone.
func WriteZip(path string, entries ...Entry) error {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, e := range entries {
		data, err := os.ReadFile(e.Path)
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: e.Name, Method: zip.Deflate, Modified: epoch}
		header.SetMode(e.Mode)
		file, err := w.CreateHeader(header)
		if err != nil {
			return fmt.Errorf("archiving %s: %w", e.Name, err)
		}
		if _, err := file.Write(data); err != nil {
			return fmt.Errorf("archiving %s: %w", e.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.WriteFile(path, archive.Bytes(), 0o644) //nolint:gosec // for everybody
}

// sumsFile holds the sums, as `sha256sum --check` reads them.
const sumsFile = "SHA256SUMS"

// WriteSums writes the sums of all files of the folder.
func WriteSums(dir string) error {
	files, err := os.ReadDir(dir) // sorted
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(dir, f.Name())) //nolint:gosec // just built
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), f.Name())
	}
	return os.WriteFile(filepath.Join(dir, sumsFile), sums.Bytes(), 0o644) //nolint:gosec // for everybody
}
