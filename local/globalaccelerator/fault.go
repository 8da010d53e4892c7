package globalaccelerator

import (
	"net/http"
	"slices"
	"time"
)

// Moment is when a Hook runs, relative to the effect of a call.
type Moment string

// Before is after a request was accepted and before any fault or effect; After
// is after the service decided (applied or refused), before it answers.
const (
	Before Moment = "before"
	After  Moment = "after"
)

// Hook is called for every accepted request, on that request's goroutine and
// without a lock: it may call any method of the fake but Close, and it may block
// to hold the request up. It can run concurrently with itself.
type Hook func(op Operation, when Moment, arn string)

// SetHook replaces the hook; nil removes it.
func (f *Fake) SetHook(h Hook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = h
}

func (f *Fake) runHook(op Operation, when Moment, arn string) {
	f.mu.Lock()
	h := f.hook
	f.mu.Unlock()
	if h != nil {
		h(op, when, arn)
	}
}

// Fault says which calls go wrong, and how.
type Fault struct {
	Operation Operation             // "" for any
	Match     func(arn string) bool // on the ARN the call is about; nil for any
	Skip      int                   // how many matching calls pass first
	Times     int                   // how many calls it hits; 0 until cleared
	Effect    Effect
}

// Effect is what goes wrong. Its values come from Fail, FailApplied, Drop,
// DropApplied, Hang, HangApplied, Delay, DelayApplied, Answer and Mistype.
type Effect struct {
	kind  kind
	code  ErrorCode
	delay time.Duration
	body  string
}

type kind int

const (
	fails kind = iota + 1
	failsApplied
	drops
	dropsApplied
	hangs
	hangsApplied
	delays
	delaysApplied
	answers
	mistypes
)

// Fail refuses the call with an error, with nothing applied.
func Fail(code ErrorCode) Effect { return Effect{kind: fails, code: code} }

// FailApplied does what was asked and then answers an error all the same. A call
// that the service itself refuses gets that refusal.
func FailApplied(code ErrorCode) Effect { return Effect{kind: failsApplied, code: code} }

// Drop cuts the connection without an answer, with nothing applied.
func Drop() Effect { return Effect{kind: drops} }

// DropApplied does what was asked and cuts the connection without an answer.
func DropApplied() Effect { return Effect{kind: dropsApplied} }

// Hang answers nothing until the client gives up, and applies nothing.
func Hang() Effect { return Effect{kind: hangs} }

// HangApplied does what was asked and then answers nothing until the client gives up.
func HangApplied() Effect { return Effect{kind: hangsApplied} }

// Delay waits before the effect. The effect comes even if the client has given up
// by then, as it may on AWS: a late write. Delays add up with one other effect.
func Delay(d time.Duration) Effect { return Effect{kind: delays, delay: d} }

// DelayApplied waits between the effect and the answer.
func DelayApplied(d time.Duration) Effect { return Effect{kind: delaysApplied, delay: d} }

// Answer does what was asked and answers 200 with this body instead, such as
// "<html>" or `{}`.
func Answer(body string) Effect { return Effect{kind: answers, body: body} }

// Mistype does what was asked and answers with every value of the wrong type:
// strings where numbers and booleans belong, numbers where strings belong.
func Mistype() Effect { return Effect{kind: mistypes} }

// Injection is a Fault that was put in place.
type Injection struct {
	fake  *Fake
	fault Fault
	seen  int
	hits  int
}

// Inject puts a fault in place. Of several that match a call, all the delays
// apply, and the first of the others; only what applies is counted.
func (f *Fake) Inject(fault Fault) *Injection {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := &Injection{fake: f, fault: fault}
	f.faults = append(f.faults, i)
	return i
}

// Clear removes the fault. Calls it has hit already stay hit.
func (i *Injection) Clear() {
	i.fake.mu.Lock()
	defer i.fake.mu.Unlock()
	i.fake.faults = slices.DeleteFunc(i.fake.faults, func(o *Injection) bool { return o == i })
}

// Hits is how many calls the fault has hit.
func (i *Injection) Hits() int {
	i.fake.mu.Lock()
	defer i.fake.mu.Unlock()
	return i.hits
}

// ClearFaults removes all faults.
func (f *Fake) ClearFaults() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// plan is what goes wrong with one call; the zero plan is a call that goes well.
type plan struct {
	wait        time.Duration
	waitApplied time.Duration
	effect      Effect
}

// plan takes the faults that hit a call.
func (f *Fake) plan(op Operation, arn string) plan {
	f.mu.Lock()
	faults := slices.Clone(f.faults)
	f.mu.Unlock()
	var p plan
	for _, i := range faults {
		wanted := (i.fault.Operation == "" || i.fault.Operation == op) && (i.fault.Match == nil || i.fault.Match(arn))
		delay := i.fault.Effect.kind == delays || i.fault.Effect.kind == delaysApplied
		if !wanted || !delay && p.effect.kind != 0 || !i.take() {
			continue
		}
		switch i.fault.Effect.kind {
		case delays:
			p.wait += i.fault.Effect.delay
		case delaysApplied:
			p.waitApplied += i.fault.Effect.delay
		default:
			p.effect = i.fault.Effect
		}
	}
	return p
}

// take counts a matching call, and says whether the fault hits it.
func (i *Injection) take() bool {
	i.fake.mu.Lock()
	defer i.fake.mu.Unlock()
	i.seen++
	if i.seen <= i.fault.Skip || i.fault.Times > 0 && i.hits == i.fault.Times {
		return false
	}
	i.hits++
	return true
}

// before does what goes wrong ahead of the effect, and says whether that was the
// end of the call.
func (p plan) before(f *Fake, w http.ResponseWriter, r *http.Request) bool {
	f.sleep(p.wait)
	switch p.effect.kind {
	case fails:
		f.answer(w, reply{refusal: refuse(p.effect.code, "injected, nothing was applied")})
		return true
	case drops:
		panic(http.ErrAbortHandler)
	case hangs:
		f.hang(r)
	}
	return false
}

// after answers a call whose effect was decided.
func (p plan) after(f *Fake, w http.ResponseWriter, r *http.Request, decided reply) {
	f.sleep(p.waitApplied)
	switch p.effect.kind {
	case failsApplied:
		if decided.refusal == nil {
			decided.refusal = refuse(p.effect.code, "injected, after the call was applied")
		}
	case dropsApplied:
		panic(http.ErrAbortHandler)
	case hangsApplied:
		f.hang(r)
	case answers:
		f.write(w, http.StatusOK, []byte(p.effect.body))
		return
	case mistypes:
		status, body := decided.encode()
		f.write(w, status, mistype(body))
		return
	}
	f.answer(w, decided)
}

// hang waits for the client to give up, or for Close, and ends the handler.
func (f *Fake) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-f.closed:
	}
	panic(http.ErrAbortHandler)
}

// sleep is cut short by Close.
func (f *Fake) sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-f.closed:
	}
}
