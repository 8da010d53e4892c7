package emulator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/sitefence/sitefence/local/emulator/cache"
)

// ErrUnavailable says that this machine cannot have the emulator; the error
// that wraps it says what is missing: a Python, or a package index.
var ErrUnavailable = errors.New("the AWS emulator cannot be installed")

var errNoPython = errors.New("no python3, version 3.10 or newer, with its venv module (Debian: python3-venv) is on PATH")

// Setup installs the emulator into the cache folder (cache.Dir() if cacheDir
// is empty) unless that has been done before, and returns the path of the
// Python interpreter that runs it. It needs a package index the first time:
// about 10 seconds and 90 MB.
func Setup(ctx context.Context, cacheDir string) (interpreter string, err error) {
	requirements, err := python.ReadFile("python/requirements.txt")
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(requirements)
	return SetupPython(ctx, cacheDir, "emulator/"+hex.EncodeToString(sum[:4]), requirements)
}

// SetupPython is Setup for any list of Python packages: a complete one, in pip's
// format. The folder is named after name and the interpreter's version.
func SetupPython(ctx context.Context, cacheDir, name string, requirements []byte) (interpreter string, err error) {
	if cacheDir == "" {
		if cacheDir, err = cache.Dir(); err != nil {
			return "", err
		}
	}
	base, version, err := findPython(ctx)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	dir, err := cache.Install(ctx, cacheDir, path.Join(path.Dir(name), "python"+version+"-"+path.Base(name)), func(ctx context.Context, dir string) error {
		if err := install(ctx, base, dir, requirements); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "bin", "python"), nil
}

func install(ctx context.Context, base, dir string, requirements []byte) error {
	if err := run(ctx, base, "-m", "venv", dir); err != nil {
		return fmt.Errorf("creating a Python environment: %w", err)
	}
	file := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(file, requirements, 0o644); err != nil {
		return err
	}
	// The list is complete, so nothing but the list is to be installed.
	err := run(ctx, filepath.Join(dir, "bin", "python"), "-m", "pip",
		"--disable-pip-version-check", "--no-input", "install", "--quiet", "--no-deps", "--only-binary=:all:", "-r", file)
	if err != nil {
		return fmt.Errorf("installing the Python packages: %w", err)
	}
	return nil
}

// findPython returns the real path of the interpreter (on PATH there may be a
// wrapper that works in the user's environment only) and its version.
func findPython(ctx context.Context) (path, version string, err error) {
	const question = "import sys, venv, ensurepip; assert sys.version_info >= (3, 10); " +
		"print(sys.executable); print('%d.%d.%d' % sys.version_info[:3])"
	names := []string{"python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"}
	for _, name := range names {
		found, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, found, "-c", question).Output()
		if err != nil {
			continue
		}
		path, version, ok := strings.Cut(strings.TrimSpace(string(out)), "\n")
		if ok {
			return path, strings.TrimSpace(version), nil
		}
	}
	if ctx.Err() != nil {
		return "", "", fmt.Errorf("looking for python3: %w", context.Cause(ctx))
	}
	return "", "", errNoPython
}

// run quotes what the command said if it fails. It keeps the user's
// environment: proxies and package index settings live there.
func run(ctx context.Context, path string, args ...string) error {
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(path), err, strings.TrimSpace(string(out)))
	}
	return nil
}
