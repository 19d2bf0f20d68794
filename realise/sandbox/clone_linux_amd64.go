package sandbox

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// startShared is what start does where it can: the child shares the address
// space of its parent until it becomes the builder, as after vfork, but the
// parent goes on, for it has to write the uid map.
//
// What is gained over fork: the kernel copies no page tables, takes none down
// again, and the parent writes to its pages without faults. That is a tenth of
// what a small build costs altogether.
//
// How: the child runs nothing but assembly that never touches the stack, the
// memory it writes to is what w has, and all signals are blocked and their handlers
// taken away (CLONE_CLEAR_SIGHAND), so that no Go code can run in it. w
// must stay reachable until the child has become the builder or is gone.
//
// A change of user makes an address space undumpable, the parent's too: no
// harm, root alone changes it.
func startShared(flags uintptr, w *work) (pid int, errno syscall.Errno) {
	args := &cloneArgs{flags: uint64(flags) | unix.CLONE_VM | unix.CLONE_CLEAR_SIGHAND, exitSignal: uint64(unix.SIGCHLD)}
	runtimeBeforeFork() // blocks signals
	r, e := cloneShared(args, w)
	runtimeAfterFork()
	return int(r), syscall.Errno(e)
}

// cloneArgs is struct clone_args of the kernel, as of Linux 5.5.
type cloneArgs struct {
	flags      uint64
	_          [3]uint64 // pidfd, child_tid, parent_tid
	exitSignal uint64
	_          [3]uint64 // stack, stack_size, tls
}

//go:noescape
func cloneShared(args *cloneArgs, w *work) (pid, errno uintptr)
