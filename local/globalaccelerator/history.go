package globalaccelerator

import (
	"maps"
	"slices"
	"time"
)

// Entry is one applied write and the state it left.
type Entry struct {
	Operation Operation
	Target    string // the ARN that was written, "" for a Build or an Edit
	Note      string // what an Edit was for
	At        time.Time
	State     State
}

// History lists every applied write, oldest first: those of the API and those
// of Build, Edit and the Set methods. Refused writes leave no entry; a write
// whose answer was withheld by a fault does.
func (f *Fake) History() []Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := slices.Clone(f.history)
	for i := range list {
		list[i].State = list[i].State.clone()
	}
	return list
}

// Snapshot returns the state as it is, whatever stale reads say.
func (f *Fake) Snapshot() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.clone()
}

// record appends to the history; f.mu is held.
func (f *Fake) record(name Operation, target, note string) {
	f.history = append(f.history, Entry{name, target, note, f.opts.Now(), f.state.clone()})
}

// Calls is how many requests named the operation, whatever became of them.
func (f *Fake) Calls(name Operation) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[name]
}

// AllCalls is Calls of every operation that was called.
func (f *Fake) AllCalls() map[Operation]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.calls)
}

// MaxConcurrentWrites is the most writes that were ever under way at once, from
// their arrival to their answer.
func (f *Fake) MaxConcurrentWrites() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writers
}

func (f *Fake) count(name Operation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[name]++
}

// beginWrite counts a write in, and the function it returns counts it out.
func (f *Fake) beginWrite() func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writing++
	f.writers = max(f.writers, f.writing)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.writing--
	}
}

// staleReads serves reads that lag behind: after a write of a group the next
// reads of it answer what was there before. Its user holds f.mu.
type staleReads struct {
	reads  int
	groups map[string]*staleGroup
}

type staleGroup struct {
	old  Group
	left int
}

func (s *staleReads) wrote(old Group) {
	if s.reads > 0 {
		s.groups[old.ARN] = &staleGroup{old.clone(), s.reads}
	}
}

func (s *staleReads) read(g Group) Group {
	stale := s.groups[g.ARN]
	if stale == nil || stale.left == 0 {
		return g
	}
	stale.left--
	return stale.old
}

// SetStaleReads changes Options.StaleReads, for writes from now on.
func (f *Fake) SetStaleReads(reads int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stale.reads = reads
}
