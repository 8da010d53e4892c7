package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sitefence/sitefence/internal/history"
	"github.com/sitefence/sitefence/internal/screen"
)

// teller shows what an execution is doing: on a terminal one line with the time,
// elsewhere a line for each state, for JSON nothing.
type teller struct {
	screen *screen.Screen
	usual  string // how long it usually takes
	began  time.Time

	mu    sync.Mutex // the clock ticks in a goroutine of its own
	doing string
	shown map[string]bool // what has had its line already: loops would have hundreds
	ended chan struct{}
	wait  sync.WaitGroup
}

func newTeller(s *screen.Screen, usual string) *teller {
	t := &teller{screen: s, usual: usual, began: time.Now(), doing: "waiting", shown: map[string]bool{}, ended: make(chan struct{})}
	if s.Terminal {
		t.wait.Go(func() {
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					t.mu.Lock()
					t.draw()
					t.mu.Unlock()
				case <-t.ended:
					return
				}
			}
		})
	}
	return t
}

// event shows the state that was entered, if it is one that takes time, and what
// goes wrong on the way.
func (t *teller) event(e history.Event) {
	doing, worth := words[e.State]
	switch {
	case e.Kind == history.Failed:
		t.show("%s: a try failed: %.300s", wording(e.State), history.Said(e.Cause))
	case e.Kind == history.Entered && worth:
		t.show("%s", doing)
	}
}

// show is what is being done now.
func (t *teller) show(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	doing := fmt.Sprintf(format, args...)
	// How far it is stays there while the next step of the same begins.
	if strings.HasPrefix(t.doing, doing) {
		return
	}
	t.doing = doing
	if !t.screen.Terminal && !t.screen.JSON && !t.shown[doing] {
		t.shown[doing] = true
		_ = t.screen.Line("%6s  %s", elapsed(t.began), doing)
	}
	t.draw()
}

// lines are written above the terminal's line, for good.
func (t *teller) lines(lines ...string) {
	if t.screen.JSON {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.screen.Progress("")
	for _, l := range lines {
		_ = t.screen.Line("%s", l)
	}
	t.draw()
}

func (t *teller) draw() {
	_ = t.screen.Progress("%6s  %s  (usually %s)", elapsed(t.began), t.doing, t.usual)
}

// end leaves the terminal's line empty.
func (t *teller) end() {
	close(t.ended)
	t.wait.Wait()
	_ = t.screen.Progress("")
}

func elapsed(since time.Time) string { return time.Since(since).Round(time.Second).String() }

// wording is a state's name as a person would say it.
func wording(state string) string {
	if w, ok := words[state]; ok {
		return w
	}
	return state
}

// words are the states that take time; the others pass in a moment.
var words = map[string]string{
	"CheckHealth":         "looking at both sites",
	"WaitToRecheck":       "waiting to look again",
	"YieldToPreferred":    "waiting for the preferred site's own report",
	"FindNewestFence":     "taking its turn",
	"LookForRunningFence": "taking its turn", // of an earlier release, whose guards may still run
	"WaitForTheTurn":      "waiting for its turn: another fence runs",
	"UpdateAccelerator":   "taking the site out of the accelerator",
	"TakeOffline":         "stopping replication to the site",
	"KeepTakingOffline":   "still stopping replication to the site",
	"RehearseUpdate":      "rehearsing: what would be taken out of the accelerator",
	"RehearseOffline":     "rehearsing: what would stop replicating",
	"Check":               "checking, several times for a settling time",
	"Settle":              "checking, several times for a settling time",
	"Clear":               "emptying the fenced site's caches",
	"Push":                "starting the transfer from the survivor",
	"Progress":            "transferring",
	"WaitForPush":         "transferring",
	"Finish":              "proving that replication is online in both directions",
	"AwaitKeycloak":       "waiting until Keycloak at the site is healthy",
	"AskForTheTurn":       "asking for the turn to rejoin",
	"WaitOutOlderSteps":   "waiting out whatever an older execution may still do",
	"PutBack":             "putting the site back into the accelerator",
	"WaitToDeploy":        "waiting until the accelerator has deployed and finds the site healthy",
	"Undo":                "stopping replication to the site again",
}
