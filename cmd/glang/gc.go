package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// A one-shot command mostly ends before its garbage matters: it starts with
// collection off, and once the heap has reached a floor goes over to the
// usual percentage. Off together with a hard limit would thrash there.

const (
	floorMax     = 1 << 30
	percentAfter = 40
	headroom     = 192 << 20 // and, beside the percentage, so much more
	// stackMax is far above what the depth limits of the evaluator allow:
	// Go cannot recover from a spent stack.
	stackMax = 16 << 30
)

// tuneRuntime sets the collector and the stack up for a one-shot command.
func tuneRuntime() {
	debug.SetMaxStack(stackMax)
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return // somebody knows better
	}
	floor := uint64(floorMax)
	if ram := memory(); ram > 0 {
		floor = min(floor, ram/4)
	}
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(int64(floor))
	go prefault()
	pace(floor)
}

// pace lets the heap grow to the floor or, where that is more, by headroom and
// a percentage of what was alive before it is collected the next time: a small
// heap would be collected often, and a big one should not double. Each
// collection runs the cleanup once.
func pace(floor uint64) {
	runtime.AddCleanup(new([16]byte), func(struct{}) {
		if fixedPace.Load() {
			return
		}
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(sample)
		live := max(sample[0].Value.Uint64(), 1<<20)
		more := live/100*percentAfter + headroom
		if live < floor {
			more = max(more, floor-live)
		}
		debug.SetGCPercent(int(100 * more / live))
		debug.SetMemoryLimit(math.MaxInt64)
		pace(floor)
	}, struct{}{})
}

// fixedPace ends pace.
var fixedPace atomic.Bool

// collectAt has a command collect at a percentage of its own, without a floor.
func collectAt(percent int) {
	fixedPace.Store(true)
	debug.SetGCPercent(percent)
	debug.SetMemoryLimit(math.MaxInt64)
}
