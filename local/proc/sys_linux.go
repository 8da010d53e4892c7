package proc

import "syscall"

// Pdeathsig belongs to the thread that started the child; Go parks threads
// instead of ending them unless a locked goroutine exits, which nothing here does.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
