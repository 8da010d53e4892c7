package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// bill writes what is compiled into a binary, as the binary itself says.
func (r Release) bill(ctx context.Context, binary, path string) error {
	if err := r.run(ctx, nil, r.Bill, "bin", "-json", "-noserial", "-std", "-version", "v"+r.Version, "-output", path, binary); err != nil {
		return err
	}
	return Settle(path)
}

// Settle takes out of a bill what differs from one run to the next: when it was
// made, and the sums of the tool that made it.
func Settle(path string) error {
	data, err := os.ReadFile(path) //nolint:gosec // just written
	if err != nil {
		return err
	}
	var bill map[string]any
	if err := json.Unmarshal(data, &bill); err != nil {
		return fmt.Errorf("reading %s: %w", filepath.Base(path), err)
	}
	metadata, _ := bill["metadata"].(map[string]any)
	if metadata["component"] == nil {
		return fmt.Errorf("reading %s: it has no main component", filepath.Base(path))
	}
	delete(metadata, "timestamp")
	tools, _ := metadata["tools"].([]any)
	for _, tool := range tools {
		if tool, ok := tool.(map[string]any); ok {
			delete(tool, "hashes")
		}
	}
	var settled bytes.Buffer
	encoder := json.NewEncoder(&settled)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(bill); err != nil {
		return err
	}
	return os.WriteFile(path, settled.Bytes(), 0o644) //nolint:gosec // for everybody
}
