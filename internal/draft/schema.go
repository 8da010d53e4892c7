package draft

import (
	"os"
	"path/filepath"

	"github.com/sitefence/sitefence/internal/release"
)

// schemaName is the JSON Schema of the configuration, in the repository's root.
const schemaName = "sitefence.schema.json"

// SchemaFor is where an editor that opens the file finds its schema. Within a copy
// of the repository: that copy's own, by a relative path, so that it is the one of
// what will be deployed. Elsewhere: this release's, by its URL, since a path to a
// copy would be right on one machine only.
func SchemaFor(file string) string {
	if at, err := filepath.Abs(filepath.Dir(file)); err == nil {
		for up := "."; ; up, at = filepath.Join(up, ".."), filepath.Dir(at) {
			if info, err := os.Stat(filepath.Join(at, schemaName)); err == nil && info.Mode().IsRegular() {
				if up == "." {
					return "./" + schemaName
				}
				return filepath.ToSlash(filepath.Join(up, schemaName))
			}
			if at == filepath.Dir(at) {
				break
			}
		}
	}
	return "https://raw.githubusercontent.com/sitefence/sitefence/" + release.Ref() + "/" + schemaName
}
