package bench

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// Binary is one built function.
type Binary struct {
	Function     string `json:"function"`
	Architecture string `json:"architecture"`
	Bytes        int    `json:"bytes"` // stripped, as deployed
	Zip          int    `json:"zip"`   // bytes
}

// Build builds the functions as they are deployed, for each architecture, and
// weighs them.
func Build(ctx context.Context, root string) ([]Binary, error) {
	var all []Binary
	for _, arch := range architectures {
		cmd := exec.CommandContext(ctx, "go", "run", "./cmd/buildfunctions", "-arch", string(arch))
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building the functions for %s: %w\n%s", arch, err, bytes.TrimSpace(out))
		}
		for _, name := range append(append([]string{}, way...), others...) {
			b, err := weigh(filepath.Join(root, "build", "functions", string(arch), name, "bootstrap"))
			if err != nil {
				return nil, err
			}
			b.Function, b.Architecture = name, string(arch)
			all = append(all, b)
		}
	}
	return all, nil
}

func weigh(path string) (Binary, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Binary{}, err
	}
	var zipped counter
	z := zip.NewWriter(&zipped)
	w, err := z.Create("bootstrap")
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = z.Close()
	}
	return Binary{Bytes: len(data), Zip: int(zipped)}, err
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// copyFile copies a program.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // read only
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}
	return out.Close()
}
