package shell

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const utimeOmit = unix.UTIME_OMIT

func fileTimes(st *syscall.Stat_t) (access, modify, change syscall.Timespec) {
	return st.Atim, st.Mtim, st.Ctim
}
