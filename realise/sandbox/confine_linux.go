package sandbox

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// loopbackUp switches this namespace's loopback interface on.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_LOOPBACK | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// Bits of personality(2).
const (
	perLinux32      = 0x0008
	addrNoRandomize = 0x0040000
	perQuery        = 0xffffffff
)

// confine gives up, on this thread, all that the builder must not have.
func confine(p *plan) error {
	if err := personality(p.Platform); err != nil {
		return step("cannot set 32-bit personality", err)
	}
	if err := limit(p.Limits); err != nil {
		return step("setting resource limits", err)
	}
	if err := dropCapabilities(); err != nil {
		return step("dropping capabilities", err)
	}
	if !p.AllowNewPrivileges {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return step("failed to set PR_SET_NO_NEW_PRIVS", err)
		}
	}
	if p.NoSyscallFilter {
		return nil
	}
	return step("unable to load seccomp BPF program", loadFilter())
}

func personality(platform string) error {
	switch platform {
	case "i686-linux", "armv7l-linux", "armv6l-linux", "armv5tel-linux":
		if _, _, e := unix.RawSyscall(unix.SYS_PERSONALITY, perLinux32, 0, 0); e != 0 {
			return e
		}
	}
	// Fixed addresses make builds more alike; a kernel that refuses does no harm.
	if cur, _, e := unix.RawSyscall(unix.SYS_PERSONALITY, perQuery, 0, 0); e == 0 {
		unix.RawSyscall(unix.SYS_PERSONALITY, cur|addrNoRandomize, 0, 0)
	}
	return nil
}

func limit(l Limits) error {
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil {
		return err
	}
	core.Cur = 0 // no core dumps unless the builder asks for them
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &core); err != nil {
		return err
	}
	if l.Processes > 0 {
		if err := unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: l.Processes, Max: l.Processes}); err != nil {
			return err
		}
	}
	if l.MemoryBytes > 0 {
		return unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: l.MemoryBytes, Max: l.MemoryBytes})
	}
	return nil
}

// dropCapabilities empties every set, the bounding one first, which needs one.
func dropCapabilities() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	for c := uintptr(0); c <= lastCap; c++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && err != unix.EINVAL {
			return err
		}
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&hdr, &none[0])
}

// loadFilter installs the system call filter on this thread.
func loadFilter() error {
	filter := filterProgram()
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
}
