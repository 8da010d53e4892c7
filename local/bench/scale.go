package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/sitefence/sitefence/local/bench/storm"
)

// Scale runs the simulation. It lives in a test, since only a test has a clock that
// passes when everything waits for it. What that test finds wrong with the reports
// is returned beside them: they are what was measured.
func Scale(ctx context.Context, root string) ([]storm.Report, error) {
	dir, err := os.MkdirTemp("", "sitefence-storm-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // temporary
	file := filepath.Join(dir, "storm.json")
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout=20m", "-run=^TestHundred$", "./local/bench/storm")
	cmd.Dir, cmd.Env = root, append(os.Environ(), storm.EnvReport+"="+file)
	out, found := cmd.CombinedOutput()
	if found != nil {
		found = fmt.Errorf("simulating: %w\n%s", found, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, cmp.Or(found, err)
	}
	var all []storm.Report
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	return all, found
}
