package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

// TestPacer: what a collection found alive is known, and decides with the
// floor when the next one comes.
func TestPacer(t *testing.T) {
	percent, limit := debug.SetGCPercent(-1), debug.SetMemoryLimit(math.MaxInt64)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	keep := make([]byte, 64<<20)
	garbage := make([]byte, 64<<20)
	runtime.GC()
	runtime.KeepAlive(garbage)
	garbage = nil
	runtime.GC()
	if n := heapAlive(); n < 64<<20 || n > 96<<20 {
		t.Errorf("%d bytes are alive, want 64 MiB and a little", n)
	}
	for _, floor := range []int64{0, 1 << 30} {
		p := pacer{floor: floor}
		if !p.collected() || !p.reached {
			t.Error("the pace is not set")
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		want := max(uint64(floor), 64<<20*(100+percentAfter)/100+uint64(floor)/16*7)
		if m.NextGC < want-want/8 || m.NextGC > want+want/8+32<<20 {
			t.Errorf("floor %d: the next collection comes at %d, want about %d", floor, m.NextGC, want)
		}
	}
	runtime.KeepAlive(keep)
}
