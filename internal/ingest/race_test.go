//go:build race

package ingest

// slower is how much time the race detector may cost (Go's documentation of it:
// 2 to 20 times). The memory bound holds as it is.
const slower = 20
