package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// A one-shot command mostly ends before its garbage matters: it starts with
// collection off, and once the heap has reached a floor goes over to the
// usual percentage. Off together with a hard limit would thrash there.

const (
	floorMax     = 1 << 30
	percentAfter = 25
	// stackMax is far above what the depth limits of the evaluator allow:
	// Go cannot recover from a spent stack.
	stackMax = 16 << 30
	// settleDelay is what settle waits. Many commands end before.
	settleDelay = 4 * time.Millisecond
)

// collector decides when the heap of this process is collected.
var collector = pacer{floor: floorMax}

// pacer lets the heap grow to the floor or, where that is more, by seven
// sixteenths of the floor and a percentage of what was alive before it is
// collected the next time: a small heap would be collected often, and a big one
// should not double.
type pacer struct {
	mu      sync.Mutex
	floor   int64
	reached bool // the floor; percentages hold since
	fixed   bool // the command has a percentage of its own
}

// tuneRuntime sets the collector and the stack up for a one-shot command.
func tuneRuntime() {
	debug.SetMaxStack(stackMax)
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return // somebody knows better
	}
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(floorMax)
	go settle()
}

// settle does the rest, which a command of a few milliseconds need not wait
// for: it has not come to the lowest floor by then.
func settle() {
	time.Sleep(settleDelay)
	if ram := memory(); ram > 0 {
		collector.lower(int64(min(ram/4, math.MaxInt64)))
	}
	collector.watch()
	prefault()
}

// lower takes the floor down for a small machine.
func (p *pacer) lower(floor int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.floor = min(p.floor, floor); !p.reached && !p.fixed {
		debug.SetMemoryLimit(p.floor)
	}
}

// watch sets the pace anew after each collection: each runs a cleanup once.
func (p *pacer) watch() {
	runtime.AddCleanup(new([16]byte), func(struct{}) {
		if p.collected() {
			p.watch()
		}
	}, struct{}{})
}

// collected sets the pace after a collection, unless it is fixed.
func (p *pacer) collected() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fixed {
		return false
	}
	p.reached = true
	debug.SetMemoryLimit(math.MaxInt64)
	live := max(heapAlive(), 1<<20)
	more := live/100*percentAfter + p.floor/16*7
	if live < p.floor {
		more = max(more, p.floor-live)
	}
	debug.SetGCPercent(int(100 * more / live))
	return true
}

// heapAlive is how much the last collection found alive. (The package
// runtime/metrics knows, but costs every start of a program 0.06 ms.)
func heapAlive() int64 {
	debug.SetGCPercent(100) // so the heap may double
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.NextGC / 2)
}

// collectAt has a command collect at a percentage of its own, without a floor.
func collectAt(percent int) {
	collector.mu.Lock()
	defer collector.mu.Unlock()
	collector.fixed = true
	debug.SetGCPercent(percent)
	debug.SetMemoryLimit(math.MaxInt64)
}
