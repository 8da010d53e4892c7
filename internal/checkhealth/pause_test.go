package checkhealth

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/awsfake"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/pause"
	"github.com/sitefence/sitefence/local/world"
)

// value is a pause of an hour that began now.
func value(t *testing.T, until time.Duration) string {
	t.Helper()
	now := time.Now().UTC()
	data, err := json.Marshal(contract.Pause{Reason: "maintenance", By: "alice", Since: now.Add(-time.Minute), Until: now.Add(until)})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestPause: a pause holds back the first write and is in the evidence; a broken
// switch holds back nothing and is counted.
func TestPause(t *testing.T) {
	for name, tc := range map[string]struct {
		value  string
		fault  awsfake.Fault
		change func(*contract.CheckInput)
		want   string // decision, reason
		broken bool
	}{
		"paused":               {value: value(t, time.Hour), want: "ignore paused"},
		"paused, begun":        {value: value(t, time.Hour), change: func(in *contract.CheckInput) { in.Begun = true }, want: "fence split"},
		"paused, a drill":      {value: value(t, time.Hour), change: func(in *contract.CheckInput) { in.DryRun = true }, want: "ignore paused"},
		"paused, forced":       {value: value(t, time.Hour), change: force, want: "fence split"},
		"over":                 {value: value(t, -time.Second), want: "fence split"},
		"nothing":              {value: "{}", want: "fence split"},
		"a drill":              {value: "{}", change: func(in *contract.CheckInput) { in.DryRun = true }, want: "rehearse split"},
		"malformed":            {value: "on", want: "fence split", broken: true},
		"malformed by a brace": {value: value(t, time.Hour) + "}", want: "fence split", broken: true},
		"longer than a day":    {value: value(t, 25*time.Hour), want: "fence split", broken: true},
		"missing":              {fault: awsfake.Fault{Status: 400, Code: "ParameterNotFound"}, want: "fence split", broken: true},
		"unreadable":           {value: value(t, time.Hour), fault: awsfake.Fault{Status: 400, Code: "AccessDeniedException"}, want: "fence split", broken: true},
		"throttled":            {value: value(t, time.Hour), fault: awsfake.Fault{Status: 400, Code: "ThrottlingException"}, want: "fence split", broken: true},
		"cut":                  {value: value(t, time.Hour), fault: awsfake.Fault{Cut: true}, want: "fence split", broken: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.New(t)
			if err := w.Infinispan.CutLink(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.Parameters.Set(world.Pause, tc.value)
			w.Parameters.Add(tc.fault)
			h, log := handler(t, w)
			in := input(w)
			if tc.change != nil {
				tc.change(&in)
			}
			got, err := h.Handle(t.Context(), in)
			if err != nil || string(got.Decision)+" "+string(got.Reason) != tc.want {
				t.Fatalf("got %s %s, %v; want %s", got.Decision, got.Reason, err, tc.want)
			}
			held := strings.HasPrefix(tc.value, `{"reason"`) && !tc.broken && name != "over"
			if (got.Evidence.Pause != nil) != held {
				t.Errorf("the evidence has %v", got.Evidence.Pause)
			}
			counted := strings.Contains(log.String(), `"level":"ERROR"`) && strings.Contains(log.String(), `"BrokenPauses":1`) &&
				strings.Contains(log.String(), `"_aws":{`)
			if counted != tc.broken {
				t.Errorf("counted as broken: %t: %s", counted, log)
			}
			if said := strings.Contains(log.String(), `"msg":"paused"`) && strings.Contains(log.String(), `"PausedReports":1`); said != (tc.want == "ignore paused") {
				t.Errorf("the log says paused: %t: %s", said, log)
			}
			if n := len(w.Parameters.Calls()); n != 1 {
				t.Errorf("the parameter was read %d times", n)
			}
		})
	}
}

func force(in *contract.CheckInput) {
	in.Forced, in.Order = true, &contract.Order{By: "alice", Reason: "maintenance"}
}

// slow is a read that takes its time.
type slow time.Duration

func (s slow) Read(context.Context) (accelerator.State, error) {
	time.Sleep(time.Duration(s))
	return one(endpoint(siteA), endpoint(siteB)), nil
}

type hung struct{}

func (hung) Read(ctx context.Context, _ time.Time) (*contract.Pause, error) {
	ctx, cancel := context.WithTimeout(ctx, pause.Timeout)
	defer cancel()
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestPauseDelaysNothing: the switch is read beside the rest. One that hangs
// costs its own two seconds at most, and nothing where the rest takes longer.
func TestPauseDelaysNothing(t *testing.T) {
	w := world.New(t)
	h, _ := handler(t, w)
	event := w.Event()
	synctest.Test(t, func(t *testing.T) {
		h.Clusters, h.Pauses, h.Now = nil, hung{}, time.Now
		event.ReceivedAt = time.Now()
		for rest, want := range map[time.Duration]time.Duration{0: pause.Timeout, time.Second: pause.Timeout, 5 * time.Second: 5 * time.Second} {
			h.Accelerator = slow(rest)
			began := time.Now()
			got, err := h.Handle(t.Context(), contract.CheckInput{Event: event})
			if err != nil || got.Decision != contract.Fence || time.Since(began) != want {
				t.Errorf("beside reads of %s: %s, %v after %s, want a fence after %s", rest, got.Decision, err, time.Since(began), want)
			}
		}
	})
}
