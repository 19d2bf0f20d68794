package sandbox

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// An abi is a calling convention of the kernel and its numbers of the calls
// that a builder is denied; -1 where it has no such call.
type abi struct {
	arch                               uint32
	chmod, fchmod, fchmodat, fchmodat2 int
	xattr                              []int // get and set, l and f variants
}

// Every abi in which a builder can make calls on this machine. A call by any
// other kills.
func abis() []abi {
	newer := []int{463, 464} // setxattrat, getxattrat: the same everywhere
	i386 := abi{unix.AUDIT_ARCH_I386, 15, 94, 306, 452, append([]int{226, 227, 228, 229, 230, 231}, newer...)}
	arm := abi{unix.AUDIT_ARCH_ARM, 15, 94, 333, 452, append([]int{226, 227, 228, 229, 230, 231}, newer...)}
	switch runtime.GOARCH {
	case "amd64": // x32 has these numbers too, with a bit that the program masks
		return []abi{{unix.AUDIT_ARCH_X86_64, 90, 91, 268, 452, append([]int{188, 189, 190, 191, 192, 193}, newer...)}, i386}
	case "386":
		return []abi{i386}
	case "arm64":
		return []abi{{unix.AUDIT_ARCH_AARCH64, -1, 52, 53, 452, append([]int{5, 6, 7, 8, 9, 10}, newer...)}, arm}
	case "arm":
		return []abi{arm}
	case "riscv64":
		return []abi{{unix.AUDIT_ARCH_RISCV64, -1, 52, 53, 452, append([]int{5, 6, 7, 8, 9, 10}, newer...)}}
	}
	return nil
}

// Offsets in struct seccomp_data.
const (
	dataNr   = 0
	dataArch = 4
	dataArg  = 16 // then 8 bytes an argument, little-endian
)

const x32Bit = 0x40000000

// filterProgram says EPERM to what would set a setuid or setgid bit, and
// ENOTSUP to extended attributes: neither is representable in a store object.
func filterProgram() []unix.SockFilter {
	load := func(off uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: off}
	}
	jump := func(op uint16, k uint32, jt, jf int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, Jt: uint8(jt), Jf: uint8(jf), K: k}
	}
	ret := func(k uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k}
	}
	const setID = unix.S_ISUID | unix.S_ISGID
	all := abis()
	if len(all) == 0 { // an architecture whose numbers are not known here
		return []unix.SockFilter{ret(unix.SECCOMP_RET_ALLOW)}
	}
	var prog []unix.SockFilter
	for _, a := range all {
		var body []unix.SockFilter
		body = append(body, load(dataNr))
		if a.arch == unix.AUDIT_ARCH_X86_64 {
			body = append(body, unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: ^uint32(x32Bit)})
		}
		for _, nr := range a.xattr {
			body = append(body, jump(unix.BPF_JEQ, uint32(nr), 0, 1), ret(unix.SECCOMP_RET_ERRNO|uint32(unix.ENOTSUP)))
		}
		for _, c := range []struct{ nr, arg int }{{a.chmod, 1}, {a.fchmod, 1}, {a.fchmodat, 2}, {a.fchmodat2, 2}} {
			if c.nr < 0 {
				continue
			}
			body = append(body,
				jump(unix.BPF_JEQ, uint32(c.nr), 0, 4),
				load(dataArg+8*uint32(c.arg)),
				jump(unix.BPF_JSET, setID, 0, 1),
				ret(unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM)),
				ret(unix.SECCOMP_RET_ALLOW))
		}
		body = append(body, ret(unix.SECCOMP_RET_ALLOW))
		prog = append(prog, load(dataArch), jump(unix.BPF_JEQ, a.arch, 0, len(body)))
		prog = append(prog, body...)
	}
	return append(prog, ret(unix.SECCOMP_RET_KILL_PROCESS))
}
