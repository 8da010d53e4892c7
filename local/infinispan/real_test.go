package infinispan_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/local/infinispan"
)

// started counts the processes whose command line names the folder.
func started(t *testing.T, folder string) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("processes are counted through /proc")
	}
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	check(t, err)
	n := 0
	for _, file := range files {
		if line, err := os.ReadFile(file); err == nil && strings.Contains(string(line), folder) {
			n++
		}
	}
	return n
}

// A start that is given up leaves nothing behind.
func TestStartRealGivenUp(t *testing.T) {
	needReal(t)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := infinispan.StartReal(ctx, infinispan.Options{CacheDir: cacheDir(t), WorkDir: dir})
		done <- err
	}()
	within(t, 5*time.Minute, func() string { // the jars may have to be fetched first
		if started(t, dir) == 0 && len(done) == 0 {
			return "nothing was started"
		}
		return ""
	})
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("want it to be canceled, got %v", err)
	}
	if n := started(t, dir); n != 0 {
		t.Errorf("%d processes left", n)
	}
}

// stubMaven puts a script in front of the real mvn; $out is the folder that
// the jars should go to.
func stubMaven(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	script = "#!/bin/sh\nfor a in \"$@\"; do case $a in -DoutputDirectory=*) out=${a#*=} ;; esac; done\n" + script + "\n"
	check(t, os.WriteFile(filepath.Join(dir, "mvn"), []byte(script), 0o755))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// left lists what a fetch left in the cache, by name.
func left(t *testing.T, cache string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(cache, "infinispan", "*", "*"))
	check(t, err)
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	return files
}

func TestFetchFails(t *testing.T) {
	needReal(t)
	cache := t.TempDir()
	stubMaven(t, `mkdir -p "$out"; touch "$out/half.jar"; echo "[ERROR] no such artifact" ; exit 1`)
	_, err := infinispan.StartReal(t.Context(), infinispan.Options{CacheDir: cache, Version: "15.0.0.Final"})
	if err == nil || !strings.Contains(err.Error(), "15.0.0.Final") || !strings.Contains(err.Error(), "no such artifact") {
		t.Errorf("want an error with the version and Maven's words, got %v", err)
	}
	if left := left(t, cache); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFetchInterrupted(t *testing.T) {
	needReal(t)
	cache := t.TempDir()
	stubMaven(t, `mkdir -p "$out"; touch "$out/half.jar"; tail -f "$out/half.jar"`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := infinispan.StartReal(ctx, infinispan.Options{CacheDir: cache})
		done <- err
	}()
	within(t, 20*time.Second, func() string {
		if started(t, cache) < 2 {
			return "Maven was not started"
		}
		return ""
	})
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("want it to be canceled, got %v", err)
	}
	if left := left(t, cache); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	// Killed, the script's child is adopted and reaped by another process.
	within(t, 5*time.Second, func() string {
		if n := started(t, cache); n != 0 {
			return fmt.Sprintf("%d processes left", n)
		}
		return ""
	})
}

// Jars are fetched once, whole, and without what an earlier run abandoned.
func TestFetchOnce(t *testing.T) {
	needReal(t)
	cache := t.TempDir()
	abandoned := filepath.Join(cache, "infinispan", infinispan.Version, "fetching-1")
	check(t, os.MkdirAll(abandoned, 0o755))
	old := time.Now().Add(-2 * time.Hour)
	check(t, os.Chtimes(abandoned, old, old))
	stubMaven(t, `mkdir -p "$out"; touch "$out/empty.jar"; echo x >>"`+cache+`/fetched"`)
	for range 2 {
		// Nothing in these jars starts; it is the fetching that counts.
		_, err := infinispan.StartReal(t.Context(), infinispan.Options{CacheDir: cache})
		if err == nil || !strings.Contains(err.Error(), "gossip router ended") {
			t.Errorf("want the router to fail, got %v", err)
		}
	}
	if diff := cmp.Diff([]string{"lib"}, left(t, cache)); diff != "" {
		t.Errorf("the cache (-want +got):\n%s", diff)
	}
	if fetched, err := os.ReadFile(filepath.Join(cache, "fetched")); err != nil || string(fetched) != "x\n" {
		t.Errorf("want one fetch, got %q, %v", fetched, err)
	}
}

// A server that cannot start is noticed at once, not after the time limit: it
// says so, and its process goes on for a while at least.
func TestServerFailsToStart(t *testing.T) {
	needReal(t)
	dir := t.TempDir()
	_, err := infinispan.StartReal(t.Context(), infinispan.Options{
		CacheDir: cacheDir(t), WorkDir: dir,
		Progress: func(line string) {
			if strings.HasPrefix(line, "starting") { // the folders are there, the servers not yet
				state := filepath.Join(dir, "site-b", "data", "___global.state")
				check(t, os.WriteFile(state, []byte("@version=99.0.0.Final\n"), 0o644))
			}
		},
	})
	// At the time limit the error would say that, and hold the end of the log too.
	if err == nil || !strings.Contains(err.Error(), "failed to start") || strings.Contains(err.Error(), ": context deadline exceeded; last answer") {
		t.Errorf("want it to fail at once, got %v", err)
	}
}

func TestAvailable(t *testing.T) {
	for _, tt := range []struct{ name, java, want string }{
		{"nothing there", "", "java is missing"},
		{"too old", `echo 'openjdk version "11.0.2" 2019-01-15' >&2`, "java is too old: 11"},
		{"much too old", `echo 'java version "1.8.0_392"' >&2`, "java is too old: 8"},
		{"does not run", "echo 'Unable to locate a Java Runtime' >&2; exit 1", "Unable to locate"},
		{"no version", "echo hello", "does not tell its version"},
		{"good", `echo 'openjdk version "21.0.4" 2024-07-16' >&2`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("PATH", dir)
			t.Setenv("JAVA_HOME", "")
			if tt.java != "" {
				check(t, os.WriteFile(filepath.Join(dir, "java"), []byte("#!/bin/sh\n"+tt.java+"\n"), 0o755))
			}
			err := infinispan.Available()
			if err == nil || !strings.Contains(err.Error(), "maven is missing") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want it to miss Maven and %q, got %v", tt.want, err)
			}
			if tt.want == "" && strings.Contains(err.Error(), "java") {
				t.Errorf("java was found wanting: %v", err)
			}
			check(t, os.WriteFile(filepath.Join(dir, "mvn"), []byte("#!/bin/sh\n"), 0o755))
			if err := infinispan.Available(); (err == nil) != (tt.want == "") {
				t.Errorf("with Maven: %v", err)
			}
		})
	}
}
