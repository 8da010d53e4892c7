// Package cache keeps the tools that the local stack installs for itself. It
// guarantees that a folder it hands out is whole: an installation that was
// interrupted is thrown away and done again, and of several processes that
// want the same tool at the same time one installs it and the others wait.
package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// marker is written last. Tools are installed where they will stay (a Python
// environment cannot be moved), so a rename cannot tell whole from half.
const marker = ".complete"

// Dir is the cache's folder: what SITEFENCE_CACHE names, else .cache beside
// the go.mod of the repository that the working directory is in.
func Dir() (string, error) {
	if dir := os.Getenv("SITEFENCE_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the cache folder: %w", err)
	}
	root := ""
	for {
		// The outermost module wins: the repository holds more than one.
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			root = dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	if root == "" {
		return "", errors.New("finding the cache folder: no go.mod above the working directory; set SITEFENCE_CACHE")
	}
	return filepath.Join(root, ".cache"), nil
}

// Install returns the folder root/name, having filled it with install if that
// had not been completed before. install gets an empty folder and must not
// keep anything outside of it. Safe for concurrent use, across processes too.
func Install(ctx context.Context, root, name string, install func(ctx context.Context, dir string) error) (string, error) {
	dir, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return "", fmt.Errorf("finding the folder of %s: %w", name, err)
	}
	if complete(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("creating the folder of %s: %w", name, err)
	}
	unlock, err := lock(ctx, dir+".lock")
	if err != nil {
		return "", fmt.Errorf("waiting for another installation of %s: %w", name, err)
	}
	defer unlock()
	if complete(dir) {
		return dir, nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("removing an unfinished installation of %s: %w", name, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("creating the folder of %s: %w", name, err)
	}
	if err := install(ctx, dir); err != nil {
		return "", fmt.Errorf("installing %s: %w", name, err)
	}
	if err := os.WriteFile(filepath.Join(dir, marker), nil, 0o644); err != nil {
		return "", fmt.Errorf("marking %s as installed: %w", name, err)
	}
	return dir, nil
}

func complete(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, marker))
	return err == nil
}

// lock holds an advisory lock that the kernel drops if the process dies.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(err, file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), file.Close())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
