package infra

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sitefence/sitefence/internal/config"
)

// Assets makes the folder that is zipped for one function: its binary and its
// part of the configuration. The folder's bytes depend on the two alone (CDK
// hashes paths and contents, no times), so an unchanged function is not
// deployed again.
type Assets struct {
	// Binaries holds <function>/bootstrap for the architecture in use.
	// BuildFunctions makes it.
	Binaries string
	// Staging is a folder of this synthesis, to be removed when it has ended.
	Staging string
}

// Remove removes what was staged. The CDK has its own copy once the app is
// synthesised (app.Synth).
func (a Assets) Remove() error { return os.RemoveAll(a.Staging) }

// Stage returns the folder for a function of an owner (a deployment's name, or
// the stack as a whole).
func (a Assets) Stage(owner, function string, configuration any) (string, error) {
	if err := os.MkdirAll(a.Staging, 0o755); err != nil {
		return "", err
	}
	// Two stacks of one app may have a deployment of one name.
	dir, err := os.MkdirTemp(a.Staging, owner+"-"+function+"-")
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(configuration)
	if err != nil {
		return "", fmt.Errorf("staging %s of %s: %w", function, owner, err)
	}
	if err := os.WriteFile(filepath.Join(dir, config.FunctionFile), append(data, '\n'), 0o644); err != nil {
		return "", err
	}
	binary := filepath.Join(a.Binaries, function, "bootstrap")
	if err := copyOrLink(binary, filepath.Join(dir, "bootstrap")); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("%s is missing: build the functions first (infra.BuildFunctions, or go run ./cmd/buildfunctions)", binary)
		}
		return "", fmt.Errorf("staging %s of %s: %w", function, owner, err)
	}
	return dir, nil
}

// stageDefinition returns the file of a state machine's definition.
func (a Assets) stageDefinition(machine, text string) (string, error) {
	dir := filepath.Join(a.Staging, "machines")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, machine+".asl.json")
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// copyOrLink spares the disk: eight deployments hold 32 copies of 9 MB.
func copyOrLink(from, to string) error {
	if err := os.Link(from, to); err == nil || errors.Is(err, os.ErrNotExist) {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}
