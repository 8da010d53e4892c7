package bootstrap_test

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/cmd/buildfunctions/bootstrap"
	"github.com/sitefence/sitefence/internal/config"
)

// A module of the same shape as ours, small enough to be built with a cold cache.
const smallMain = `package main

import (
	"fmt"
	"net/url"
	"runtime"
)

func main() { fmt.Println(url.QueryEscape("a b"), runtime.Version()) }
`

func smallModule(t *testing.T) string {
	t.Helper()
	mod, err := os.ReadFile(filepath.Join("..", "..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	text := "module example.com/small\n"
	for line := range strings.Lines(string(mod)) {
		if strings.HasPrefix(line, "go ") || strings.HasPrefix(line, "toolchain ") {
			text += line
		}
	}
	root := t.TempDir()
	write(t, filepath.Join(root, "go.mod"), text)
	for _, name := range bootstrap.Functions {
		write(t, filepath.Join(root, "functions", name, "main.go"), smallMain)
	}
	return root
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sums builds the functions of the module in root and returns their hashes.
func sums(t *testing.T, root string, arch config.Architecture) map[string]string {
	t.Helper()
	out, err := bootstrap.Build(context.Background(), bootstrap.Options{Root: root, Arch: arch})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	err = filepath.WalkDir(out, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(out, path)
		all[name] = fmt.Sprintf("%x", sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestColdBuildsAreTheSame builds in two folders with an empty cache each, and
// with an environment that tries to interfere.
func TestColdBuildsAreTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the standard library twice")
	}
	t.Setenv("GOCACHE", t.TempDir())
	first := sums(t, smallModule(t), config.ARM64)
	var want []string
	for _, name := range bootstrap.Functions {
		want = append(want, filepath.Join(name, "bootstrap"))
	}
	slices.Sort(want)
	var got []string
	for name := range first {
		got = append(got, name)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("files (-want +got):\n%s", diff)
	}

	t.Setenv("GOCACHE", t.TempDir())
	t.Setenv("GOFLAGS", "-buildvcs=true -tags=other")
	t.Setenv("GOARCH", "riscv64")
	t.Setenv("GOARM64", "v9.0")
	t.Setenv("GOEXPERIMENT", "nogreenteagc")
	if diff := cmp.Diff(first, sums(t, smallModule(t), config.ARM64)); diff != "" {
		t.Errorf("the second build differs (-first +second):\n%s", diff)
	}
}

// TestFunctionsDoNotKnowWhereTheyWereBuilt builds the real ones from here and
// from a copy elsewhere.
func TestFunctionsDoNotKnowWhereTheyWereBuilt(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the functions twice")
	}
	here, elsewhere := copyModule(t), copyModule(t)
	first := sums(t, here, config.ARM64)
	if diff := cmp.Diff(first, sums(t, elsewhere, config.ARM64)); diff != "" {
		t.Errorf("the second build differs (-first +second):\n%s", diff)
	}
	for name := range first {
		path := filepath.Join(here, "build", "functions", "arm64", name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), here) {
			t.Errorf("%s holds the folder that it was built in", name)
		}
		checkBinary(t, path, elf.EM_AARCH64)
	}
}

func checkBinary(t *testing.T, path string, machine elf.Machine) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // read only
	if f.Machine != machine || f.Section(".symtab") != nil || f.Section(".interp") != nil {
		t.Errorf("%s: machine %v; want %v, stripped, static", path, f.Machine, machine)
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range info.Settings {
		if strings.HasPrefix(s.Key, "vcs") {
			t.Errorf("%s: %s=%s is in the binary", path, s.Key, s.Value)
		}
	}
}

// copyModule copies what the functions are built from.
func copyModule(t *testing.T) string {
	t.Helper()
	from, to := filepath.Join("..", "..", ".."), t.TempDir()
	for _, part := range []string{"functions", "internal"} {
		if err := os.CopyFS(filepath.Join(to, part), os.DirFS(filepath.Join(from, part))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(from, file))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(to, file), string(data))
	}
	return to
}

// TestNothingIsWrittenBesideTheSources: Go's module cache, from where another
// team's app builds, is read only.
func TestNothingIsWrittenBesideTheSources(t *testing.T) {
	root, out := smallModule(t), t.TempDir()
	got, err := bootstrap.Build(context.Background(), bootstrap.Options{Root: root, Out: out, Arch: config.AMD64})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(out, "functions", "amd64"); got != want {
		t.Errorf("built in %s, want %s", got, want)
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"functions", "go.mod"}, names); diff != "" {
		t.Errorf("the sources' folder (-want +got):\n%s", diff)
	}
}

func TestUnknownArchitectureIsRefused(t *testing.T) {
	_, err := bootstrap.Build(context.Background(), bootstrap.Options{Root: t.TempDir(), Arch: "x86"})
	if err == nil || !strings.Contains(err.Error(), `"x86", want arm64 or amd64`) {
		t.Errorf("got %v", err)
	}
}

func TestBrokenSourceKeepsTheOldBinary(t *testing.T) {
	root := smallModule(t)
	before := sums(t, root, config.AMD64)
	write(t, filepath.Join(root, "functions", bootstrap.Functions[0], "main.go"), "package main\n\nfunc main() { broken }\n")
	_, err := bootstrap.Build(context.Background(), bootstrap.Options{Root: root, Arch: config.AMD64})
	if err == nil || !strings.Contains(err.Error(), "broken") {
		t.Fatalf("got %v, want the compiler's words", err)
	}
	entries, err := os.ReadDir(filepath.Join(root, "build", "functions", "amd64"))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(before) {
		t.Errorf("left behind: %v", entries)
	}
}
