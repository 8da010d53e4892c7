// Package costs holds the table of costs in docs/operations.md against what is
// deployed and against what a fence does: the counts come from the template and
// from a simulated fence, so that the table cannot grow old in silence. After a
// change that is meant: go test ./local/costs -update.
package costs
