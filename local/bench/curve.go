package bench

import (
	"fmt"
	"slices"
)

func (r Result) curve() string {
	var rows [][]string
	for _, p := range r.Fences {
		name, price := "all CPUs", "–"
		if p.Memory != Unlimited {
			name = fmt.Sprintf("%d MB", p.Memory)
			price = fmt.Sprintf("%.1f / %.1f", p.Warm.Cost, p.Cold.Cost)
		}
		spare := 1e9
		for _, part := range append(slices.Clone(p.Cold.Parts), p.Warm.Parts...) {
			spare = min(spare, part.Spare)
		}
		rows = append(rows, []string{name, spread(p.Warm.Written), spread(p.Cold.Written), spread(p.Warm.Proven), spread(p.Cold.Proven), price, number(spare)})
	}
	return table([]string{"share of", "written, warm", "written, cold", "proven, warm", "proven, cold", "cost of a fence, warm / cold, millionths of a dollar", "timeouts hold the longest run, times"}, rows)
}

// bySize is what each invocation of a cold fence takes, and costs, by memory size: from
// it the defaults are chosen.
func (r Result) bySize() string {
	head := []string{"invocation, cold"}
	var rows [][]string
	for _, p := range r.Fences {
		if p.Memory == Unlimited {
			continue
		}
		head = append(head, fmt.Sprintf("%d MB: ms, millionths of a dollar", p.Memory))
		for i, part := range p.Cold.Parts {
			if i == len(rows) {
				rows = append(rows, []string{part.Function})
			}
			rows[i] = append(rows[i], fmt.Sprintf("%s, %.1f", number(part.Duration.Median), cost(part.Duration.Median, p.Memory, 1)))
		}
	}
	if rows == nil {
		return "Not measured: the CPU was " + r.Machine.Limit + ".\n"
	}
	return table(head, rows)
}
