package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// bills writes what is compiled into the command and into each function.
func (r Release) bills(ctx context.Context, out string) error {
	mains, err := filepath.Glob(filepath.Join(r.Root, "functions", "*"))
	if err != nil {
		return err
	}
	platform := map[string]Platform{filepath.Join(r.Root, "cmd", "sitefence"): r.Platforms[0]}
	for _, dir := range mains {
		platform[dir] = Platform{"linux", "arm64"}
	}
	for dir, p := range platform {
		name := filepath.Base(dir)
		if filepath.Base(filepath.Dir(dir)) == "functions" {
			name = "function-" + name
		}
		main, err := filepath.Rel(r.Root, dir)
		if err != nil {
			return err
		}
		path := filepath.Join(out, name+".cdx.json")
		if err := r.run(ctx, p.environment(), r.Bill, "app", "-json", "-noserial", "-main", main, "-output", path, r.Root); err != nil {
			return err
		}
		if err := Settle(path, r.Version); err != nil {
			return err
		}
	}
	return nil
}

// Settle takes out of a bill when it was made, and names the release instead of
// what the tool guesses from a clone's tags.
func Settle(path, version string) error {
	data, err := os.ReadFile(path) //nolint:gosec // just written
	if err != nil {
		return err
	}
	var bill map[string]any
	if err := json.Unmarshal(data, &bill); err != nil {
		return fmt.Errorf("reading %s: %w", filepath.Base(path), err)
	}
	metadata, _ := bill["metadata"].(map[string]any)
	component, _ := metadata["component"].(map[string]any)
	guessed, _ := component["version"].(string)
	if guessed == "" {
		return fmt.Errorf("reading %s: the main component has no version", filepath.Base(path))
	}
	delete(metadata, "timestamp")
	var settled bytes.Buffer
	encoder := json.NewEncoder(&settled)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(bill); err != nil {
		return err
	}
	return os.WriteFile(path, bytes.ReplaceAll(settled.Bytes(), []byte(guessed), []byte("v"+version)), 0o644) //nolint:gosec // for everybody
}
