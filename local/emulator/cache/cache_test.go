package cache_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sitefence/sitefence/local/emulator/cache"
)

func TestInstallOnceForManyAtOnce(t *testing.T) {
	root := t.TempDir()
	var installed atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			dir, err := cache.Install(t.Context(), root, "tool/1.0", func(_ context.Context, dir string) error {
				installed.Add(1)
				return os.WriteFile(filepath.Join(dir, "bin"), []byte("x"), 0o755)
			})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := os.Stat(filepath.Join(dir, "bin")); err != nil {
				t.Errorf("handed out a folder that is not whole: %v", err)
			}
		})
	}
	wg.Wait()
	if got := installed.Load(); got != 1 {
		t.Errorf("installed %d times, want once", got)
	}
}

func TestInstallStartsAfreshAfterAnInterruption(t *testing.T) {
	root := t.TempDir()
	broken := errors.New("power cut")
	_, err := cache.Install(t.Context(), root, "tool", func(_ context.Context, dir string) error {
		return errors.Join(os.WriteFile(filepath.Join(dir, "half"), nil, 0o644), broken)
	})
	if !errors.Is(err, broken) {
		t.Fatalf("error %v, want it to wrap %v", err, broken)
	}
	dir, err := cache.Install(t.Context(), root, "tool", func(_ context.Context, dir string) error {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("folder holds %v (%v), want it empty", entries, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "half")); err == nil {
		t.Error("the interrupted installation was kept")
	}
}

func TestDirPrefersTheSetting(t *testing.T) {
	want := t.TempDir()
	t.Setenv("SITEFENCE_CACHE", want)
	got, err := cache.Dir()
	if err != nil || got != want {
		t.Errorf("Dir() = %q, %v; want %q", got, err, want)
	}
}

func TestDirIsBesideTheOutermostModule(t *testing.T) {
	t.Setenv("SITEFENCE_CACHE", "")
	root := t.TempDir()
	inner := filepath.Join(root, "infra", "deep")
	for _, module := range []string{root, filepath.Join(root, "infra")} {
		if err := os.MkdirAll(inner, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(module, "go.mod"), []byte("module x\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(inner)
	got, err := cache.Dir()
	if want := filepath.Join(root, ".cache"); err != nil || got != want {
		t.Errorf("Dir() = %q, %v; want %q", got, err, want)
	}
}
