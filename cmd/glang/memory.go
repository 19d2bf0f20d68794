package main

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/seed192a40f6/glang/store"
)

// Go ends a program that gets no memory, and the kernel kills one that takes
// what there is not. So an evaluation asks first (eval.Options.Room), and is
// refused what would come to that.

const (
	// arena is by how much the address space of the Go heap grows.
	arena = 64 << 20
	// pagesSpare and addressSpare are left to what nobody asks for: trees of
	// parsed files, the collector's own memory, printing the error.
	pagesSpare   = 32 << 20
	addressSpare = 2 * arena
)

// memoryLeft is how many bytes the process may take yet.
type memoryLeft struct {
	pages     int64 // before the kernel has to kill something
	addresses int64 // before the kernel refuses
}

// roomGuard answers for how much room there is. It looks at the system anew
// whenever part of what was left has been taken.
type roomGuard struct {
	left   func() memoryLeft
	credit atomic.Int64 // bytes that need no further look
	mu     sync.Mutex
}

// room is an error if so many bytes more are not to be had.
func (g *roomGuard) room(bytes int64) error {
	if g.credit.Add(-bytes) >= 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	usable := g.usable(bytes)
	if usable < bytes {
		// Garbage is room too. What it gives must last for a while: a collection
		// now and then, not one after the other.
		if bytes >= arena {
			debug.FreeOSMemory()
		} else {
			runtime.GC()
		}
		if usable = g.usable(bytes); usable < bytes+heapSize()/16 {
			g.credit.Store(0)
			return fmt.Errorf("%s more are needed, %s are left", store.RenderSize(bytes), store.RenderSize(max(usable, 0)))
		}
	}
	g.credit.Store((usable - bytes) / 8)
	return nil
}

// usable is how much can be taken for a piece of so many bytes, or for many
// small ones.
func (g *roomGuard) usable(bytes int64) int64 {
	left := g.left()
	pages, addresses := left.pages, left.addresses
	// The heap's own free pages lie here and there: a large piece finds no place among them.
	if bytes < arena {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		pages = add(pages, int64(m.HeapIdle-m.HeapReleased))
		addresses = add(addresses, int64(m.HeapIdle))
	}
	return min(pages-pagesSpare, addresses-addressSpare)
}

// heapSize is how much the heap holds: after a collection, what is alive.
func heapSize() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// add adds what is not negative; MaxInt64 stands for no bound.
func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
