package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Check builds the release here, and from a copy of the sources in another
// folder, and says which files differ.
func Check(ctx context.Context, r Release) error {
	dir, err := os.MkdirTemp("", "sitefence-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // temporary
	elsewhere := r
	elsewhere.Root = filepath.Join(dir, "elsewhere")
	if err := copySources(ctx, r.Root, elsewhere.Root); err != nil {
		return err
	}
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	if err := r.Build(ctx, first); err != nil {
		return err
	}
	if err := elsewhere.Build(ctx, second); err != nil {
		return err
	}
	return Compare(first, second)
}

// Compare says which files two releases do not have alike.
func Compare(first, second string) error {
	a, err := os.ReadFile(filepath.Join(first, sumsFile)) //nolint:gosec // just built
	if err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(second, sumsFile)) //nolint:gosec // just built
	if err != nil {
		return err
	}
	if bytes.Equal(a, b) {
		return nil
	}
	var different []string
	for line := range strings.Lines(string(a)) {
		if !strings.Contains(string(b), line) {
			different = append(different, strings.TrimSpace(line[strings.LastIndex(line, " "):]))
		}
	}
	return fmt.Errorf("two builds differ: %s", strings.Join(different, ", "))
}

// copySources copies what git knows, as it is on disk, into a repository of its
// own, and lends it the node modules.
func copySources(ctx context.Context, from, to string) error {
	list := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = from
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("listing the sources: %w", err)
	}
	for name := range strings.SplitSeq(strings.Trim(string(out), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(from, name)) //nolint:gosec // a source
		if os.IsNotExist(err) {
			continue // removed, and not yet from the index
		}
		if err != nil {
			return err
		}
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // sources
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil { //nolint:gosec // a source
			return err
		}
	}
	return os.Symlink(filepath.Join(from, "node_modules"), filepath.Join(to, "node_modules"))
}
