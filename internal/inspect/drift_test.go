package inspect_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/inspect"
	"github.com/sitefence/sitefence/internal/leak"
	"github.com/sitefence/sitefence/internal/wiring"
	ga "github.com/sitefence/sitefence/local/globalaccelerator"
	"github.com/sitefence/sitefence/local/infinispan"
	"github.com/sitefence/sitefence/local/world"
)

// line is what a check logs, as CloudWatch and as a reader see it.
type line struct {
	Message      string
	Deployment   string
	FunctionName string
	Drift        int
	OneSiteLeft  int
	Findings     []contract.DriftFinding
	Running      []contract.Execution
	Pause        *contract.Pause
	AWS          struct {
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	} `json:"_aws"`
}

// check is one check of the schedule, from its input's bytes; it returns the
// answer and the lines.
func check(t *testing.T, h inspect.Handler) (contract.Inspection, []line) {
	t.Helper()
	function := lambdacontext.FunctionName
	lambdacontext.FunctionName = "inspect-1"
	defer func() { lambdacontext.FunctionName = function }()
	var log bytes.Buffer
	h.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.MessageKey {
			a.Key = "message" // as lambdacontext's logger
		}
		return a
	}}))
	got, err := wiring.Step(h.Handle)(t.Context(), json.RawMessage(`{"version":"1","deployment":"kc","drift":true}`))
	if err != nil {
		t.Fatal(err)
	}
	leak.Check(t, log.String(), world.Password)
	var lines []line
	for raw := range strings.Lines(log.String()) {
		var l line
		if err := json.Unmarshal([]byte(raw), &l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return got, lines
}

// reasons are the findings of a check in short; it fails for a line that is not
// a metric of them, as CloudWatch reads it.
func reasons(t *testing.T, lines []line) (drifted, oneLeft []string) {
	t.Helper()
	for _, l := range lines {
		var got []string
		for _, f := range l.Findings {
			got = append(got, strings.TrimSpace(string(f.Reason)+" "+string(f.Site)))
		}
		if len(l.AWS.CloudWatchMetrics) != 1 {
			if len(got) > 0 || l.Message != "no drift" {
				t.Errorf("no metric: %+v", l)
			}
			continue
		}
		m := l.AWS.CloudWatchMetrics[0]
		if m.Namespace != "Sitefence" || len(m.Metrics) != 1 || l.FunctionName != "inspect-1" || !cmp.Equal(m.Dimensions, [][]string{{"FunctionName"}}) || l.Deployment != "kc" {
			t.Errorf("metric %+v of %q", m, l.FunctionName)
		}
		switch {
		case m.Metrics[0].Name == "Drift" && l.Drift == len(got):
			drifted = append(drifted, got...)
		case m.Metrics[0].Name == "OneSiteLeft" && l.OneSiteLeft == 1:
			oneLeft = append(oneLeft, got...)
		default:
			t.Errorf("%+v", l)
		}
	}
	return drifted, oneLeft
}

// TestCheck: the schedule's check over the real wiring, through a fence, what
// may go wrong after it, and the way back. It changes nothing.
func TestCheck(t *testing.T) {
	offline := func(from, to string) func(*testing.T, *world.World) {
		return func(t *testing.T, w *world.World) {
			if err := w.Infinispan.TakeOffline(t.Context(), from, to); err != nil {
				t.Fatal(err)
			}
		}
	}
	fenced := func(_ *testing.T, w *world.World) { w.Fenced() }
	runs := func(machine string) func(*testing.T, *world.World) {
		return func(_ *testing.T, w *world.World) { w.States.Run("kc-"+machine, "x", "RUNNING") }
	}
	for name, tc := range map[string]struct {
		steps            []func(*testing.T, *world.World)
		drifted, oneLeft []string
	}{
		"as it should be":     {},
		"a fence under way":   {steps: []func(*testing.T, *world.World){fenced, runs("fence")}, oneLeft: []string{"one-site-left site-a"}},
		"a restore under way": {steps: []func(*testing.T, *world.World){fenced, runs("restore")}, oneLeft: []string{"one-site-left site-a"}},
		"fenced":              {steps: []func(*testing.T, *world.World){fenced, offline("site-a", "site-b")}, oneLeft: []string{"one-site-left site-a"}},
		"fenced and dead": {steps: []func(*testing.T, *world.World){fenced, offline("site-a", "site-b"),
			func(_ *testing.T, w *world.World) { w.Infinispan.StopListening("site-b") }}, oneLeft: []string{"one-site-left site-a"}},
		"half fenced, and nothing runs": {steps: []func(*testing.T, *world.World){fenced},
			drifted: []string{"replicates-to-absent-site site-b"}, oneLeft: []string{"one-site-left site-a"}},
		"put back":                {steps: []func(*testing.T, *world.World){offline("site-a", "site-b")}, drifted: []string{"fenced-site-back site-b"}},
		"put back, the other way": {steps: []func(*testing.T, *world.World){offline("site-b", "site-a")}, drifted: []string{"fenced-site-back site-a"}},
		"untagged":                {steps: []func(*testing.T, *world.World){func(_ *testing.T, w *world.World) { w.Balancers.Put(world.LB(siteB), nil) }}, drifted: []string{"untagged-endpoint"}},
		"tagged as another's":     {steps: []func(*testing.T, *world.World){func(_ *testing.T, w *world.World) { w.Balancers.Put(world.LB(siteB), map[string]string{"site": "x"}) }}, drifted: []string{"untagged-endpoint"}},
		"accelerator gone":        {steps: []func(*testing.T, *world.World){func(_ *testing.T, w *world.World) { w.Config.Accelerator.ARN += "f" }}, drifted: []string{"accelerator-not-found"}},
		"rule disabled":           {steps: []func(*testing.T, *world.World){func(_ *testing.T, w *world.World) { w.Rules.Set(world.Bus, world.Rule, "DISABLED") }}, drifted: []string{"rule-disabled"}},
		"rule gone":               {steps: []func(*testing.T, *world.World){func(_ *testing.T, w *world.World) { w.Rules.Set(world.Bus, world.Rule, "") }}, drifted: []string{"rule-disabled"}},
		"rule denied": {steps: []func(*testing.T, *world.World){func(_ *testing.T, w *world.World) {
			w.Rules.Add(awsfake.Fault{Status: 400, Code: "AccessDeniedException"})
		}}, drifted: []string{"cannot-look"}},
		"rule without a state": {steps: []func(*testing.T, *world.World){func(_ *testing.T, w *world.World) { w.Rules.Add(awsfake.Fault{Body: "{}"}) }}, drifted: []string{"cannot-look"}},
		"one list of what runs fails": {steps: []func(*testing.T, *world.World){func(_ *testing.T, w *world.World) {
			w.States.Add(awsfake.Fault{Status: 400, Code: "AccessDeniedException"})
		}}, drifted: []string{"cannot-look"}},
		"pause malformed":          {steps: []func(*testing.T, *world.World){func(_ *testing.T, w *world.World) { w.Parameters.Set(world.Pause, "x") }}, drifted: []string{"cannot-look"}},
		"a serving site is silent": {steps: []func(*testing.T, *world.World){func(_ *testing.T, w *world.World) { w.Infinispan.StopListening("site-b") }}, drifted: []string{"cannot-look site-b"}},
		"accelerator denied": {steps: []func(*testing.T, *world.World){func(_ *testing.T, w *world.World) {
			w.Accelerator.Inject(ga.Fault{Operation: ga.ListListeners, Effect: ga.Fail(ga.AccessDeniedException)})
		}}, drifted: []string{"cannot-look"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.New(t)
			for _, step := range tc.steps {
				step(t, w)
			}
			before := len(w.Changes(siteA)) + len(w.Changes(siteB))
			got, lines := check(t, handler(t, w))
			drifted, oneLeft := reasons(t, lines)
			if diff := cmp.Diff(tc.drifted, drifted); diff != "" {
				t.Errorf("drift (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.oneLeft, oneLeft); diff != "" {
				t.Errorf("one site left (-want +got):\n%s", diff)
			}
			if len(got.Drift) != len(drifted)+len(oneLeft) {
				t.Errorf("answered %+v", got.Drift)
			}
			if len(tc.drifted)+len(tc.oneLeft) == 0 && len(lines) != 1 {
				t.Errorf("%d lines for nothing", len(lines))
			}
			if w.Writes()+len(w.Changes(siteA))+len(w.Changes(siteB)) != before {
				t.Error("a check changed something")
			}
		})
	}
}

// TestCheckIsCheap: what drift is not judged by is not read, and a password only
// once, however many checks there are in its hour.
func TestCheckIsCheap(t *testing.T) {
	w := world.New(t)
	h := handler(t, w)
	for range 3 {
		if got, lines := check(t, h); len(got.Drift) > 0 || len(lines) != 1 || got.Sites[0].Targets != nil {
			t.Errorf("got %+v, %+v", got.Drift, lines)
		}
	}
	if n := len(w.Secrets.Calls()); n != 2 {
		t.Errorf("%d reads of two secrets in three checks", n)
	}
	for _, c := range w.Infinispan.Calls("site-a") {
		if strings.Contains(c.Target, "/caches") {
			t.Errorf("%s was asked", c.Target)
		}
	}
}

// TestRotatedPassword: a password that is kept is read again when it is refused.
func TestRotatedPassword(t *testing.T) {
	w := world.New(t)
	h := handler(t, w)
	check(t, h)
	w.Infinispan.Inject("site-a", infinispan.Fault{Do: infinispan.Answer(401), Times: 1})
	if got, _ := check(t, h); len(got.Drift) > 0 {
		t.Errorf("got %+v", got.Drift)
	}
	if n := len(w.Secrets.Calls()); n != 3 {
		t.Errorf("%d reads, want one more after the 401", n)
	}
}

// TestPeopleCountNothing: an inspection tells of drift, and only the schedule's
// checks are counted.
func TestPeopleCountNothing(t *testing.T) {
	w := world.New(t)
	w.Fenced()
	h := handler(t, w)
	var log bytes.Buffer
	h.Log = slog.New(slog.NewJSONHandler(&log, nil))
	got, err := h.Handle(t.Context(), contract.InspectInput{Version: "1", Deployment: world.Deployment})
	if err != nil || len(got.Drift) != 2 {
		t.Errorf("got %+v, %v", got.Drift, err)
	}
	if strings.Contains(log.String(), "_aws") {
		t.Errorf("counted: %s", log.String())
	}
}

// TestPauseIsTold beside what was found: who reads the line may have paused.
func TestPauseIsTold(t *testing.T) {
	w := world.New(t)
	w.Fenced()
	h := handler(t, w)
	h.Pauses = pauses(func() (*contract.Pause, error) {
		return &contract.Pause{Reason: "patching", By: "ann", Since: noon, Until: noon.Add(time.Hour)}, nil
	})
	_, lines := check(t, h)
	if len(lines) != 2 || lines[0].Pause == nil || lines[0].Pause.By != "ann" {
		t.Errorf("got %+v", lines)
	}
}
