//go:build linux && !amd64

package sandbox

import "syscall"

// startShared says that there is no such way here.
func startShared(flags uintptr, w *work) (pid int, errno syscall.Errno) {
	return 0, syscall.ENOSYS
}
