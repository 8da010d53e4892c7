package infra_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	infra "github.com/sitefence/sitefence/infra"
	"github.com/sitefence/sitefence/internal/config"
)

func TestAssetIsTheBinaryAndItsConfiguration(t *testing.T) {
	assets := infra.Assets{Binaries: binaries, Staging: t.TempDir()}
	dir, err := assets.Stage("eu-prod", "takeoffline", full().Deployments[0])
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"bootstrap", "config.json"}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(filepath.Join(dir, "bootstrap")); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("bootstrap is not executable: %v %v", info, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got config.Deployment
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full().Deployments[0], got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestMissingBinarySaysWhatToDo(t *testing.T) {
	assets := infra.Assets{Binaries: t.TempDir(), Staging: t.TempDir()}
	_, err := assets.Stage("stack", "ingest", full().Ingest())
	if err == nil || !strings.Contains(err.Error(), "go run ./cmd/buildfunctions") {
		t.Errorf("got %v", err)
	}
}

func TestExampleConfigurationIsValid(t *testing.T) {
	c, err := config.Load(filepath.Join("..", "sitefence.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Tuning{Architecture: config.ARM64, ReservedConcurrency: true, LogRetentionDays: 90, Tracing: true, Dashboards: true,
		ConfirmAfter: config.DefaultConfirmAfter, IngestConcurrency: config.DefaultIngestConcurrency,
		Guard: config.DefaultGuardLimits, Fence: config.DefaultFenceLimits}
	if diff := cmp.Diff(want, c.Tuning); diff != "" {
		t.Errorf("the example shows the defaults (-want +got):\n%s", diff)
	}
}
