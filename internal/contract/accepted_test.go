package contract_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sitefence/sitefence/internal/checkhealth"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/takeoffline"
	"github.com/sitefence/sitefence/internal/updateaccelerator"
	"github.com/sitefence/sitefence/internal/wiring"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/world"
)

// inputs are the step inputs among the goldens. The others are outputs, which
// go through the real machines in local/machines.
var inputs = []string{"event", "checkhealth.input", "act.input"}

// accepted is what today's handlers make of the step inputs of each release, the
// bytes as they are: "function, at a time: end". The times in a golden are old:
// at the time of a check its write follows, today the check is stale. A file
// that is not here fails the test.
var accepted = map[string]map[string]string{
	"v1/event.json":                    {"checkhealth": "fence split"},
	"v1/checkhealth.input.json":        {"checkhealth": "fence split"},
	"v1/checkhealth.input.begun.json":  {"checkhealth": "fence split"},
	"v1/event.drill.json":              {"checkhealth": "rehearse split"},
	"v1/event.forced.json":             {"checkhealth": "fence split"},
	"v1/checkhealth.input.drill.json":  {"checkhealth": "rehearse split"},
	"v1/checkhealth.input.forced.json": {"checkhealth": "fence split"},
	"v1/act.input.json": {
		"updateaccelerator":         "Transient stale-check",
		"updateaccelerator at once": "removed 1",
		"takeoffline":               "offline",
	},
	"v1/act.input.repeated.json": {
		"updateaccelerator":         "Transient stale-check",
		"updateaccelerator at once": "removed 1",
		"takeoffline":               "offline",
	},
	"v1/act.input.removed.json": {
		"updateaccelerator":         "Transient stale-check",
		"updateaccelerator at once": "removed 1",
		"takeoffline":               "offline",
	},
	"v1/act.input.forced.json": {
		"updateaccelerator":         "Transient stale-check",
		"updateaccelerator at once": "removed 1",
		"takeoffline":               "offline",
	},
	"v1/act.input.rehearse.json": {
		"updateaccelerator": "planned 1",
		"takeoffline":       "online, dry",
	},
	// The machine gives an ensure to TakeOffline only.
	"v1/act.input.ensure.json": {
		"updateaccelerator at once": "Misconfigured bad-input",
		"takeoffline":               "offline",
	},
}

// elsewhere are the step inputs that the tests of their own functions take.
var elsewhere = []string{"v1/event.rejoin.json", "v1/act.input.rejoin.json"}

// TestReleasesAreAccepted: a running or redriven execution of an earlier release
// calls today's functions with what it knew then.
func TestReleasesAreAccepted(t *testing.T) {
	files, err := filepath.Glob("testdata/v*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	left := len(accepted)
	for _, file := range files {
		name, err := filepath.Rel("testdata", file)
		if err != nil {
			t.Fatal(err)
		}
		isInput := slices.ContainsFunc(inputs, func(kind string) bool { return strings.HasPrefix(filepath.Base(file), kind+".") })
		if !isInput || slices.Contains(elsewhere, filepath.ToSlash(name)) {
			continue
		}
		want := accepted[filepath.ToSlash(name)]
		if len(want) == 0 {
			t.Errorf("%s is exercised by nothing: add it to the table", name)
			continue
		}
		left--
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for how, end := range want {
			t.Run(name+", "+how, func(t *testing.T) {
				if got := step(t, how, raw); got != end {
					t.Errorf("ended %q, want %q", got, end)
				}
			})
		}
	}
	if left != 0 {
		t.Errorf("%d files of the table are gone: goldens stay", left)
	}
}

// step gives the bytes to a real handler in a world whose names are the golden's
// and whose link is cut, and says how it ended.
func step(t *testing.T, how string, raw []byte) string {
	t.Helper()
	// Not the contract's own type, which might misread it.
	var golden struct {
		Deployment, Accelerator, Execution string
		CheckedAt                          time.Time
	}
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	layout := []ga.Listener(nil) // both sites
	if how == "takeoffline" {
		layout = []ga.Listener{ga.NewListener(443, ga.NewGroup(world.Region, ga.NewEndpoint(world.LB(world.SiteA))))}
	}
	w := world.New(t, layout...)
	w.Config.Name, w.Config.Accelerator.DNSNames = golden.Deployment, []string{golden.Accelerator}
	if golden.Execution != "" {
		w.States.Start(golden.Execution)
	}
	if err := w.Infinispan.CutLink(t.Context()); err != nil {
		t.Fatal(err)
	}
	function := w.Function()
	switch name, when, _ := strings.Cut(how, " "); name {
	case "checkhealth":
		return end(t, checkhealth.New, function, raw, nil, func(c contract.Check) string {
			return string(c.Decision) + " " + string(c.Reason)
		})
	case "updateaccelerator":
		got := end(t, updateaccelerator.New, function, raw, func(h *updateaccelerator.Handler) {
			if when == "at once" {
				h.Now = func() time.Time { return golden.CheckedAt.Add(time.Second) }
			}
		}, func(u contract.Update) string {
			if u.DryRun {
				return fmt.Sprintf("planned %d", len(u.Planned))
			}
			return fmt.Sprintf("removed %d", len(u.Removed))
		})
		if written := !w.Present(world.SiteB); written != strings.HasPrefix(got, "removed") {
			t.Errorf("site-b is gone: %v, but it ended %s", written, got)
		}
		return got
	case "takeoffline":
		return end(t, takeoffline.New, function, raw, nil, func(o contract.Offline) string {
			if o.DryRun {
				return o.Backup + ", dry"
			}
			return o.Backup
		})
	default:
		t.Fatalf("no function %q", name)
		return ""
	}
}

// end builds a handler, serves it the bytes as its main does, and words what
// came of it.
func end[H wiring.Handler[In, Out], In, Out any](t *testing.T, build func(wiring.Function) (H, error), function wiring.Function,
	raw []byte, change func(*H), words func(Out) string,
) string {
	t.Helper()
	h, err := build(function)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&h)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := wiring.Step(h.Handle)(ctx, raw)
	if err != nil {
		return reflect.TypeOf(err).Elem().Name() + " " + string(contract.ReasonOf(err))
	}
	return words(out)
}
