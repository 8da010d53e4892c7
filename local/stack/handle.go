package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// EnvHandle names the file that says where a local stack is, if it is not the
// default one.
const EnvHandle = "SITEFENCE_LOCAL"

// Handle says how another process reaches a local stack.
type Handle struct {
	// Env leads AWS's SDKs and command line to the stack and to nothing else.
	Env []string `json:"env"`
	// IngestURL is the Function URL in a form that can be posted to from here.
	IngestURL string `json:"ingestUrl"`
	// Config is the path of the deployed configuration.
	Config string `json:"config"`
}

// HandlePath is where the handle of a stack that is kept running lies.
func HandlePath() (string, error) {
	if path := os.Getenv(EnvHandle); path != "" {
		return path, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the local stack: %w", err)
	}
	return filepath.Join(dir, "sitefence", "local.json"), nil
}

// WriteHandle writes the stack's handle. The file is the caller's to remove.
func (s *Stack) WriteHandle(path string) error {
	url, err := s.IngestURL()
	if err != nil {
		return err
	}
	h := Handle{IngestURL: url, Config: filepath.Join(s.Dir, "sitefence.yaml"),
		Env: append(s.Emulator.Env(), "AWS_ENDPOINT_URL_GLOBAL_ACCELERATOR="+s.Accelerator.URL(), "AWS_PROFILE=")}
	data, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("writing the local stack's handle: %w", err)
	}
	return os.WriteFile(path, append(data, '\n'), 0o600)
}

// ReadHandle reads the handle of the stack that is kept running.
func ReadHandle() (Handle, error) {
	path, err := HandlePath()
	if err != nil {
		return Handle{}, err
	}
	data, err := os.ReadFile(path) //nolint:gosec // the user's own file
	if errors.Is(err, os.ErrNotExist) {
		return Handle{}, errors.New("no local stack is running; start one with `sitefence demo --keep` (make demo KEEP=1)")
	}
	if err != nil {
		return Handle{}, err
	}
	var h Handle
	if err := json.Unmarshal(data, &h); err != nil {
		return Handle{}, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}

// Export sets the handle's environment in this process, so that every AWS client
// that it makes from now on reaches the local stack.
func (h Handle) Export() error {
	for _, kv := range h.Env {
		name, value, _ := strings.Cut(kv, "=")
		if value == "" {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}
