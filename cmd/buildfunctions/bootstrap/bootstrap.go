// Package bootstrap builds the Lambda functions' binaries, byte for byte the same
// from the same sources wherever it runs, so that an unchanged function is not
// deployed again.
package bootstrap

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sitefence/sitefence/internal/config"
)

// Functions are the Lambda functions, each a main package under functions/.
var Functions = []string{"ingest", "checkhealth", "updateaccelerator", "takeoffline", "inspect", "resync"}

// Options say what to build.
type Options struct {
	Root string // the root module's folder; nothing is written there unless Out is below it
	Out  string // where to; default Root/build
	Arch config.Architecture
}

// Build builds every function of the module and returns the folder
// Out/functions/<arch> that holds <function>/bootstrap, the name that Lambda's provided runtimes start.
func Build(ctx context.Context, o Options) (string, error) {
	if o.Arch != config.ARM64 && o.Arch != config.AMD64 {
		return "", fmt.Errorf("architecture: got %q, want arm64 or amd64", o.Arch)
	}
	root, err := filepath.Abs(o.Root)
	if err != nil {
		return "", err
	}
	chain, err := toolchain(ctx, root)
	if err != nil {
		return "", err
	}
	base := cmp.Or(o.Out, filepath.Join(root, "build"))
	out, err := filepath.Abs(filepath.Join(base, "functions", string(o.Arch)))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", err
	}
	// Built beside the old ones and moved over them, so that an interrupted
	// build leaves no half-written binary to be deployed.
	temporary, err := os.MkdirTemp(out, ".new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temporary) //nolint:errcheck // under build/
	if err := compile(ctx, root, temporary, chain, o.Arch); err != nil {
		return "", err
	}
	for _, name := range Functions {
		dir := filepath.Join(out, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		if err := os.Rename(filepath.Join(temporary, name), filepath.Join(dir, "bootstrap")); err != nil {
			return "", err
		}
	}
	return out, nil
}

// compile runs one `go build` for all functions: they share most packages.
func compile(ctx context.Context, root, out, chain string, arch config.Architecture) error {
	args := []string{
		"build",
		// Lambda's old RPC mode is not used by provided runtimes; no service that is
		// asked speaks HTTP/2, and Infinispan must not, see infinispan.New: 0.4 MB.
		"-tags", "lambda.norpc,nethttpomithttp2",
		"-trimpath",                   // no folder of this machine in the binary
		"-buildvcs=false",             // no commit either: a change of the docs is none of the function
		"-ldflags", "-s -w -buildid=", // nor the hash of the linker's inputs
		"-o", out + string(filepath.Separator),
	}
	for _, name := range Functions {
		args = append(args, "./functions/"+name)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = environment(os.Environ(), chain, arch)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, bytes.TrimSpace(output))
	}
	return nil
}

// environment is env with everything fixed that would change the result.
func environment(env []string, chain string, arch config.Architecture) []string {
	fixed := map[string]string{
		"GOOS":        "linux",
		"GOARCH":      string(arch),
		"GOARM64":     "v8.0",
		"GOAMD64":     "v1",
		"CGO_ENABLED": "0",
		"GOFLAGS":     "-mod=readonly",
		"GOTOOLCHAIN": chain,
		// The root module alone: in the workspace, what the CDK app requires
		// would choose the versions of the functions' packages too.
		"GOWORK": "off",
		// Unset, below: the toolchain's own choice.
		"GOEXPERIMENT": "",
		"GOFIPS140":    "",
	}
	var clean []string
	for _, entry := range env {
		key, _, _ := strings.Cut(entry, "=")
		if _, ok := fixed[key]; !ok {
			clean = append(clean, entry)
		}
	}
	for key, value := range fixed {
		if value != "" {
			clean = append(clean, key+"="+value)
		}
	}
	return clean
}

// toolchain is the Go release that go.mod pins; another one's binaries differ.
func toolchain(ctx context.Context, root string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "edit", "-json")
	cmd.Dir = root
	var problem bytes.Buffer
	cmd.Stderr = &problem
	data, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("reading go.mod in %s: %w\n%s", root, err, bytes.TrimSpace(problem.Bytes()))
	}
	var mod struct{ Go, Toolchain string }
	if err := json.Unmarshal(data, &mod); err != nil {
		return "", fmt.Errorf("reading go.mod: %w", err)
	}
	if mod.Toolchain != "" {
		return mod.Toolchain, nil
	}
	return "go" + mod.Go, nil
}
