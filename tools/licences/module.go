package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// Product is one thing that is shipped: packages of the module in Dir.
type Product struct {
	Dir      string
	Patterns []string
	Systems  []string // GOOS
}

// Module is a module of which something is shipped.
type Module struct {
	Path, Version, Dir string
	// Folders are those of the packages in use, below Dir: a part that was taken
	// from elsewhere has its own licence beside it.
	Folders []string
}

// Name is the module's path and version.
func (m Module) Name() string { return strings.TrimSpace(m.Path + " " + m.Version) }

// Modules adds those that the product is made of, but for Sitefence's own.
func (p Product) Modules(ctx context.Context, into map[string]Module) error {
	for _, system := range p.Systems {
		args := append([]string{"list", "-deps", "-json=Dir,Standard,Module"}, p.Patterns...)
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = p.Dir
		// Each module as it is built and imported: by itself.
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOOS="+system, "GOARCH=arm64", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly")
		var problem bytes.Buffer
		cmd.Stderr = &problem
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("listing the packages of %s: %w\n%s", p.Dir, err, bytes.TrimSpace(problem.Bytes()))
		}
		if err := addModules(out, into); err != nil {
			return fmt.Errorf("listing the packages of %s: %w", p.Dir, err)
		}
	}
	return nil
}

// own are the modules of this repository, which have its licence.
var own = regexp.MustCompile(`^github\.com/sitefence/sitefence(/|$)`)

func addModules(list []byte, into map[string]Module) error {
	decoder := json.NewDecoder(bytes.NewReader(list))
	for {
		var p struct {
			Dir      string
			Standard bool
			Module   *struct{ Path, Version, Dir string }
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if p.Standard { // Go's own library: BSD-3-Clause
			continue
		}
		if p.Module == nil {
			return fmt.Errorf("%s is of no module", p.Dir)
		}
		if own.MatchString(p.Module.Path) {
			continue
		}
		key := p.Module.Path + "@" + p.Module.Version
		m, ok := into[key]
		if !ok {
			m = Module{Path: p.Module.Path, Version: p.Module.Version, Dir: p.Module.Dir}
		}
		if !slices.Contains(m.Folders, p.Dir) {
			m.Folders = append(m.Folders, p.Dir)
		}
		into[key] = m
	}
}

var licenceFile = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying)([.-].*)?$`)

// Licences are the SPDX identifiers of all the texts that apply: those in the
// module's root, which must be there, and those beside or above a package in use.
func (m Module) Licences(a Allowed) ([]string, error) {
	seen := map[string]bool{}
	var ids []string
	for _, folder := range append([]string{m.Dir}, m.Folders...) {
		for dir := folder; !seen[dir]; dir = filepath.Dir(dir) {
			seen[dir] = true
			found, err := m.licencesIn(dir, a)
			if err != nil {
				return nil, err
			}
			if dir == m.Dir && len(found) == 0 {
				return nil, errors.New("no licence file")
			}
			ids = append(ids, found...)
			if dir == m.Dir {
				break
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (m Module) licencesIn(dir string, a Allowed) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		// A package may have a name like a licence's: only text counts.
		if e.IsDir() || !licenceFile.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" || a.skip(m.Path, e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		found, err := recognise(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		ids = append(ids, found...)
	}
	return ids, nil
}

// unknown is how many percent of a licence file may be something else: a list of
// authors, or a word on which part has which licence. Any clause is more.
const unknown = 25

func recognise(text []byte) ([]string, error) {
	coverage := licensecheck.Scan(text)
	if coverage.Percent < 100-unknown || len(coverage.Match) == 0 {
		return nil, fmt.Errorf("not recognised: %.0f%% of it is the text of a licence that is known", coverage.Percent)
	}
	var ids []string
	for _, match := range coverage.Match {
		ids = append(ids, match.ID)
	}
	return ids, nil
}
