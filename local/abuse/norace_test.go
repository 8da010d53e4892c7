//go:build !race

package abuse_test

// rate is how many wrong passwords come a second: 6,000 in all.
const rate = 200
