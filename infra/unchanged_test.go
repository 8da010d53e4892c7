package infra_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"

	infra "github.com/sitefence/sitefence/infra"
)

// written is what a synthesis leaves for `cdk diff` and `cdk deploy`.
type written struct {
	template string
	assets   map[string]string // by their hash: the name shown
}

// write synthesizes a stack with the binaries of a folder, in folders of its own.
func write(t *testing.T, binaries string) written {
	t.Helper()
	out := t.TempDir()
	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false), Outdir: jsii.String(out)})
	if _, err := infra.NewStack(app, "sitefence", infra.StackProps{
		Config: grown(), Assets: infra.Assets{Binaries: binaries, Staging: t.TempDir()},
	}); err != nil {
		t.Fatal(err)
	}
	app.Synth(nil)
	template, err := os.ReadFile(filepath.Join(out, "sitefence.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(out, "sitefence.assets.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Files map[string]struct{ DisplayName string }
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		t.Fatal(err)
	}
	w := written{string(template), map[string]string{}}
	for hash, file := range manifest.Files {
		w.assets[hash] = file.DisplayName
	}
	return w
}

// TestUnchangedFunctionsAreNotDeployedAgain: the same binaries in another folder,
// of another time, give the same hashes and the same template, so `cdk diff` is
// empty. Another binary gives others.
func TestUnchangedFunctionsAreNotDeployedAgain(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "some", "where")
	if err := os.CopyFS(elsewhere, os.DirFS(binaries)); err != nil {
		t.Fatal(err)
	}
	bootstrap := filepath.Join(elsewhere, "takeoffline", "bootstrap")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(bootstrap, old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(bootstrap, 0o755); err != nil {
		t.Fatal(err)
	}
	first, second := write(t, binaries), write(t, elsewhere)
	if diff := cmp.Diff(first.assets, second.assets); diff != "" || len(first.assets) < 11 {
		t.Errorf("%d assets (-first +second):\n%s", len(first.assets), diff)
	}
	if diff := cmp.Diff(first.template, second.template); diff != "" {
		t.Errorf("template (-first +second):\n%s", diff)
	}
	if err := os.WriteFile(bootstrap, []byte("another binary"), 0o755); err != nil {
		t.Fatal(err)
	}
	third := write(t, elsewhere)
	if third.template == first.template {
		t.Error("another binary gives the same template")
	}
	same := 0
	for hash := range first.assets {
		if _, ok := third.assets[hash]; ok {
			same++
		}
	}
	// The function of each deployment, and the template, which is an asset too.
	if changed := len(first.assets) - same; changed != 3 {
		t.Errorf("%d assets changed, want that function's of two deployments, and the template", changed)
	}
}

// TestTwoBuildsGiveOneTemplate builds the real functions twice, in different
// folders, and synthesizes with each.
func TestTwoBuildsGiveOneTemplate(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the functions twice")
	}
	first, second := write(t, build(t)), write(t, build(t))
	if diff := cmp.Diff(first.assets, second.assets); diff != "" {
		t.Errorf("assets (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(first.template, second.template); diff != "" {
		t.Errorf("template (-first +second):\n%s", diff)
	}
	for hash, name := range write(t, binaries).assets {
		// The machines' definitions are the same with any binary.
		if _, ok := first.assets[hash]; ok && !strings.Contains(name, "Machine") {
			t.Errorf("%s, %s, has the stand-ins' hash: nothing was shown", name, hash)
		}
	}
}

// build runs cmd/buildfunctions in a copy of the module.
func build(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, part := range []string{"functions", "internal", "cmd/buildfunctions"} {
		if err := os.CopyFS(filepath.Join(root, part), os.DirFS(filepath.Join("..", part))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, file), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", "./cmd/buildfunctions")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return filepath.Join(root, "build", "functions", "arm64")
}
