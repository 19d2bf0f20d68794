package sandbox

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func directAttr() *syscall.SysProcAttr {
	// What this process itself was started with must not reach the builder.
	_ = unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) // Linux before 5.11 cannot
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}
