package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Platform is what a command is built for.
type Platform struct{ OS, Arch string }

// Platforms are those of the operator's command.
var Platforms = []Platform{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}}

// Architectures are those of the functions.
var Architectures = []string{"amd64", "arm64"}

// Release says what to build from which sources.
type Release struct {
	Root, Bill, Version string // Bill is the path of cyclonedx-gomod
	Platforms           []Platform
	Architectures       []string
}

// Build builds everything into the folder, which is replaced when all of it is
// there: a release is whole or not there.
func (r Release) Build(ctx context.Context, out string) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil { //nolint:gosec // for everybody
		return err
	}
	temporary, err := os.MkdirTemp(filepath.Dir(out), ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary) //nolint:errcheck // moved away, or half built
	for _, step := range []func(context.Context, string) error{r.functions, r.commands, r.template} {
		if err := step(ctx, temporary); err != nil {
			return err
		}
	}
	if err := WriteSums(temporary); err != nil {
		return err
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.Chmod(temporary, 0o755); err != nil { //nolint:gosec // for everybody
		return err
	}
	return os.Rename(temporary, out)
}

// functions zips each function's bootstrap. The CDK adds a deployment's part of
// the configuration when it deploys; it is no part of a release.
func (r Release) functions(ctx context.Context, out string) error {
	for _, arch := range r.Architectures {
		if err := r.run(ctx, nil, "go", "run", "./cmd/buildfunctions", "-arch", arch); err != nil {
			return err
		}
		built, err := filepath.Glob(filepath.Join(r.Root, "build", "functions", arch, "*", "bootstrap"))
		if err != nil {
			return err
		}
		if len(built) == 0 {
			return fmt.Errorf("no function was built for %s", arch)
		}
		for _, path := range built {
			name := "function-" + filepath.Base(filepath.Dir(path)) + "-" + arch
			if err := r.pack(ctx, filepath.Join(out, name), Entry{"bootstrap", path, 0o755}); err != nil {
				return err
			}
		}
	}
	return nil
}

// commands builds the operator's command, static, with nothing of this machine.
func (r Release) commands(ctx context.Context, out string) error {
	binary := filepath.Join(out, "sitefence")
	defer os.Remove(binary) //nolint:errcheck // zipped, or not built
	for _, p := range r.Platforms {
		if err := r.run(ctx, p.environment(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-o", binary, "./cmd/sitefence"); err != nil {
			return err
		}
		license := Entry{"LICENSE", filepath.Join(r.Root, "LICENSE"), 0o644}
		if err := r.pack(ctx, filepath.Join(out, "sitefence-"+p.OS+"-"+p.Arch), Entry{"sitefence", binary, 0o755}, license); err != nil {
			return err
		}
	}
	return nil
}

// pack writes the archive of a binary and what goes with it, and its bill.
func (r Release) pack(ctx context.Context, path string, binary Entry, more ...Entry) error {
	if err := WriteZip(path+".zip", append([]Entry{binary}, more...)...); err != nil {
		return err
	}
	return r.bill(ctx, binary.Path, path+".cdx.json")
}

// environment fixes what would change a binary. The root module alone: in the
// workspace the CDK app's requirements would choose versions too.
func (p Platform) environment() []string {
	return []string{"GOOS=" + p.OS, "GOARCH=" + p.Arch, "GOAMD64=v1", "GOARM64=v8.0", "CGO_ENABLED=0",
		"GOFLAGS=-mod=readonly", "GOWORK=off", "GOEXPERIMENT=", "GOFIPS140="}
}

// template synthesises the stack of the example configuration, to be read and
// reviewed: account, secrets and names in it are examples.
func (r Release) template(ctx context.Context, out string) error {
	assembly := filepath.Join(out, "assembly")
	defer os.RemoveAll(assembly) //nolint:errcheck // only the template is kept
	if err := r.run(ctx, []string{"CDK_DISABLE_CLI_TELEMETRY=true"}, "npx", "--no-install", "cdk", "synth", "--quiet", "--no-notices",
		"-c", "config=sitefence.example.yaml", "--output", assembly); err != nil {
		return err
	}
	return os.Rename(filepath.Join(assembly, "sitefence.template.json"), filepath.Join(out, "sitefence.template.json"))
}

// run runs a program in the sources' folder and quotes it if it fails.
func (r Release) run(ctx context.Context, env []string, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // the programs named in this package
	cmd.Dir = r.Root
	// Of two entries of a name the later one counts.
	cmd.Env = append(os.Environ(), env...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, bytes.TrimSpace(output))
	}
	return nil
}

// State is what git says of the sources.
type State struct {
	Commit string
	Tags   []string // of that commit
	Dirty  bool
}

func readState(ctx context.Context, root string) (s State, err error) {
	git := func(args ...string) (text string) {
		if err != nil {
			return ""
		}
		cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // fixed arguments
		cmd.Dir = root
		var out []byte
		if out, err = cmd.Output(); err != nil {
			err = fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(out))
	}
	s.Commit = git("rev-parse", "HEAD")
	s.Tags = strings.Fields(git("tag", "--points-at", "HEAD"))
	s.Dirty = git("status", "--porcelain") != ""
	return s, err
}

// Releasable refuses to call something a release that others could not build
// again: its sources are exactly those of its tag. A version in development
// promises nothing.
func (s State) Releasable(version string) error {
	switch {
	case strings.HasSuffix(version, "-dev"):
		return nil
	case s.Dirty:
		return fmt.Errorf("the sources differ from commit %.12s: commit them, or put them away", s.Commit)
	case !slices.Contains(s.Tags, "v"+version):
		return fmt.Errorf("commit %.12s has the tags %v: want v%s, or a version that ends with -dev in internal/release", s.Commit, s.Tags, version)
	}
	return nil
}
