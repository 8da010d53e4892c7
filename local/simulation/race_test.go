//go:build race

package simulation_test

// raced says that the race detector is on. It makes a run four times as long, and
// no two goroutines of a world act at once: an eighth of the matrix is enough for
// it. `make worlds` holds the build without it to the whole.
const raced = true
