package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Allowed is what allowed.txt says.
type Allowed struct {
	IDs map[string]bool // SPDX identifiers
	// NoLicence are files that have a licence's name only: MODULE/FILE. A file
	// that was met is true.
	NoLicence map[string]bool
}

// ReadAllowed reads one entry a line; # begins a comment. An entry with a slash
// is a file that is no licence.
func ReadAllowed(file string) (Allowed, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Allowed{}, err
	}
	a := Allowed{map[string]bool{}, map[string]bool{}}
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		switch entry := strings.TrimSpace(line); {
		case entry == "":
		case strings.Contains(entry, "/"):
			a.NoLicence[entry] = false
		default:
			a.IDs[entry] = true
		}
	}
	return a, nil
}

// Check says which of the licences is not allowed. All apply, so all must be.
func (a Allowed) Check(ids []string) error {
	if len(ids) == 0 {
		return errors.New("no licence")
	}
	for _, id := range ids {
		if !a.IDs[id] {
			return fmt.Errorf("%s is not allowed", id)
		}
	}
	return nil
}

// skip tells whether a file of a module is no licence, and remembers it.
func (a Allowed) skip(module, file string) bool {
	name := module + "/" + file
	if _, ok := a.NoLicence[name]; !ok {
		return false
	}
	a.NoLicence[name] = true
	return true
}

// Unused are the entries for files that were not there.
func (a Allowed) Unused() []string {
	var unused []string
	for name, met := range a.NoLicence {
		if !met {
			unused = append(unused, name)
		}
	}
	return unused
}
