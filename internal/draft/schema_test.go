package draft_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sitefence/sitefence/internal/draft"
	"github.com/sitefence/sitefence/internal/release"
)

func TestSchemaFor(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	url := "https://raw.githubusercontent.com/sitefence/sitefence/" + release.Ref() + "/sitefence.schema.json"
	want := func(name, want string) {
		t.Helper()
		if got := draft.SchemaFor(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	// Elsewhere, and where a folder has the schema's name.
	want(filepath.Join(root, "sitefence.yaml"), url)
	if err := os.Mkdir(filepath.Join(root, "a", "sitefence.schema.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	want(filepath.Join(root, "a", "prod.yaml"), url)
	// In a copy of the repository.
	if err := os.WriteFile(filepath.Join(root, "sitefence.schema.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(filepath.Join(root, "sitefence.yaml"), "./sitefence.schema.json")
	want(filepath.Join(root, "a", "prod.yaml"), "../sitefence.schema.json")
	want(filepath.Join(root, "a", "b", "prod.yaml"), "../../sitefence.schema.json")
	t.Chdir(filepath.Join(root, "a", "b"))
	want("prod.yaml", "../../sitefence.schema.json")
}
