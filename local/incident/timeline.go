package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Moment is one step of an outage, as the survivor had it.
type Moment struct {
	Name string
	At   time.Time
	Note string // where the time comes from, or what was seen
}

// The moments of a timeline, in order of cause and effect but for the last two:
// writes may work a moment before the machine has noted that replication is
// offline.
const (
	MomentCut     = "cut"
	MomentBlind   = "metric 0"
	MomentScraped = "scraped"
	MomentPending = "alert pending" // not with a rule that waits for nothing
	MomentFiring  = "alert firing"
	MomentWebhook = "webhook"
	MomentGuard   = "guard"
	MomentFence   = "fence"
	MomentWritten = "accelerator written"
	MomentOffline = "replication offline"
	MomentWorking = "first working write"
)

// alerts are the rule's own samples, one an evaluation.
const alerts = `ALERTS{alertname="SiteOffline",alertstate=%q,site=%q}`

// Timeline tells when each step of the outage that ended with the fence happened.
func (w *World) Timeline(ctx context.Context, fence Fence) ([]Moment, error) {
	m := w.monitors[fence.Survivor]
	cut := w.outage.at
	line := []Moment{{MomentCut, cut, w.outage.what}}
	var errs []error
	add := func(name string, at time.Time, err error, note string) {
		if err != nil || at.IsZero() {
			errs = append(errs, fmt.Errorf("the timeline has no %q: %w", name, errors.Join(err, errors.New("never seen"))))
			return
		}
		line = append(line, Moment{name, at, note})
	}
	add(MomentBlind, w.outage.blind[fence.Survivor], nil, "Infinispan at "+fence.Survivor+" lost sight of "+fence.Lost)
	at, err := m.first(ctx, fmt.Sprintf(metric, fence.Lost), 0, cut)
	add(MomentScraped, at, err, "first sample of 0 in the Prometheus of "+fence.Survivor)
	if w.opt.Timing.For > 0 {
		at, err = m.first(ctx, fmt.Sprintf(alerts, "pending", fence.Lost), 1, cut)
		add(MomentPending, at, err, "the rule's first evaluation with it")
	}
	// By the alert's own word: a Prometheus that was started lately stores no sample
	// of an alert's first evaluations.
	var event struct {
		ReceivedAt time.Time
		Alert      struct{ StartsAt time.Time }
	}
	err = json.Unmarshal([]byte(fence.Guard.Input), &event)
	add(MomentFiring, event.Alert.StartsAt, err, "the rule, after "+w.opt.Timing.For.String())
	add(MomentWebhook, event.ReceivedAt, err, "Alertmanager posted, the ingest function took it")
	add(MomentGuard, fence.Guard.Started, nil, "the bus started it")
	add(MomentFence, fence.Execution.Started, nil, "the guard started "+fence.Execution.Name)
	if writes := w.writes(); len(writes) > 0 {
		add(MomentWritten, writes[0].At, nil, fence.Lost+" is out")
	} else {
		add(MomentWritten, time.Time{}, nil, "")
	}
	at, err = w.offline(ctx, fence)
	add(MomentOffline, at, err, "from "+fence.Survivor+" to "+fence.Lost)
	at, _ = w.writers[fence.Survivor].firstWorking(w.broken(fence.Survivor))
	add(MomentWorking, at, nil, "at "+fence.Survivor+", over a new connection")
	return line, errors.Join(errs...)
}

// offline is when the fence's step that takes replication offline had ended.
func (w *World) offline(ctx context.Context, fence Fence) (time.Time, error) {
	steps, err := w.stack.Trace(ctx, fence.Execution.ARN)
	for i := range steps {
		if steps[i].State == "TakeOffline" && i+1 < len(steps) {
			return steps[i+1].At, err
		}
	}
	return time.Time{}, err
}

// Table is a timeline as text: seconds since the first moment, and since the one
// before.
func Table(line []Moment) string {
	var b strings.Builder
	for i, m := range line {
		step := m.At.Sub(line[max(0, i-1)].At)
		fmt.Fprintf(&b, "   %6.1f s  %+6.1f  %-20s %s\n", m.At.Sub(line[0].At).Seconds(), step.Seconds(), m.Name, m.Note)
	}
	return b.String()
}
