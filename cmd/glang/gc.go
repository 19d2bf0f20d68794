package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// A one-shot command mostly ends before its garbage matters: it starts with
// collection off, and once the heap has reached a floor goes over to the
// usual percentage. Off together with a hard limit would thrash there.

const (
	floorMax     = 1 << 30
	percentAfter = 100
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
	// The first collection, which the limit causes, runs this cleanup.
	runtime.AddCleanup(new([16]byte), func(struct{}) {
		debug.SetGCPercent(percentAfter)
		debug.SetMemoryLimit(math.MaxInt64)
	}, struct{}{})
}

// memory is what this process may use: the machine's, or its cgroup's limit.
func memory() uint64 {
	total := physicalMemory()
	for _, limit := range []string{"/sys/fs/cgroup" + cgroup() + "/memory.max", "/sys/fs/cgroup/memory.max",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(limit)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil && (total == 0 || n < total) {
			total = n
		}
	}
	return total
}

func cgroup() string {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if p, ok := strings.CutPrefix(line, "0::"); ok {
			return p
		}
	}
	return ""
}
