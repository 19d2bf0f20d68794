package sandbox

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This file and clone_linux_amd64.s have all the unsafe code of the package.
// They start a process that makes a list of system calls and then becomes the
// builder, without any Go code in between.
//
// What is gained: the other way to do things in a new namespace is to execute
// the own binary a second time, and a Go program of this size takes 4 to 5 ms
// of processor time to start, more than everything else about a small build
// together (measured: 15.2 ms a build with it, the builder's own start
// included).
//
// How: package syscall's own way of starting a process, with the runtime's
// hooks before and after fork (runtime.syscall_runtime_BeforeFork says that
// others may use them). The child is a copy with one thread, so it must not
// allocate, grow its stack or wait for a lock: fork is one function that does
// nothing but raw system calls, whose arguments were laid out before.
//
// startShared does the same without the copy, in assembly. vfork is not
// possible: the child has to wait for its uid map, written by its parent.
//
// Where that is not to be had fork takes its place, and where fork fails, the
// error says so.

//go:linkname runtimeBeforeFork syscall.runtime_BeforeFork
func runtimeBeforeFork()

//go:linkname runtimeAfterFork syscall.runtime_AfterFork
func runtimeAfterFork()

//go:linkname runtimeAfterForkInChild syscall.runtime_AfterForkInChild
func runtimeAfterForkInChild()

// A program is a list of system calls, with what their arguments point to.
type program struct {
	calls []call
	what  []string // what each call is for, to explain its failure
	regs  []uintptr
	keep  []any // what arguments point to
	plain bool  // do with fork
}

// A work is what the child works on.
type work struct {
	calls                *call
	n                    uintptr // number of calls
	regs                 *uintptr
	syncR, syncW, errors uintptr
	buf                  [8]byte // for the byte that is read from syncR
	rep                  report
}

// A call is one system call. A result can be kept in a register and used as
// an argument of later calls.
type call struct {
	nr       uintptr
	args     [6]uintptr
	regs     [6]uint8 // if not 0, the argument is that register
	out      uint8    // if not 0, the register for the result
	tolerate syscall.Errno
}

// A reg is a register, for use as an argument.
type reg uint8

// do appends a call and returns a handle to it. Arguments are int, uintptr,
// uint, strings and byte slices (whose address is passed), pointers, and
// registers.
func (p *program) do(what string, nr uintptr, args ...any) *call {
	var c call
	c.nr = nr
	for i, a := range args {
		switch a := a.(type) {
		case int:
			c.args[i] = uintptr(a)
		case uint:
			c.args[i] = uintptr(a)
		case uintptr:
			c.args[i] = a
		case reg:
			c.regs[i] = uint8(a)
		case string:
			b := append([]byte(a), 0)
			p.keep = append(p.keep, b)
			c.args[i] = uintptr(unsafe.Pointer(&b[0]))
		case []byte:
			if len(a) > 0 {
				p.keep = append(p.keep, a)
				c.args[i] = uintptr(unsafe.Pointer(&a[0]))
			}
		case unsafe.Pointer: // to something that is in keep
			c.args[i] = uintptr(a)
		case nil:
		default:
			panic("sandbox: an argument that no system call has")
		}
	}
	p.calls = append(p.calls, c)
	p.what = append(p.what, what)
	return &p.calls[len(p.calls)-1]
}

// get is do for a call whose result is needed later.
func (p *program) get(what string, nr uintptr, args ...any) reg {
	r := p.newReg()
	p.getInto(r, what, nr, args...)
	return r
}

func (p *program) newReg() reg {
	p.regs = append(p.regs, 0)
	return reg(len(p.regs))
}

func (p *program) getInto(r reg, what string, nr uintptr, args ...any) {
	p.do(what, nr, args...).out = uint8(r)
}

// pin keeps v and returns its address.
func pin[T any](p *program, v *T) unsafe.Pointer {
	p.keep = append(p.keep, v)
	return unsafe.Pointer(v)
}

const sigSetmask = 2 // SIG_SETMASK

