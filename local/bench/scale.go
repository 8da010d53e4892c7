package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/sitefence/sitefence/local/bench/storm"
)

// Scale runs the simulation. It lives in a test, since only a test has a clock that
// passes when everything waits for it.
func Scale(ctx context.Context, root string) ([]storm.Report, error) {
	dir, err := os.MkdirTemp("", "sitefence-storm-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // temporary
	file := filepath.Join(dir, "storm.json")
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout=20m", "-run=^TestHundred$", "./local/bench/storm")
	cmd.Dir, cmd.Env = root, append(os.Environ(), storm.EnvReport+"="+file)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("simulating: %w\n%s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all []storm.Report
	return all, json.Unmarshal(data, &all)
}
