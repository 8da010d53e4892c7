package documents_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sitefence/sitefence/internal/document"
)

// TestLinks: what a document points to is there, with its heading.
func TestLinks(t *testing.T) {
	files, err := document.Files(root)
	if err != nil {
		t.Fatal(err)
	}
	read := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	seen := 0
	for _, file := range files {
		for _, l := range document.Links(read(filepath.Join(root, file))) {
			seen++
			target := filepath.Join(root, file)
			if l.Path != "" {
				target = filepath.Join(root, filepath.Dir(file), filepath.FromSlash(l.Path))
			}
			info, err := os.Stat(target)
			if err != nil {
				t.Errorf("%s:%d: %s is not there", file, l.Line, l.Path)
				continue
			}
			if l.Anchor != "" && (info.IsDir() || !document.Anchors(read(target))[l.Anchor]) {
				t.Errorf("%s:%d: %s has no heading #%s", file, l.Line, l.Path, l.Anchor)
			}
		}
	}
	if seen < 200 {
		t.Errorf("%d links: most are not found", seen)
	}
}