// exec appends the end of the program.
func (p *program) exec(path string, args, env []string) error {
	argv, err := syscall.SlicePtrFromStrings(args)
	if err != nil {
		return err
	}
	envp, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return err
	}
	p.keep = append(p.keep, argv, envp)
	p.do("setting the signal mask", unix.SYS_RT_SIGPROCMASK, sigSetmask, pin(p, new(uint64)), nil, 8) // none blocked
	p.do("executing '"+path+"'", unix.SYS_EXECVE, path, unsafe.Pointer(&argv[0]), unsafe.Pointer(&envp[0]))
	return nil
}

// A report is what the child says of a call that failed.
type report struct {
	Call  uintptr
	Errno uintptr
}

func readReport(b []byte) report { return *(*report)(unsafe.Pointer(&b[0])) }

// start makes the process. The child waits until the caller writes to syncW,
// or dies if that is closed. A call that fails is reported to errors. p must
// stay reachable until the child has become the builder or is gone.
func (p *program) start(flags uintptr, syncR, syncW, errors *os.File) (pid int, err error) {
	w := &work{calls: &p.calls[0], n: uintptr(len(p.calls)), regs: &p.regs[0], syncR: syncR.Fd(), syncW: syncW.Fd(), errors: errors.Fd()}
	p.keep = append(p.keep, w)
	errno := syscall.ENOSYS
	if !p.plain {
		pid, errno = startShared(flags, w)
	}
	if errno != 0 { // if fork can do no better, it says why
		pid, errno = fork(flags|uintptr(unix.SIGCHLD), p.calls, p.regs, w)
	}
	runtime.KeepAlive(p)
	runtime.KeepAlive(syncR)
	runtime.KeepAlive(syncW)
	runtime.KeepAlive(errors)
	if errno != 0 {
		return 0, os.NewSyscallError("clone", errno)
	}
	return pid, nil
}

// fork makes a process that performs calls. It returns in the parent only.
//
//go:noinline
//go:norace
//go:nocheckptr
func fork(flags uintptr, calls []call, regs []uintptr, w *work) (pid int, err syscall.Errno) {
	runtimeBeforeFork()
	r, _, e := syscall.RawSyscall6(unix.SYS_CLONE, flags, 0, 0, 0, 0, 0)
	if e != 0 || r != 0 {
		runtimeAfterFork()
		return int(r), e
	}
	runtimeAfterForkInChild()
	syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0, 0)
	syscall.RawSyscall6(unix.SYS_CLOSE, w.syncW, 0, 0, 0, 0, 0) // else the read below would never end without the parent
	n, _, e := syscall.RawSyscall6(unix.SYS_READ, w.syncR, uintptr(unsafe.Pointer(&w.buf)), 1, 0, 0, 0)
	if e != 0 || n != 1 { // the parent gave up
		for {
			syscall.RawSyscall6(unix.SYS_EXIT_GROUP, 1, 0, 0, 0, 0, 0)
		}
	}
	for i := 0; i < len(calls); i++ {
		c := &calls[i]
		a0, a1, a2, a3, a4, a5 := c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], c.args[5]
		if c.regs[0] != 0 {
			a0 = regs[c.regs[0]-1]
		}
		if c.regs[1] != 0 {
			a1 = regs[c.regs[1]-1]
		}
		if c.regs[2] != 0 {
			a2 = regs[c.regs[2]-1]
		}
		r, _, e := syscall.RawSyscall6(c.nr, a0, a1, a2, a3, a4, a5)
		if e != 0 && e != c.tolerate {
			w.rep.Call, w.rep.Errno = uintptr(i), uintptr(e)
			syscall.RawSyscall6(unix.SYS_WRITE, w.errors, uintptr(unsafe.Pointer(&w.rep)), unsafe.Sizeof(w.rep), 0, 0, 0)
			for {
				syscall.RawSyscall6(unix.SYS_EXIT_GROUP, 1, 0, 0, 0, 0, 0)
			}
		}
		if c.out != 0 {
			regs[c.out-1] = r
		}
	}
	for {
		syscall.RawSyscall6(unix.SYS_EXIT_GROUP, 1, 0, 0, 0, 0, 0)
	}
}
