package history_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/awsfake/nights"
	"github.com/sitefence/sitefence/internal/history"
)

var (
	night    = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	machines = history.Machines{Deployment: "main", Guard: nights.Guards, Fence: nights.Fences, Restore: nights.Restores}
)

func at(minutes int) time.Time { return night.Add(time.Duration(minutes) * time.Minute) }

func serve(t *testing.T, runs ...awsfake.Run) (*awsfake.Machines, *sfn.Client) {
	fake := &awsfake.Machines{}
	fake.Put(runs...)
	return fake, sfn.NewFromConfig(awsfake.Serve(t, fake))
}

func list(t *testing.T, client *sfn.Client, q history.Query) []history.Row {
	t.Helper()
	q.Now = at(1000)
	if q.Limit == 0 {
		q.Limit = 20
	}
	rows, err := history.List(t.Context(), client, machines, q)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// lines are the rows in short: when, kind, sites, reason and how long.
func lines(rows []history.Row) (all []string) {
	for _, r := range rows {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s/%s %s %.2f %s", r.When.Format("15:04"), r.Kind, r.Reporter, r.Site, r.Reason, r.Seconds, r.State)))
	}
	return all
}

// everyKind are all kinds of ends; a guard and its fence are one of them.
func everyKind() (runs []awsfake.Run) {
	runs = append(runs, nights.Fenced(at(0), "g-fenced", 1)...)
	runs = append(runs, nights.Healed(at(1), "g-healed"), nights.Paused(at(2), "g-paused"), nights.Undecided(at(3), "g-undecided"))
	runs = append(runs, nights.Rehearsed(at(4), "g-drill", 2)...)
	runs = append(runs, nights.StuckOffline(at(5), "g-stuck", 3)...)
	runs = append(runs, nights.Synced(at(6), "restore-1-1"))
	runs = append(runs, nights.Rejoined(at(7), "rejoin-1-1", 4)...)
	stopped := nights.Waiting(at(8), "g-stopped")
	stopped.Status, stopped.Ended = "ABORTED", at(9)
	return append(runs, stopped, nights.Waiting(at(999), "g-waiting"))
}

func TestListTellsEveryKind(t *testing.T) {
	fake, client := serve(t, everyKind()...)
	fake.SetPage(3)
	want := []string{
		"19:39 waiting site-a/site-b split 60.00 WaitForTheTurn",
		"03:08 failed site-a/site-b split 60.00",
		"03:07 rejoined site-a/site-b already-serving 106.84",
		"03:06 in-sync site-a/site-b  10.70",
		"03:05 failed site-a/site-b bad-credentials 2.31",
		"03:04 rehearsed site-a/site-b site-visible 1.32",
		"03:03 undecided site-a/site-b reporter-unreachable 19.00",
		"03:02 paused site-a/site-b paused 0.30",
		"03:01 ignored site-a/site-b site-visible 15.58",
		"03:00 fenced site-a/site-b split 3.06",
	}
	got := list(t, client, history.Query{})
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if got[1].Error != "aborted" {
		t.Errorf("stopped: error %q, want aborted", got[1].Error)
	}
	fenced := got[len(got)-1]
	update := history.Total{}
	for _, s := range fenced.Steps {
		if s.State == "UpdateAccelerator" {
			update = s
		}
	}
	if want := (history.Total{Machine: "fence", State: "UpdateAccelerator", Seconds: 2, Visits: 1}); update != want {
		t.Errorf("got %+v, want %+v: a try that failed belongs to its state's time", update, want)
	}
	if fenced.Guard != nights.Fenced(at(0), "g-fenced", 1)[0].ARN() || fenced.Fence != nights.Fenced(at(0), "g-fenced", 1)[1].ARN() {
		t.Errorf("guard %s, fence %s", fenced.Guard, fenced.Fence)
	}
}

func TestListIsBounded(t *testing.T) {
	var runs []awsfake.Run
	for i := range 30 {
		runs = append(runs, nights.Fenced(at(i), fmt.Sprintf("g-%d", i), i+1)...)
	}
	fake, client := serve(t, runs...)
	rows := list(t, client, history.Query{Limit: 4})
	if len(rows) != 4 || rows[0].When != at(29) || rows[3].When != at(26) {
		t.Errorf("limit 4: %v", lines(rows))
	}
	// Two lists, then each execution once, and the history of each.
	if calls := len(fake.Calls()); calls > 3+8+8+2 {
		t.Errorf("%d calls for 4 rows", calls)
	}
	if rows = list(t, client, history.Query{Since: at(27)}); len(rows) != 3 || rows[2].When != at(27) {
		t.Errorf("since 03:27: %v", lines(rows))
	}
}

// A fence whose guard is older than the list, and a guard whose fence is, are
// whole nevertheless.
func TestListCompletesAnIncident(t *testing.T) {
	long := nights.Fenced(at(0), "g-old", 1)
	long[1].Started = at(30) // it waited for half an hour to be started, say
	_, client := serve(t, append(long, nights.Healed(at(20), "g-healed"))...)
	rows := list(t, client, history.Query{Limit: 1})
	if len(rows) != 1 || rows[0].Guard != long[0].ARN() || rows[0].When != at(0) {
		t.Errorf("%+v, want the fence with its guard", rows)
	}
}

// A guard's fence is the one that it says it started, whatever another one's input
// says; of a guard that was stopped before it could say so, the one that names it.
func TestListJoinsWhatBelongsTogether(t *testing.T) {
	said := nights.Fenced(at(0), "g-said", 1)
	byHand := nights.Fenced(at(10), "g-said", 9)[1] // names the same guard
	cut := nights.Fenced(at(20), "g-cut", 10)
	cut[0].Status, cut[0].Output = "ABORTED", ""
	_, client := serve(t, append(said, byHand, cut[0], cut[1])...)
	var got []string
	for _, r := range list(t, client, history.Query{}) {
		got = append(got, r.When.Format("15:04")+" "+history.NameOf(r.Guard)+" "+history.NameOf(r.Fence))
	}
	// The row of the one by hand is its guard's too: that is what its input says.
	if diff := cmp.Diff([]string{"03:20 g-cut fence-10", "03:00 g-said fence-9", "03:00 g-said fence-1"}, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// What somebody started by hand, or what has been expired in part, is a row too.
func TestListToleratesTheForeignAndTheBroken(t *testing.T) {
	broken := nights.Fenced(at(1), "g-broken", 2)
	broken[0].Output = `{"outcome":"FenceStarted","fence":"` + nights.Fenced(at(1), "", 99)[1].ARN() + `"}` // is gone
	broken[1].Input = `{"alert": {"startsAt": "yesterday"}, "receivedAt": 7, "reporter": 7, "site": "site-b", "guard": ["no"]}`
	_, client := serve(t,
		awsfake.Run{Machine: nights.Guards, Name: "by-hand", Status: "SUCCEEDED", Started: at(3), Ended: at(3), Input: `[1,2]`, Output: `"done"`},
		awsfake.Run{Machine: nights.Fences, Name: "no json", Status: "FAILED", Started: at(2), Ended: at(2), Input: `}{`, Error: "NotStartedByGuard", Cause: `{"errorMessage"`},
		broken[0], broken[1])
	want := []string{
		"03:03 unknown /  0.00",
		"03:02 failed /  0.00",
		"03:01 fenced /site-b split 2.55",
		"03:01 unknown site-a/site-b split 0.51",
	}
	rows := list(t, client, history.Query{})
	if diff := cmp.Diff(want, lines(rows)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if rows[3].Problem == "" {
		t.Error("the guard whose fence is gone has no problem")
	}
}

// A machine that cannot be listed leaves the rows of the others.
func TestListShowsWhatItCan(t *testing.T) {
	fake, client := serve(t, everyKind()...)
	fake.Add(awsfake.Fault{Status: 400, Code: "AccessDeniedException"})
	rows, err := history.List(t.Context(), client, machines, history.Query{Limit: 20, Now: at(1000)})
	if err == nil || !strings.Contains(err.Error(), "AccessDeniedException") || len(rows) == 0 {
		t.Errorf("%d rows, %v; want some and the error", len(rows), err)
	}
}

// The shape that programs read, by name.
func TestRowAsJSON(t *testing.T) {
	_, client := serve(t, nights.StuckOffline(at(0), "g-stuck", 3)...)
	data, err := json.Marshal(list(t, client, history.Query{})[0])
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"kind": "failed", "reporter": "site-a", "site": "site-b", "reason": "bad-credentials",
		"when": "2026-11-24T03:00:00Z", "error": "Misconfigured", "deployment": "main"} {
		if got[key] != want {
			t.Errorf("%s: got %v, want %v", key, got[key], want)
		}
	}
	// The state in which it failed was never left: it ended when the execution did.
	steps, _ := got["steps"].([]any)
	want := map[string]any{"machine": "fence", "state": "KeepTakingOffline", "seconds": 0.2, "visits": 1.0}
	if len(steps) == 0 || !cmp.Equal(steps[len(steps)-1], any(want)) {
		t.Errorf("steps: %v, want the last to be %v", steps, want)
	}
}
