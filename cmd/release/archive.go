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

// entry is one file of an archive.
type entry struct {
	name, path string
	mode       fs.FileMode
}

// epoch is the time of every file in an archive: the first that a zip can say.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// writeZip writes an archive that depends on names, modes and contents alone.
func writeZip(path string, entries ...entry) error {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, e := range entries {
		data, err := os.ReadFile(e.path)
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: epoch}
		header.SetMode(e.mode)
		file, err := w.CreateHeader(header)
		if err != nil {
			return fmt.Errorf("archiving %s: %w", e.name, err)
		}
		if _, err := file.Write(data); err != nil {
			return fmt.Errorf("archiving %s: %w", e.name, err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.WriteFile(path, archive.Bytes(), 0o644) //nolint:gosec // for everybody
}

// sumsFile holds the sums, as `sha256sum --check` reads them.
const sumsFile = "SHA256SUMS"

func writeSums(dir string) error {
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
