package awsenv_test

import (
	"runtime"
	"testing"

	"github.com/sitefence/sitefence/internal/awsenv"
)

// TestShareCPU: one thread for a share of a CPU; as Go has it for more, where nothing
// is known, and where somebody has said otherwise.
func TestShareCPU(t *testing.T) {
	const before = 3
	for _, tc := range []struct {
		memory, said string
		want         int
	}{
		{"128", "", 1}, {"1769", "", 1}, {"1770", "", before}, {"10240", "", before},
		{"", "", before}, {"many", "", before}, {"512", "3", before},
	} {
		t.Setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", tc.memory)
		t.Setenv("GOMAXPROCS", tc.said)
		was := runtime.GOMAXPROCS(before)
		awsenv.ShareCPU()
		if got := runtime.GOMAXPROCS(was); got != tc.want {
			t.Errorf("%s MB, GOMAXPROCS=%q: %d threads, want %d", tc.memory, tc.said, got, tc.want)
		}
	}
}
