package machines_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const goldens = "../../internal/contract/testdata"

// released is what the real machines make of what the functions of each release
// answered, and of its event. A file that is not here fails the test.
var released = map[string]struct {
	run   func(s *scene, golden json.RawMessage) ended
	last  string
	calls string
}{
	"v1/event.json":                            {asEvent, "FenceStarted", "check"},
	"v1/checkhealth.output.fence.json":         {asCheck, "Fenced", "check update offline"},
	"v1/checkhealth.output.no-infinispan.json": {asCheck, "Fenced", "check update offline"},
	"v1/checkhealth.output.ignore.json":        {asCheck, "Ignored", "check"},
	"v1/checkhealth.output.recheck.json":       {asCheck, "Undecided", "check*4"},
	"v1/updateaccelerator.output.json":         {asUpdate, "Fenced", "check update offline"},
	"v1/updateaccelerator.output.nothing.json": {asUpdate, "Fenced", "check update offline"},
	"v1/takeoffline.output.json":               {asOffline, "Fenced", "check update offline"},
	"v1/takeoffline.output.no-infinispan.json": {asOffline, "Fenced", "check update offline"},

	"v1/event.drill.json":                      {asEvent, "FenceStarted", "check"},
	"v1/event.forced.json":                     {asEvent, "FenceStarted", "check"},
	"v1/event.rejoin.json":                     {asEvent, "FenceStarted", "check"},
	"v1/checkhealth.output.yield.json":         {asCheck, "Fenced", "check update offline"},
	"v1/checkhealth.output.forced.json":        {asCheck, "Fenced", "check update offline"},
	"v1/checkhealth.output.paused.json":        {asCheck, "Paused", "check"},
	"v1/checkhealth.output.rehearse.json":      {asDrill, "Rehearsed", "check update offline"},
	"v1/updateaccelerator.output.planned.json": {asPlan, "Rehearsed", "check update offline"},
	"v1/takeoffline.output.planned.json":       {asOfflinePlan, "Rehearsed", "check update offline"},
}

// elsewhere are outputs of functions that the restore machine calls or nobody
// does, those of a rejoin, which goes on until the site is back, and what the
// machines themselves put on the bus.
var elsewhere = []string{"news.", "pause.json", "resync.output.", "inspect.output.", "checkhealth.output.rejoin.", "updateaccelerator.output.added."}

func asEvent(s *scene, golden json.RawMessage) ended {
	var in object
	s.must(json.Unmarshal(golden, &in))
	s.set(check, s.split())
	// The scenario is known by its deployment; all else is the golden's.
	return s.run(s.guard(s.machine(passes)), "", in.with("deployment", s.id))
}

func asCheck(s *scene, golden json.RawMessage) ended {
	s.set(check, answer(golden))
	s.set(update, updated)
	s.set(offline, taken)
	return s.run(s.fence(), "fence-7", s.fenceInput())
}

func asDrill(s *scene, golden json.RawMessage) ended {
	s.set(check, answer(golden))
	s.set(update, planned)
	s.set(offline, offlinePlanned)
	return s.run(s.fence(), "fence-7", s.fenceInput().with("dryRun", true))
}

func asPlan(s *scene, golden json.RawMessage) ended {
	s.set(check, s.rehearsal())
	s.set(update, answer(golden))
	s.set(offline, offlinePlanned)
	return s.run(s.fence(), "fence-7", s.fenceInput().with("dryRun", true))
}

func asOfflinePlan(s *scene, golden json.RawMessage) ended {
	s.set(check, s.rehearsal())
	s.set(update, planned)
	s.set(offline, answer(golden))
	return s.run(s.fence(), "fence-7", s.fenceInput().with("dryRun", true))
}

func asUpdate(s *scene, golden json.RawMessage) ended {
	s.set(check, s.split())
	s.set(update, answer(golden))
	s.set(offline, taken)
	return s.run(s.fence(), "fence-7", s.fenceInput())
}

func asOffline(s *scene, golden json.RawMessage) ended {
	s.set(check, s.split())
	s.set(update, updated)
	s.set(offline, answer(golden))
	return s.run(s.fence(), "fence-7", s.fenceInput())
}

// TestReleasesPassTheMachines: what the functions and the event of an earlier
// release say means the same to today's machines, and what these give to the
// acting functions is valid today.
func TestReleasesPassTheMachines(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(goldens, "v*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d goldens, %v", len(files), err)
	}
	left := len(released)
	for _, file := range files {
		name, err := filepath.Rel(goldens, file)
		if err != nil {
			t.Fatal(err)
		}
		there := func(part string) bool { return strings.Contains(name, part) }
		if there(".input.") || slices.ContainsFunc(elsewhere, there) {
			continue // of the functions: internal/contract
		}
		tc, ok := released[filepath.ToSlash(name)]
		if !ok {
			t.Errorf("%s passes through no machine: add it to the table", name)
			continue
		}
		left--
		golden, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			e := tc.run(s, golden)
			s.wantEnd(e, tc.last, tc.last)
			s.wantCalls(tc.calls)
			s.payloads(update)
			s.payloads(offline)
		})
	}
	if left != 0 {
		t.Errorf("%d files of the table are gone: goldens stay", left)
	}
}
