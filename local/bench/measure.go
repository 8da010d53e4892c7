package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Written is how long the functions took from the webhook to the answer to the
// accelerator's write, and what they called in sequence on the way, by step.
func (f Fence) Written(trip time.Duration) (time.Duration, []int, error) {
	return f.until(trip, updateAccelerator, func(c Call) bool { return c.Operation == "UpdateEndpointGroup" })
}

// Proven is Written up to the answer that proves that replication is offline: the
// first look after the order.
func (f Fence) Proven(trip time.Duration) (time.Duration, []int, error) {
	ordered := false
	return f.until(trip, takeOffline, func(c Call) bool {
		ordered = ordered || c.Operation == "POST take-offline"
		return ordered && strings.HasPrefix(c.Operation, "GET backups/")
	})
}

// until adds up whole invocations until one of the function's calls is it.
func (f Fence) until(trip time.Duration, function string, it func(Call) bool) (time.Duration, []int, error) {
	var total time.Duration
	var chains []int
	for _, s := range f.Steps {
		if s.Function == function {
			for i, c := range s.Calls {
				if it(c) {
					return total + c.Answered.Sub(s.Requested), append(chains, Sequence(s.Calls[:i+1], trip)), nil
				}
			}
		}
		total += s.Duration()
		chains = append(chains, Sequence(s.Calls, trip))
	}
	return 0, nil, fmt.Errorf("no call of %s is the one that is waited for", function)
}

// Whole is how long all functions took.
func (f Fence) Whole() time.Duration {
	var total time.Duration
	for _, s := range f.Steps {
		total += s.Duration()
	}
	return total
}

// Fences measures fences with the CPU share of a memory size: each run a cold one,
// in which every function is new, and a warm one right after it.
func (s Stage) Fences(ctx context.Context, memory, runs int) (Point, error) {
	m, err := readMachines()
	if err != nil {
		return Point{}, err
	}
	p := Point{Memory: memory}
	var cold, warm sample
	resident, used := map[string][]int{}, map[string][]time.Duration{}
	for range runs {
		d, err := s.Deploy(memory, way...)
		if err != nil {
			return Point{}, err
		}
		first, err := d.Fence(ctx, s.World, m)
		for _, name := range way {
			used[name] = append(used[name], d.Used(name))
		}
		var second Fence
		if err == nil {
			second, err = d.Fence(ctx, s.World, m)
		}
		for _, name := range way {
			now, _ := d.Resident(name)
			resident[name] = append(resident[name], now)
		}
		for _, share := range d.shares {
			p.Throttled += share.Throttled()
		}
		d.Close()
		if err != nil {
			return Point{}, err
		}
		if err := errors.Join(cold.add(first, s.World.restingTrip), warm.add(second, s.World.restingTrip)); err != nil {
			return Point{}, err
		}
	}
	p.Cold, p.Warm = cold.sum(memory), warm.sum(memory)
	for _, name := range way {
		p.Resident = append(p.Resident, Resident{name, median(resident[name])})
		p.Used = append(p.Used, Used{name, SpreadOf(used[name])})
	}
	return p, nil
}

// sample are the fences of one kind.
type sample struct {
	fences          []Fence
	written, proven []time.Duration
	chains, later   [][]int // calls in sequence, by step, until written and until proven
}

func (s *sample) add(f Fence, trip time.Duration) error {
	written, chain, err := f.Written(trip)
	if err != nil {
		return err
	}
	proven, later, err := f.Proven(trip)
	if err != nil {
		return err
	}
	s.fences = append(s.fences, f)
	s.written, s.proven = append(s.written, written), append(s.proven, proven)
	s.chains, s.later = append(s.chains, chain), append(s.later, later)
	return nil
}

// sum boils a sample down. Of calls in sequence it takes the most of any run.
func (s *sample) sum(memory int) Kind {
	k := Kind{Written: SpreadOf(s.written), Proven: SpreadOf(s.proven)}
	for i, f := range s.fences {
		k.Guard, k.Fence = max(k.Guard, f.Guard), max(k.Fence, f.Fences)
		k.SequenceWritten, k.MostWritten = max(k.SequenceWritten, total(s.chains[i])), max(k.MostWritten, most(s.chains[i]))
		k.SequenceProven, k.MostProven = max(k.SequenceProven, total(s.later[i])), max(k.MostProven, most(s.later[i]))
	}
	var billed []time.Duration
	for _, f := range s.fences {
		billed = append(billed, f.Whole())
	}
	k.Billed = SpreadOf(billed)
	if memory != Unlimited {
		k.Cost = cost(k.Billed.Median, memory, len(s.fences[0].Steps))
	}
	for i, step := range s.fences[0].Steps {
		part := Part{Function: step.Function}
		var lasting, inits []time.Duration
		for _, f := range s.fences {
			at := f.Steps[i]
			lasting = append(lasting, at.Duration())
			if at.New {
				inits = append(inits, at.Init())
			}
			part.Calls, part.Connections = max(part.Calls, len(at.Calls)), max(part.Connections, opened(at.Calls))
		}
		for _, chains := range s.later {
			if i < len(chains) {
				part.Sequence = max(part.Sequence, chains[i])
			}
		}
		part.Duration, part.Init = SpreadOf(lasting), SpreadOf(inits)
		part.Spare = timeouts[step.Function].Seconds() * 1e3 / part.Duration.Most
		k.Parts = append(k.Parts, part)
	}
	k.picture = typical(s)
	return k
}

// typical is the fence whose time is the median.
func typical(s *sample) Fence {
	best, at := time.Duration(1<<62), 0
	want := SpreadOf(s.proven).Median
	for i, d := range s.proven {
		if off := (d - time.Duration(want*float64(time.Millisecond))).Abs(); off < best {
			best, at = off, i
		}
	}
	return s.fences[at]
}

func opened(calls []Call) int {
	n := 0
	for _, c := range calls {
		if c.New {
			n++
		}
	}
	return n
}

// What Lambda takes on arm64 in US East (AWS Lambda pricing, tier 1): dollars for a
// GB-second, and for a request.
const (
	perGBSecond = 0.0000133334
	perRequest  = 0.20 / 1e6
)

// cost is what one fence costs, in millionths of a dollar.
func cost(milliseconds float64, memory, requests int) float64 {
	return 1e6 * (milliseconds/1e3*float64(memory)/1024*perGBSecond + float64(requests)*perRequest)
}
