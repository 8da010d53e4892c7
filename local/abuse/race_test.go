//go:build race

package abuse_test

// rate is less than without the race detector, which makes those slow that post,
// and needs no more to see a race. The function itself is built without it.
const rate = 50
