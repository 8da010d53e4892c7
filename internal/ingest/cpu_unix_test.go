//go:build unix

package ingest

import (
	"syscall"
	"time"
)

// worked is how long this process has worked so far, all its threads together.
// Unlike the clock it does not count what others do on this machine.
func worked() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
