//go:build race

package ingest

// slower is how much time the race detector may cost (Go's documentation of it:
// 2 to 20 times). The memory bound holds as it is. `make test` holds the build
// without it to the bounds themselves.
const slower = 20
