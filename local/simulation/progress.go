package simulation

import (
	"slices"
	"testing/synctest"
	"time"

	"github.com/sitefence/sitefence/local/asl"
)

// Fates decide what becomes of calls and tasks. A nil one means no faults.
type Fates struct {
	Call func(*Call) Fault
	Task func(*Run, *asl.Call) Fault
}

// Settle runs everything to its end: calls in a fixed order, waits in theirs.
// It is false if that takes more than `steps` steps.
func (w *World) Settle(fates Fates, steps int) bool {
	for range steps {
		synctest.Wait()
		if !w.Busy() {
			return true
		}
		if !w.advance(fates) {
			w.Sleep()
		}
	}
	return false
}

// Step does the next thing that can be done now, without a fault. It is false if
// everything waits.
func (w *World) Step() bool {
	synctest.Wait()
	return w.advance(Fates{})
}

// advance does the next thing that can be done now, if there is one.
func (w *World) advance(fates Fates) bool {
	if calls := w.Parked(); len(calls) > 0 {
		fault := None
		if fates.Call != nil {
			fault = fates.Call(calls[0])
		}
		w.Release(calls[0], fault)
		return true
	}
	for _, run := range w.Runs {
		switch {
		case run.Status != asl.Running:
			continue
		case w.ready(run):
			w.Deliver(run)
		case run.asked != nil:
			continue
		case run.Call() != nil:
			fault := None
			if fates.Task != nil {
				fault = fates.Task(run, run.Call())
			}
			w.Do(run, fault)
		case !time.Now().Before(run.wake):
			w.Wake(run)
		default:
			continue
		}
		return true
	}
	return false
}

// Wake ends a run's wait, however long it is.
func (w *World) Wake(run *Run) {
	if wait := time.Until(run.wake); wait > 0 {
		time.Sleep(wait)
	}
	run.Resume()
	w.settle(run)
	synctest.Wait()
}

// Sleep lets time pass up to the next end of a wait, a second at most while a
// function runs.
func (w *World) Sleep() {
	wait := time.Hour
	if len(w.alive()) > 0 {
		wait = time.Second
	}
	for _, run := range w.Runs {
		if run.Status == asl.Running && run.Pause() > 0 {
			wait = min(wait, max(time.Until(run.wake), 0))
		}
	}
	time.Sleep(max(wait, time.Millisecond))
}

// Ready are the runs that can go on by GoOn: at a task not begun, with an
// answer that has come, or waiting.
func (w *World) Ready() []*Run {
	return slices.DeleteFunc(slices.Clone(w.Runs), func(r *Run) bool {
		return r.Status != asl.Running || r.asked != nil && !w.ready(r)
	})
}

// GoOn lets a run go on; the fault counts if it begins a task.
func (w *World) GoOn(run *Run, fault Fault) {
	switch {
	case w.ready(run):
		w.Deliver(run)
	case run.Call() != nil:
		w.Do(run, fault)
		synctest.Wait()
	default:
		w.Wake(run)
	}
}
