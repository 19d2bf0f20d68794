package shell

import "syscall"

const utimeOmit = -2 // UTIME_OMIT of <sys/stat.h>

func fileTimes(st *syscall.Stat_t) (access, modify, change syscall.Timespec) {
	return st.Atimespec, st.Mtimespec, st.Ctimespec
}
