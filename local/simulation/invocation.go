package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/wiring"
)

// Invocation is one call of a function. It goes on when its execution has been
// aborted meanwhile, as on Lambda.
type Invocation struct {
	Function string
	Run      *Run
	input    contract.ActInput // CheckHealth's input is a part of it
	begun    bool              // of CheckHealth's input
	proof    map[string]bool   // see noteProof

	// guarded by World.mu
	done    bool
	killed  bool
	output  any
	problem error
	cancel  context.CancelFunc
}

// Invoked is how often functions have been called.
func (w *World) Invoked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.invocations)
}

func (i *Invocation) String() string { return i.Run.Name + "/" + i.Function }

// acts reports whether the function may change something.
func (i *Invocation) acts() bool { return i.Function != CheckHealth }

// The functions, by the name that stands for their ARN in the machines.
const (
	CheckHealth       = "checkhealth"
	UpdateAccelerator = "updateaccelerator"
	TakeOffline       = "takeoffline"
	Resync            = "resync"
)

var timeouts = map[string]time.Duration{
	CheckHealth:       contract.CheckHealthTimeout * time.Second,
	UpdateAccelerator: contract.UpdateAcceleratorTimeout * time.Second,
	TakeOffline:       contract.TakeOfflineTimeout * time.Second,
	Resync:            contract.ResyncTimeout * time.Second,
}

type step func(context.Context, json.RawMessage) (any, error)

func stepOf[In, Out any](h wiring.Handler[In, Out]) step {
	serve := wiring.Step(h.Handle)
	return func(ctx context.Context, raw json.RawMessage) (any, error) { return serve(ctx, raw) }
}

// invoke starts a function on its own goroutine; it stops at its first call.
func (w *World) invoke(function string, payload any, run *Run) *Invocation {
	raw, err := json.Marshal(payload)
	if err != nil {
		panic(err) // it came out of JSON
	}
	inv := &Invocation{Function: function, Run: run}
	_ = json.Unmarshal(raw, &inv.input) // the function itself says what is wrong with it
	w.noteCheck(inv, raw)
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), invocationKey{}, inv), timeouts[function])
	inv.cancel = cancel
	w.mu.Lock()
	w.invocations = append(w.invocations, inv)
	w.mu.Unlock()
	w.running.Go(func() {
		defer cancel()
		output, err := w.steps[function](ctx, raw)
		w.mu.Lock()
		defer w.mu.Unlock()
		inv.done, inv.output, inv.problem = true, output, err
	})
	return inv
}

// kill ends a function at the call at which it stands.
func (w *World) kill(inv *Invocation) {
	w.mu.Lock()
	inv.killed = true
	var held []*Call
	w.parked = slices.DeleteFunc(w.parked, func(c *Call) bool {
		if c.By == inv {
			held = append(held, c)
		}
		return c.By == inv
	})
	w.mu.Unlock()
	inv.cancel()
	for _, c := range held {
		select {
		case c.verdict <- KilledBefore:
		case <-c.ctx.Done():
		}
	}
}

// failure is how Lambda reports an error to Step Functions.
func failure(err error) (name, cause string) {
	name = reflect.TypeOf(err).String()
	name = name[strings.LastIndex(name, ".")+1:]
	text, _ := json.Marshal(map[string]string{"errorType": name, "errorMessage": err.Error()})
	return name, string(text)
}

// alive lists the invocations that have not ended.
func (w *World) alive() []*Invocation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.invocations), func(i *Invocation) bool { return i.done })
}

// Acting reports whether a function that may change something is under way.
func (w *World) Acting() bool { return slices.ContainsFunc(w.alive(), (*Invocation).acts) }

// violate notes that a law was broken.
func (w *World) violate(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
}
