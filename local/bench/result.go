package bench

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/sitefence/sitefence/local/bench/storm"
)

// Result is all that was measured. Times are in milliseconds.
type Result struct {
	Machine  Machine        `json:"machine"`
	Runs     int            `json:"runs"`
	Trip     float64        `json:"trip"`
	Binaries []Binary       `json:"binaries"`
	Fences   []Point        `json:"fences"`
	Starts   []Start        `json:"starts"`
	Emulator *Emulator      `json:"emulator,omitempty"`
	Ingest   Ingest         `json:"ingest"`
	Micro    *Bench         `json:"micro,omitempty"`
	Scale    []storm.Report `json:"scale,omitempty"`
}

// Point is a memory size.
type Point struct {
	Memory    int        `json:"memory"`    // MB; 0: the CPU was not limited
	Throttled int        `json:"throttled"` // periods in which the share was used up
	Cold      Kind       `json:"cold"`
	Warm      Kind       `json:"warm"`
	Resident  []Resident `json:"resident"`
	Used      []Used     `json:"used"`
}

// Kind are the fences that found every function new, or none.
type Kind struct {
	Written Spread `json:"written"` // webhook to accelerator write, functions only
	Proven  Spread `json:"proven"`  // webhook to replication proven offline, functions only
	// Calls in sequence until then: in all, and in the function that has most.
	SequenceWritten int     `json:"sequenceWritten"`
	MostWritten     int     `json:"mostWritten"`
	SequenceProven  int     `json:"sequenceProven"`
	MostProven      int     `json:"mostProven"`
	Billed          Spread  `json:"billed"`
	Cost            float64 `json:"cost,omitempty"` // millionths of a dollar
	Parts           []Part  `json:"parts"`
	Guard           int     `json:"guard"` // states entered
	Fence           int     `json:"fence"`

	picture Fence
}

// Part is one invocation on the way, in its order.
type Part struct {
	Function    string  `json:"function"`
	Duration    Spread  `json:"duration"` // with the start, if it was new
	Init        Spread  `json:"init"`     // process start to the first request for work
	Calls       int     `json:"calls"`
	Sequence    int     `json:"sequence"` // of them one after the other, up to the proof
	Connections int     `json:"connections"`
	Spare       float64 `json:"spare"` // how often its longest run goes into its timeout
}

// Resident is a function's memory in bytes after a warm invocation.
type Resident struct {
	Function string `json:"function"`
	Bytes    int    `json:"bytes"`
}

// Used is the CPU time that a function took in a cold fence, its start and, of
// checkhealth, both invocations.
type Used struct {
	Function string `json:"function"`
	Time     Spread `json:"time"`
}

// Start is a function's start.
type Start struct {
	Function string `json:"function"`
	Init     Spread `json:"init"`
}

// Spread is how a time varied over the runs.
type Spread struct {
	Least  float64 `json:"least"`
	Median float64 `json:"median"`
	Most   float64 `json:"most"`
}

// SpreadOf is the zero Spread when there is nothing.
func SpreadOf(all []time.Duration) Spread {
	if len(all) == 0 {
		return Spread{}
	}
	all = slices.Sorted(slices.Values(all))
	n := len(all)
	return Spread{milliseconds(all[0]), milliseconds((all[(n-1)/2] + all[n/2]) / 2), milliseconds(all[n-1])}
}

func milliseconds(d time.Duration) float64 { return math.Round(float64(d)/1e4) / 100 }

func median[T int | float64](all []T) T {
	all = slices.Sorted(slices.Values(all))
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

func total(all []int) (n int) {
	for _, v := range all {
		n += v
	}
	return n
}

func most(all []int) int { return slices.Max(all) }

// At is the point of a memory size.
func (r Result) At(memory int) (Point, bool) {
	i := slices.IndexFunc(r.Fences, func(p Point) bool { return p.Memory == memory })
	if i < 0 {
		return Point{}, false
	}
	return r.Fences[i], true
}

// JSON is the result for machines.
func (r Result) JSON() ([]byte, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	return append(data, '\n'), err
}
