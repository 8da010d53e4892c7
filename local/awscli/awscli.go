// Package awscli installs AWS's own command line, pinned, into the cache: what
// the documents tell an operator to type is tried with it.
package awscli

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"path/filepath"

	"github.com/sitefence/sitefence/local/emulator"
)

//go:embed requirements.txt
var requirements []byte

// Setup installs it unless that has been done before, and returns the folder
// with the programs `aws` and `python`. Where that cannot be done, the error
// wraps emulator.ErrUnavailable. An empty cacheDir is the cache's own folder.
func Setup(ctx context.Context, cacheDir string) (bin string, err error) {
	sum := sha256.Sum256(requirements)
	python, err := emulator.SetupPython(ctx, cacheDir, "awscli/"+hex.EncodeToString(sum[:4]), requirements)
	if err != nil {
		return "", err
	}
	return filepath.Dir(python), nil
}
