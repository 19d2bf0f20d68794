package main

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A fifth of what a short evaluation takes is the first touch of fresh memory:
// 2 µs a page. The Go heap grows at its end, by 4 MB at a time. A goroutine
// watches the addresses that come next and has the kernel fill in what has
// become writable, many pages in one go and on another core, before the
// evaluation comes there. (Huge pages would do as much, but are slower here.)

const (
	heapStep     = 4 << 20 // by which the Go heap grows
	prefaultStep = 256 << 10
	prefaultMin  = 500 * time.Microsecond
	prefaultMax  = 16 * time.Millisecond
	prefaultIdle = 2 * time.Second
)

// prefault fills in fresh pages of the heap ahead of their use, until the heap
// has not grown for a while.
func prefault() {
	next := (uintptr(unsafe.Pointer(new([64]byte))) + heapStep) &^ (heapStep - 1)
	wait, idle := prefaultMin, time.Duration(0)
	for idle < prefaultIdle {
		// Nothing is read or changed there, and as long as next is not part of
		// the heap the kernel refuses.
		_, _, errno := unix.Syscall(unix.SYS_MADVISE, next, prefaultStep, unix.MADV_POPULATE_WRITE)
		if errno == 0 {
			next += prefaultStep
			wait, idle = prefaultMin, 0
			continue
		}
		time.Sleep(wait)
		idle += wait
		wait = min(wait*5/4, prefaultMax)
	}
}
